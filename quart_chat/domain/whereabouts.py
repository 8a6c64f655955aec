"""Where the visitors are who are at home with this process."""

from collections import Counter
from collections.abc import Iterator, Mapping

from quart_chat.domain.spaces import SpaceId, kind_of_queue, kind_of_room
from quart_chat.domain.visitors import VisitorId


class Whereabouts:
    """One space for each visitor who is somewhere, and how many present ones are in each kind of place.

    Somebody whose page is gone keeps its place for a while, and is not counted.
    """

    def __init__(self) -> None:
        self._at: dict[VisitorId, SpaceId] = {}
        self._inside: dict[SpaceId, dict[VisitorId, None]] = {}
        self._absent: set[VisitorId] = set()
        self._counts: Counter[str] = Counter()

    def of(self, visitor: VisitorId) -> SpaceId | None:
        """Where a visitor is; None at a door."""
        return self._at.get(visitor)

    def inside(self, space: SpaceId) -> Iterator[VisitorId]:
        """Who is in a space."""
        return iter(list(self._inside.get(space, ())))

    def spaces(self) -> Iterator[SpaceId]:
        """The spaces that somebody is in."""
        return iter(list(self._inside))

    def is_anybody_in(self, space: SpaceId) -> bool:
        """Say whether anybody is in a space."""
        return space in self._inside

    def counts(self) -> Mapping[str, int]:
        """How many present visitors are in each kind of place, and in each queue."""
        return self._counts

    def put(self, visitor: VisitorId, space: SpaceId, present: bool) -> None:
        """Note that a visitor is in a space, and nowhere else."""
        self.remove(visitor)
        self._at[visitor] = space
        self._inside.setdefault(space, {})[visitor] = None
        if present:
            self._count(space, 1)
        else:
            self._absent.add(visitor)

    def remove(self, visitor: VisitorId) -> None:
        """Note that a visitor is nowhere."""
        space = self._at.pop(visitor, None)
        if space is None:
            return
        del self._inside[space][visitor]
        if not self._inside[space]:
            del self._inside[space]
        if visitor in self._absent:
            self._absent.discard(visitor)
        else:
            self._count(space, -1)

    def set_absent(self, visitor: VisitorId) -> None:
        """Note that a visitor's page is gone."""
        space = self._at.get(visitor)
        if space is not None and visitor not in self._absent:
            self._absent.add(visitor)
            self._count(space, -1)

    def _count(self, space: SpaceId, by: int) -> None:
        kind = kind_of_room(space) or kind_of_queue(space)
        if kind:
            self._counts[kind] += by
        if kind_of_queue(space):
            self._counts[space] += by
