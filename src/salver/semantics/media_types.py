"""Media types by file name: a table of the web's own first, the system's only for what is not in it.

The table is pinned because `mimetypes` reads the machine: the same site would be sent differently from two of them
(on some, JavaScript as text/plain, which browsers refuse to run). `mimetypes` is loaded when a name first needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DEFAULT_TYPE = "application/octet-stream"

WEB_TYPES: Mapping[str, str] = MappingProxyType(
    {
        # documents
        ".html": "text/html", ".htm": "text/html", ".xhtml": "application/xhtml+xml", ".css": "text/css",
        ".js": "text/javascript", ".mjs": "text/javascript", ".cjs": "text/javascript", ".txt": "text/plain",
        ".text": "text/plain", ".log": "text/plain", ".md": "text/markdown", ".markdown": "text/markdown",
        ".rst": "text/x-rst", ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".ics": "text/calendar",
        ".vcf": "text/vcard", ".vtt": "text/vtt", ".xml": "application/xml",
        ".xsl": "application/xml",
        # source, shown rather than downloaded or run
        ".py": "text/x-python", ".pyi": "text/x-python", ".c": "text/x-c", ".h": "text/x-c", ".cpp": "text/x-c++",
        ".hpp": "text/x-c++", ".rs": "text/x-rust", ".go": "text/x-go", ".java": "text/x-java", ".sh": "text/x-sh",
        ".ts": "text/plain", ".tsx": "text/plain", ".jsx": "text/plain", ".ini": "text/plain", ".cfg": "text/plain",
        ".conf": "text/plain", ".toml": "application/toml", ".yaml": "application/yaml", ".yml": "application/yaml",
        # data
        ".json": "application/json", ".map": "application/json", ".jsonl": "application/jsonl",
        ".geojson": "application/geo+json", ".jsonld": "application/ld+json",
        ".webmanifest": "application/manifest+json", ".atom": "application/atom+xml", ".rss": "application/rss+xml",
        ".wasm": "application/wasm", ".pdf": "application/pdf", ".epub": "application/epub+zip",
        ".rtf": "application/rtf", ".sql": "application/sql",
        # images
        ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
        ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif", ".apng": "image/apng",
        ".jxl": "image/jxl", ".heic": "image/heic", ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff",
        ".ico": "image/vnd.microsoft.icon",
        # fonts
        ".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
        # sound and film
        ".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".aac": "audio/aac", ".flac": "audio/flac", ".wav": "audio/wav",
        ".oga": "audio/ogg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".weba": "audio/webm", ".mid": "audio/midi",
        ".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".ogv": "video/ogg",
        ".mov": "video/quicktime", ".mkv": "video/matroska", ".avi": "video/x-msvideo", ".mpeg": "video/mpeg",
        ".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml",
        # packed; the type of what is packed is not the type of the packet
        ".zip": "application/zip", ".gz": "application/gzip", ".tgz": "application/gzip", ".zst": "application/zstd",
        ".br": DEFAULT_TYPE, ".bz2": "application/x-bzip2", ".xz": "application/x-xz", ".tar": "application/x-tar",
        ".7z": "application/x-7z-compressed", ".whl": "application/zip", ".jar": "application/java-archive",
        ".bin": DEFAULT_TYPE, ".exe": DEFAULT_TYPE, ".dll": DEFAULT_TYPE, ".iso": DEFAULT_TYPE,
        ".dmg": DEFAULT_TYPE, ".deb": DEFAULT_TYPE, ".rpm": DEFAULT_TYPE,
    }
)  # fmt: skip

_COMPRESSIBLE = frozenset(
    (
        "application/javascript", "application/json", "application/jsonl", "application/pgp-signature",
        "application/rtf", "application/sql", "application/toml", "application/wasm", "application/x-sh",
        "application/xml", "application/yaml", "application/vnd.apple.mpegurl", "font/otf",
        "font/ttf", "image/bmp", "image/vnd.microsoft.icon", "image/x-icon",
    )
)  # fmt: skip


class MediaTypes:
    """Which media type a file is sent as. Immutable; safe to share between threads."""

    __slots__ = ("_own",)

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        """`own`: suffix ("\\.md", compared without case) or "" for everything else -> Content-Type as it is to be
        sent; it goes before the table, and nothing is added to it."""
        self._own = {suffix.lower(): media_type for suffix, media_type in (own or {}).items()}

    def of(self, name: str) -> str:
        """The Content-Type for a file of this name, with charset=utf-8 on text."""
        dot = name.rfind(".")
        suffix = name[dot:].lower() if dot > 0 else ""
        if suffix and suffix in self._own:
            return self._own[suffix]
        media_type = WEB_TYPES.get(suffix) or _from_system(suffix)
        if media_type is None:
            return self._own.get("", DEFAULT_TYPE)
        return with_charset(media_type)


def _from_system(suffix: str) -> str | None:
    if not suffix:
        return None
    import mimetypes

    if not mimetypes.inited:
        mimetypes.init()
    return mimetypes.types_map.get(suffix)


def with_charset(media_type: str) -> str:
    """`media_type` with charset=utf-8 where it is text: without it browsers guess by the reader's country."""
    return media_type + "; charset=utf-8" if media_type.startswith("text/") else media_type


def is_compressible(content_type: str) -> bool:
    """Is a body of this Content-Type worth a content coding? Text is; images, film and packed files are not."""
    media_type = content_type.partition(";")[0].rstrip(" \t").lower()
    return media_type.startswith("text/") or media_type.endswith(("+json", "+xml")) or media_type in _COMPRESSIBLE
