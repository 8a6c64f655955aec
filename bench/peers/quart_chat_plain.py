"""Quart on Hypercorn, as its users write a chat: a `send` per member."""

from datetime import UTC, datetime

from quart import Quart, Websocket, json, websocket

app = Quart(__name__)
connected: set[Websocket] = set()


async def broadcast(message: str) -> None:
    for connection in list(connected):
        await connection.send(message)


@app.websocket("/ws")
async def chat() -> None:
    connection = websocket._get_current_object()  # type: ignore[attr-defined] # how Quart's docs leave the proxy
    name = websocket.args["name"]
    connected.add(connection)
    try:
        while True:
            said = await websocket.receive_json()
            now = datetime.now(UTC).isoformat()
            await broadcast(json.dumps({"name": name, "text": said["text"], "time": now}))
    finally:
        connected.remove(connection)
