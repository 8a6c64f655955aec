"""python-socketio on Uvicorn: one room, one `emit`."""

from datetime import UTC, datetime
from typing import Any

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def connect(sid: str, environ: dict[str, Any], auth: dict[str, str]) -> None:
    await sio.save_session(sid, {"name": auth["name"]})
    await sio.enter_room(sid, "lobby")


@sio.event
async def say(sid: str, said: dict[str, str]) -> None:
    session = await sio.get_session(sid)
    message = {"name": session["name"], "text": said["text"], "time": datetime.now(UTC).isoformat()}
    await sio.emit("said", message, room="lobby")
