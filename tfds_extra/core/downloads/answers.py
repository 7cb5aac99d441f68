"""Tells what a server's answer is: the file, a part of it, another file, or "try again later"."""

from __future__ import annotations

import contextlib
import email.message
import email.utils
import http
import http.client
import re
import socket
import ssl
import time
import urllib.parse
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from etils import epy

from tfds_extra.core import digests, magic

with epy.lazy_imports():  # As in `transfer`.
    import requests
    import urllib3

# Bytes at the start of a file that `judge_head` wants: enough to see the title of a web page.
HEAD = 1 << 12

_GZIP = ("gzip", "x-gzip")
# No file has a size with more digits; Python refuses to read numbers with some thousand digits.
_DIGITS = 18
_SHOWN = 300  # At most so many characters from a server or a library are quoted.
_PAGE = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.{0,1000}?-->\s*)?<(!doctype\s+html|html|head|body|script|meta)\b",
    re.IGNORECASE | re.DOTALL,
)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_PAGE_SUFFIXES = (".html", ".htm", ".xhtml")


class Broken(Exception):
    """An attempt failed; the next attempt may succeed.

    Attributes:
      wait: Seconds that the server asks us to wait; None if it does not ask.
      no_such_host: Whether the name of the host did not resolve.
      too_slow: Whether the server was too slow, so that another attempt is not worth the time.
    """

    def __init__(
        self,
        reason: str,
        wait: float | None = None,
        no_such_host: bool = False,
        too_slow: bool = False,
    ):
        super().__init__(reason)
        self.wait = wait
        self.no_such_host = no_such_host
        self.too_slow = too_slow


class Refused(Exception):
    """This URL will not give the file. `differs` tells whether it gave another file."""

    def __init__(self, reason: str, differs: bool = False):
        super().__init__(reason)
        self.differs = differs


def source(url: str, response: requests.Response) -> dict[str, Any]:
    """Returns what identifies an answer: url, etag, last_modified, length, encoding.

    Raises:
      Refused: The stated length is larger than any file.
    """
    headers = response.headers
    encoding = headers.get("Content-Encoding", "").strip().lower()
    length = content_length(headers)
    return {
        "url": url,
        "etag": headers.get("ETag"),
        "last_modified": headers.get("Last-Modified"),
        "length": None if is_chunked(response) else length,
        "encoding": "" if encoding == "identity" else encoding,
    }


def content_length(headers: Mapping[str, str]) -> int | None:
    """Returns the size of a body that its server states, in bytes; None if it states none.

    Raises:
      Refused: The stated size is larger than any file.
    """
    length = headers.get("Content-Length", "")
    if not length.isdecimal():
        return None
    if len(length) > _DIGITS:
        raise Refused(f"the server states a Content-Length of {len(length):,} digits")
    return int(length)


def is_chunked(response: requests.Response) -> bool:
    """Returns whether the body itself shows where it ends."""
    return "chunked" in response.headers.get("Transfer-Encoding", "").lower()


def validator(known: Mapping[str, Any]) -> str | None:
    """Returns a value for If-Range; never a weak tag, which similar files may share."""
    etag = known.get("etag") or ""
    return etag if etag.startswith('"') else known.get("last_modified")


def is_the_rest(
    response: requests.Response, known: Mapping[str, Any], size: int, total: int | None, url: str
) -> bool:
    """Returns whether a 206 continues the `known` answer after its first `size` bytes.

    Raises:
      Refused: It states numbers that are larger than any file.
    """
    content_range = response.headers.get("Content-Range", "").strip()
    longest = max(map(len, re.findall(r"\d+", content_range)), default=0)
    if longest > _DIGITS:
        raise Refused(f"the server states a Content-Range of {longest:,} digits")
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
    if not found or int(found[1]) != size:
        return False
    if total is not None and found[2] not in ("*", str(total)):
        return False
    # This check is for servers that ignore If-Range. Others need not repeat all of these headers.
    new = source(url, response)
    names = ("etag", "last_modified", "encoding") if url == known.get("url") else ()
    return all(new[name] == known.get(name) for name in names if new[name])


def is_whole(response: requests.Response, size: int) -> bool:
    """Returns whether a 416 says that the first `size` bytes are all there are."""
    content_range = response.headers.get("Content-Range", "").replace(" ", "")
    return response.status_code == 416 and content_range == f"bytes*/{size}"


