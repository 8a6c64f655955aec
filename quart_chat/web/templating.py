"""One Jinja environment for pages and fragments: synchronous, always escaping, every word through gettext."""

from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from quart_chat.web.site import Site

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("en",)


def iso(at: float) -> str:
    """A time in seconds since the epoch as ISO 8601 in UTC, for <time datetime>."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


class FlatEnvironment(Environment):
    """An environment whose templates have their globals in one dict.

    Jinja's own chain of maps is copied key by key at each rendering, which takes longer than a small fragment.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The environment's globals and those of one template, as they are now."""
        return {**self.globals, **(d or {})}


class Templates:
    """The templates of every language present; each is compiled once."""

    def __init__(self, asset_url: Callable[[str], str], site: Site | None = None) -> None:
        self._asset_url = asset_url
        self._site = site or Site()
        self.find = lru_cache(maxsize=None)(self._find)
        self._environment = lru_cache(maxsize=None)(self._make_environment)

    def render(self, name: str, language: str, /, **values: object) -> Markup:
        """Render one template; raises for a value it needs and does not get.

        The result is marked as HTML, since an environment that always escapes has made it:
        put into another template it is not escaped a second time.
        """
        return Markup(self.find(name, language).render(values))  # noqa: S704 - escaped by the environment

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
