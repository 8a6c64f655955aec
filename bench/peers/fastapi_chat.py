"""FastAPI on Uvicorn: the `ConnectionManager` of its tutorial, a loop of `send_text`."""

import json
from collections import defaultdict
from datetime import UTC, datetime

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


class ConnectionManager:
    """Everybody who is connected to one room."""

    def __init__(self) -> None:
        self.active_connections: list[WebSocket] = []

    async def connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.active_connections.append(websocket)

    def disconnect(self, websocket: WebSocket) -> None:
        self.active_connections.remove(websocket)

    async def broadcast(self, message: str) -> None:
        for connection in self.active_connections:
            await connection.send_text(message)


managers: defaultdict[str, ConnectionManager] = defaultdict(ConnectionManager)


@app.websocket("/ws")
async def chat(websocket: WebSocket, name: str, room: str) -> None:
    manager = managers[room]
    await manager.connect(websocket)
    try:
        while True:
            said = await websocket.receive_json()
            now = datetime.now(UTC).isoformat()
            await manager.broadcast(json.dumps({"name": name, "text": said["text"], "time": now}))
    except WebSocketDisconnect:
        manager.disconnect(websocket)
