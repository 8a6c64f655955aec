"""One Jinja environment for pages and fragments: synchronous, always escaping, every word through gettext."""

import re
from collections.abc import Callable, Hashable, Iterable, MutableMapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from gettext import NullTranslations
from operator import itemgetter
from pathlib import Path
from typing import Any

from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from quart_chat.web.site import Site

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("en",)
STENCILS_KEPT = 64  # a page is 30 KiB; what fragments need is some ten

_special = re.compile("[&<>'\"]")
# For what is escaped already; the constructor of Markup itself looks at more.
_as_html: Callable[[str], Markup] = partial(str.__new__, Markup)


def iso(at: float) -> str:
    """A time in seconds since the epoch as ISO 8601 in UTC, for <time datetime>."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _escaped(value: object) -> str:
    """What `escape` does, but HTML is left as it is instead of copied."""
    return value if type(value) is Markup else escape(value)


def joined(parts: Iterable[str]) -> Markup:
    """One piece of HTML of several; what is plain text among them is escaped."""
    return _as_html("".join(map(_escaped, parts)))


class FlatEnvironment(Environment):
    """An environment whose templates have their globals in one dict.

    Jinja's own chain of maps is copied key by key at each rendering, which takes longer than a small fragment.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The environment's globals and those of one template, as they are now."""
        return {**self.globals, **(d or {})}


class Stencil:
    """A template rendered once, with marks where its values go. To fill it in is to format one string."""

    __slots__ = ("_format", "_order")

    def __init__(self, html: str, marks: Sequence[str]) -> None:
        """Raises ValueError if a mark is nowhere in the HTML: the template leaves that value out, or changes it."""
        pieces = re.split("|".join(f"({re.escape(mark)})" for mark in marks), html)
        found = [piece for piece in pieces if piece in marks]
        if missing := set(marks).difference(found):
            raise ValueError(f"the template does not show {missing}")
        self._format = "".join("%s" if piece in marks else piece.replace("%", "%%") for piece in pieces if piece)
        self._order = itemgetter(*map(marks.index, found))

    def fill(self, *values: object) -> Markup:
        """The template with values in the order of its marks, each escaped as Jinja escapes it.

        Most values hold nothing to escape, and to look at all of them together is faster than to escape each.
        """
        if _special.search("".join(map(str, values))):
            values = tuple(map(_escaped, values))
        return _as_html(self._format % self._order(values))


class Templates:
    """The templates of every language present; each is compiled once."""

    def __init__(self, asset_url: Callable[[str], str], site: Site | None = None) -> None:
        self._asset_url = asset_url
        self._site = site or Site()
        self.find = lru_cache(maxsize=None)(self._find)
        self.stencil = lru_cache(maxsize=STENCILS_KEPT)(self._make_stencil)
        self._environment = lru_cache(maxsize=None)(self._make_environment)

    def render(self, name: str, language: str, /, **values: object) -> Markup:
        """Render one template; raises for a value it needs and does not get.

        The result is marked as HTML, since an environment that always escapes has made it:
        put into another template it is not escaped a second time.
        """
        return Markup(self.find(name, language).render(values))  # noqa: S704 - escaped by the environment

    def _make_stencil(self, name: str, language: str, /, *marked: str, **fixed: Hashable) -> Stencil:
        """The stencil of a template for what is shown often: `marked` are its values, on `fixed` its markup depends."""
        marks = {value: f"\ue000{value}\ue001" for value in marked}
        return Stencil(str(self.render(name, language, **fixed, **marks)), list(marks.values()))

    def gettext(self, language: str) -> NullTranslations:
        """The words of one language."""
        return Translations.load(ROOT / "quart_chat" / "locale", [language])

    def _find(self, name: str, language: str) -> Template:
        return self._environment(language).get_template(name)

    def _make_environment(self, language: str) -> Environment:
        environment = FlatEnvironment(
            loader=FileSystemLoader(ROOT / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,  # looks at a file's date at each rendering
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.filters["iso"] = iso
        words = self.gettext(language)
        environment.newstyle_gettext = True  # type: ignore[attr-defined] # set by the i18n extension
        environment.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
        environment.globals.update(asset=self._asset_url, lang=language, site=self._site)
        return environment
