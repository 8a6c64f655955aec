"""Quart on Hypercorn, as its users write a chat: a `send` per member."""

from collections import defaultdict
from datetime import UTC, datetime

from quart import Quart, Websocket, json, websocket

app = Quart(__name__)
rooms: defaultdict[str, set[Websocket]] = defaultdict(set)


async def broadcast(connected: set[Websocket], message: str) -> None:
    for connection in list(connected):
        await connection.send(message)


@app.websocket("/ws")
async def chat() -> None:
    connection = websocket._get_current_object()  # type: ignore[attr-defined] # how Quart's docs leave the proxy
    name, connected = websocket.args["name"], rooms[websocket.args["room"]]
    connected.add(connection)
    try:
        while True:
            said = await websocket.receive_json()
            now = datetime.now(UTC).isoformat()
            await broadcast(connected, json.dumps({"name": name, "text": said["text"], "time": now}))
    finally:
        connected.remove(connection)
