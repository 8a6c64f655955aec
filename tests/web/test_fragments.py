import tracemalloc

from markupsafe import Markup, escape

from quart_chat.delivery.channels import MessageBatch
from quart_chat.domain.messages import Message
from quart_chat.domain.spaces import LOBBY
from quart_chat.domain.text import MAX_TEXT
from quart_chat.domain.visitors import Member, VisitorId
from quart_chat.web.fragments import MESSAGES_KEPT_BYTES, Fragments
from quart_chat.web.html_cache import HtmlCache
from quart_chat.web.templating import Templates

ANN = Member(VisitorId("ann"), "Ann")
OTHER = 1024 * 1024  # bytes; what else is allocated while templates render


def said(seq: int, text: str) -> MessageBatch:
    return MessageBatch([Message(seq, f"key-{seq}", ANN, text, 0.0, False)])


def html(size: int, char: str = "x") -> Markup:
    return escape(char * size)


def test_the_widest_messages_are_not_kept_beyond_the_bound() -> None:
    """Issue 11, line 14."""
    fragments = Fragments(Templates(str))
    fragments.for_room(LOBBY, said(0, "templates are compiled now"), "en")
    tracemalloc.start()
    try:
        for seq in range(1, 1_500):
            fragments.for_room(LOBBY, said(seq, "\U0001f98a" * MAX_TEXT), "en")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MESSAGES_KEPT_BYTES + OTHER


def test_a_cache_renders_once_what_it_still_has() -> None:
    cache = HtmlCache(10_000)
    assert cache.get("one", lambda: html(1)) is cache.get("one", lambda: html(2))


def test_a_cache_lets_the_oldest_go_first_and_counts_bytes() -> None:
    """Issue 11, line 14."""
    cache = HtmlCache(10_000)
    for key in range(1_000):
        cache.get(key, lambda: html(1_000))
        assert cache.size <= 10_000
    assert len(cache) == 9
    assert cache.get(999, lambda: html(1)) == html(1_000)
    assert cache.get(0, lambda: html(1)) == html(1)


def test_a_cache_counts_a_wide_character_as_wide_as_it_is_kept() -> None:
    """Issue 11, line 14."""
    cache = HtmlCache(10_000)
    cache.get("narrow", lambda: html(1_000))
    narrow = cache.size
    cache.get("wide", lambda: html(1_000, "\U0001f98a"))
    assert cache.size - narrow > 3 * narrow


def test_what_is_larger_than_a_cache_is_rendered_and_not_kept() -> None:
    cache = HtmlCache(100)
    assert cache.get("large", lambda: html(1_000)) == html(1_000)
    assert (len(cache), cache.size) == (0, 0)
