"""Rendered HTML, kept for those who see the same a moment later."""

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable

from markupsafe import Markup


class HtmlCache:
    """Keeps rendered HTML by key, at most so many bytes of memory; the oldest goes first.

    Counting entries would not bound the memory: one message may take forty times as much as another.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, Markup] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, render: Callable[[], Markup]) -> Markup:
        """Give what is kept under a key; render and keep it where nothing is."""
        html = self._kept.get(key)
        if html is None:
            html = render()
            self._keep(key, html)
        return html

    def drop(self, key: Hashable) -> None:
        """Keep nothing under a key any longer."""
        if (html := self._kept.pop(key, None)) is not None:
            self.size -= sys.getsizeof(html)

    def _keep(self, key: Hashable, html: Markup) -> None:
        self._kept[key] = html
        self.size += sys.getsizeof(html)
        while self.size > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self.size -= sys.getsizeof(oldest)
