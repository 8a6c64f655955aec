"""The library `websockets` with its `broadcast`, on uvloop."""

import asyncio
import json
import sys
from collections import defaultdict
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

rooms: defaultdict[str, set[ServerConnection]] = defaultdict(set)


async def chat(connection: ServerConnection) -> None:
    assert connection.request
    query = parse_qs(urlsplit(connection.request.path).query)
    name, connected = query["name"][0], rooms[query["room"][0]]
    connected.add(connection)
    try:
        async for frame in connection:
            said = json.loads(frame)
            now = datetime.now(UTC).isoformat()
            broadcast(connected, json.dumps({"name": name, "text": said["text"], "time": now}))
    finally:
        connected.remove(connection)


async def main(port: int) -> None:
    async with serve(chat, "127.0.0.1", port, backlog=1024):
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
