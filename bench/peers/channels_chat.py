"""Django Channels on Daphne: the consumer of its tutorial, with the layer in memory instead of Redis."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

settings.configure(
    SECRET_KEY="bench",  # noqa: S106 - protects nothing here
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["daphne", "channels"],
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)
django.setup()


class ChatConsumer(AsyncWebsocketConsumer):
    """One member of the lobby."""

    async def connect(self) -> None:
        self.name = parse_qs(self.scope["query_string"].decode())["name"][0]
        await self.channel_layer.group_add("lobby", self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard("lobby", self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        said = json.loads(text_data or "{}")
        message = {"name": self.name, "text": said["text"], "time": datetime.now(UTC).isoformat()}
        await self.channel_layer.group_send("lobby", {"type": "chat.message", "message": message})

    async def chat_message(self, event: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(event["message"]))


application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter([path("ws", ChatConsumer.as_asgi())])}
)