def judge_status(response: requests.Response) -> Broken | Refused:
    """Returns the error for a status other than 200 and 206."""
    code = response.status_code
    phrase = http.client.responses.get(code, "")
    reason = f"the server answers {code} {phrase}".rstrip()
    if code in (401, 403, 407):
        return Refused(f"{reason}: it wants a login or an agreement, or keeps the file to itself")
    if code in (408, 425, 429) or code >= 500:
        return Broken(reason, wait=_retry_after(response.headers.get("Retry-After")))
    return Refused(reason)


def judge_head(head: bytes, known: Mapping[str, Any], published: digests.Published) -> None:
    """Recognises a web page that a server sends instead of an error status, and other wrong files.

    Args:
      head: The first `HEAD` bytes of the body, or all of it.
      known: The `source` of the answer.
      published: What the file should be.

    Raises:
      Refused: The answer is not the file.
    """
    name, encoding = (published.filename or "").lower(), known["encoding"]
    if published.size and published.size == known["length"]:
        return  # The size is right, so that the digest will decide, whatever the file looks like.
    decoded = head
    if encoding in _GZIP:
        with contextlib.suppress(zlib.error):
            decoded = zlib.decompressobj(wbits=31).decompress(head, HEAD)
    if _PAGE.match(decoded.removeprefix(b"\xef\xbb\xbf")) and not name.endswith(_PAGE_SUFFIXES):
        title = _TITLE.search(decoded)
        words = " ".join(title[1].decode("utf-8", "replace").split()) if title else ""
        raise Refused(
            "the server sends a web page"
            + (f", {words!r}," if words else "")
            + " instead of the file: a login, consent or error page. Open the URL in a browser"
        )
    # An encoded body has no known size and digest, and is refused. An exception is a published .gz
    # file that the server only calls encoded, as Apache did for years.
    twice = decoded is not head and magic.GZIP.fits(decoded)
    mislabelled = encoding in _GZIP and name.endswith(magic.GZIP.suffixes) and not twice
    if encoding and not mislabelled:
        raise Refused(
            f"the server sends the file encoded as {encoding[:_SHOWN]!r}, although it was asked for the"
            " file as it is"
        )
    # A digest decides if there is one, because some published files are not what their name says.
    if not published.digests and not head.startswith(magic.expected(name)):
        raise Refused(f"what the server sends is not what {name} should be{glimpse(head)}")


def glimpse(head: bytes) -> str:
    """Describes the beginning of a foreign file, to be appended to a message."""
    if not head:
        return " (it is empty)"
    start = head[:60]
    shown = ascii(start.decode("ascii")) if start.isascii() else start[:16].hex(" ")
    return f" (it begins with {shown})"


def file_name(response: requests.Response) -> str:
    """Returns the server's name for the file."""
    message = email.message.Message()
    message["Content-Disposition"] = response.headers.get("Content-Disposition", "")
    return last_part(message.get_filename() or urllib.parse.urlsplit(response.url).path)


def last_part(path: str) -> str:
    """Returns the file name at the end of the path of a URL."""
    return re.split(r"[/\\]", urllib.parse.unquote(path))[-1]


def _retry_after(value: str | None) -> float | None:
    """Returns the seconds that a server asks us to wait; None if it does not ask."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value.strip()[:_DIGITS])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def network_error(error: BaseException) -> Broken | Refused:
    """Returns the error for an exception of requests, urllib3 or the socket."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Refused(f"the certificate of the host is not valid ({cause.verify_message})")
        if isinstance(cause, socket.gaierror):
            return Broken(f"the host is not found ({cause.strerror})", no_such_host=True)
        malformed = isinstance(cause, requests.RequestException) and isinstance(cause, ValueError)
        if malformed or isinstance(cause, requests.TooManyRedirects):
            return Refused(f"it leads nowhere ({str(cause)[:_SHOWN]})")
    for cause in causes:
        if isinstance(cause, requests.ConnectTimeout):
            return Broken("the host does not answer (time-out)")
        if isinstance(cause, (TimeoutError, urllib3.exceptions.ReadTimeoutError)):
            return Broken("the server fell silent (time-out)")
        if isinstance(cause, (urllib3.exceptions.IncompleteRead, http.client.IncompleteRead)):
            return Broken("the connection broke off in the middle of the file")
    spoken = [c.strerror for c in causes if isinstance(c, OSError) and c.strerror]
    return Broken(f"the connection failed ({str(spoken[-1] if spoken else error)[:_SHOWN]})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and all its causes; requests and urllib3 keep some in their arguments."""
    seen: set[int] = set()
    queue: list[Any] = [error]
    while queue:
        current = queue.pop(0)
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            reason = getattr(current, "reason", None)
            queue += [current.__cause__, current.__context__, reason, *current.args]
