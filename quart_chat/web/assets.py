"""Static files under names that change with their content, compressed once at start."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from mimetypes import guess_type
from pathlib import Path

COMPRESSIBLE = {".css", ".js", ".svg", ".webmanifest", ".ico", ".txt"}
MEDIA_TYPES = {".webmanifest": "application/manifest+json", ".js": "text/javascript", ".ico": "image/x-icon"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file, ready to be sent."""

    url: str
    media_type: str
    body: bytes
    gzipped: bytes | None


class Assets:
    """All files below one folder; a URL holds ten digits of the content's SHA-256, so it never goes stale."""

    def __init__(self, folder: Path) -> None:
        self._by_path: dict[str, Asset] = {}
        self._by_url: dict[str, Asset] = {}
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self._add(file.relative_to(folder).as_posix(), file)

    def url(self, path: str) -> str:
        """The URL of a file; raises KeyError for one that is not there."""
        return self._by_path[path].url

    def at(self, url: str) -> Asset | None:
        """Find an asset by its URL."""
        return self._by_url.get(url)

    def _add(self, path: str, file: Path) -> None:
        body = file.read_bytes()
        media_type = MEDIA_TYPES.get(file.suffix) or guess_type(file.name)[0] or "application/octet-stream"
        gzipped = gzip.compress(body, 9, mtime=0) if file.suffix in COMPRESSIBLE else None
        asset = Asset(f"/static/{sha256(body).hexdigest()[:10]}/{path}", media_type, body, gzipped)
        self._by_path[path] = self._by_url[asset.url] = asset
