"""The HTTP API for programs, described at /openapi.json and, for people, at /docs."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from quart import Blueprint, Response, abort, current_app, request
from quart_schema import hide, tag, validate_response

from quart_chat.domain.spaces import Kind
from quart_chat.web.pages import Pages
from quart_chat.web.services import Services


class CreatedRoom(msgspec.Struct):
    """A room that waits ten minutes for its first visitor."""

    code: str
    url: str


class OpenRoom(msgspec.Struct):
    """A room that is open now."""

    code: str
    people: int


class Status(msgspec.Struct):
    """How many people are in each kind of place, queues included."""

    text: int
    video: int
    lobby: int
    rooms: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One entry of the API, as /docs shows it."""

    method: str
    path: str
    summary: str
    responses: Mapping[str, str]


def api_routes(services: Services) -> Blueprint:
    """The routes below /api, and their description."""
    blueprint = Blueprint("api", __name__)
    pages = Pages(services)

    @blueprint.post("/api/rooms")
    @tag(["rooms"])
    @validate_response(CreatedRoom, 201)
    async def create() -> tuple[CreatedRoom, int]:
        """Create a room."""
        if "Origin" in request.headers:
            pages.refuse_foreign_origin()
        code = await pages.create_room()
        return CreatedRoom(code, pages.link_to(code)), 201

    @blueprint.get("/api/rooms/<code>")
    @tag(["rooms"])
    @validate_response(OpenRoom)
    async def look(code: str) -> OpenRoom:
        """Look whether a room is open, and how many people are in it."""
        found = await pages.find_room(code)
        people = await services.chat.people_in(found) if found else None
        if found is None or people is None:
            abort(404)
        return OpenRoom(found, people)

    @blueprint.get("/api/status")
    @tag(["status"])
    @validate_response(Status)
    async def status() -> Status:
        """Count the people in each kind of place."""
        return Status(**pages.counts())

    @blueprint.get("/docs")
    @hide
    async def docs() -> Response:
        schema = current_app.extensions["QUART_SCHEMA"].openapi_provider.schema()
        return pages.show("pages/api.html", operations=_operations(schema), kinds=list(Kind))

    return blueprint


def _operations(schema: Mapping[str, object]) -> list[Operation]:
    paths = schema["paths"]
    assert isinstance(paths, Mapping)  # noqa: S101 - OpenAPI says so
    return [
        Operation(
            method.upper(),
            path,
            described.get("summary", ""),
            {status: answer.get("description", "") for status, answer in described["responses"].items()},
        )
        for path, methods in paths.items()
        for method, described in methods.items()
    ]
