"""An HTTP server on the loopback address that misbehaves as a test asks it to."""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import gzip
import hashlib
import http.server
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

_BLOCK = 1 << 16
_FOREVER = 20  # Seconds for which a silent server is silent: longer than any test waits.


class Content(Protocol):
    """Bytes, or what makes them when they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: slice, /) -> bytes: ...


@dataclasses.dataclass
class Route:
    """What is served under one path, and what is wrong with how.

    A list holds what happens to one request after the other; when it is used up, all is well.

    Attributes:
      content: The body: bytes, or anything with a length of which slices are bytes.
      statuses: Answers before the first good one: status, headers, body.
      cuts: Close the connection after so many bytes of the whole file.
      stalls: Fall silent after so many bytes of the whole file.
      ranges: Whether Range is understood.
      if_range: Whether If-Range is understood.
      etag: `strong`, `weak`, or none.
      last_modified: Whether the time of the last change is told.
      length: Content-Length is told, `none` is told, or it differs by so many bytes.
      chunked: Whether the body is sent in chunks.
      encode: Whether the body is sent compressed, although nobody asked.
      mislabel: Whether the body is said to be compressed on the fly.
      content_type: Content-Type.
      wants_agent: Whether who does not introduce himself is turned away.
      drip: Bytes and seconds: how slowly the body comes.
      shifted: Whether a 206 starts elsewhere than asked.
      successor: The content from the second request on.
      no_content_range: Whether a 206 does not say which part it is.
      speed: Bytes a second.
      endless: In place of an answer, bytes, then other bytes again and again with so many seconds
        between them.
      headers: More headers; one of a name that is sent anyway takes its place.
      sent: Bytes of bodies that were sent.
      requests: Headers of the requests.
    """

    content: Content = b""
    statuses: list[tuple[int, dict[str, str], bytes]] = dataclasses.field(default_factory=list)
    cuts: list[int] = dataclasses.field(default_factory=list)
    stalls: list[int] = dataclasses.field(default_factory=list)
    ranges: bool = True
    if_range: bool = True
    etag: str | None = "strong"
    last_modified: bool = True
    length: int | str = 0
    chunked: bool = False
    encode: bool = False
    mislabel: bool = False
    content_type: str = "application/octet-stream"
    wants_agent: bool = False
    drip: tuple[int, float] | None = None
    shifted: bool = False
    successor: bytes | None = None
    no_content_range: bool = False
    speed: float | None = None
    endless: list[tuple[bytes, bytes, float]] = dataclasses.field(default_factory=list)
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    sent: int = 0
    requests: list[dict[str, str]] = dataclasses.field(default_factory=list)


class Server:
    """The server; every path that is not routed is a 404."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.open_connections: set[_Handler] = set()
        self.most_connections = 0
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        # Close to what the client has read: a large buffer would count as sent what never arrived.
        self._http.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def add(self, path: str, content: Content = b"", **behaviour: object) -> str:
        """Serves `content` under `path`; returns the URL."""
        # Lists are used up, and a test's table of behaviours is used more than once.
        own = {k: list(v) if isinstance(v, list) else v for k, v in behaviour.items()}
        # Compressed here, since a busy machine would answer later than a test waits.
        if own.get("encode"):
            content = gzip.compress(content, mtime=0)
        self.routes[path] = Route(content, **own)
        return self.url(path)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self._http.server_port}{path}"

    def requests(self, path: str) -> list[dict[str, str]]:
        """Headers of the requests for a path, as far as it is routed."""
        return self.routes[path].requests

    def close(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server that runs during the block."""
    server = Server()
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def running_ftp(said: bytes, send: Callable[[socket.socket], None]) -> Iterator[str]:
    """An FTP server that runs during the block, of one file.

    Args:
      said: The number of bytes that it tells.
      send: Sends the content.

    Yields:
      The URL of the file.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = server, said, send
        threading.Thread(target=_serve_ftp, args=arguments, daemon=True).start()
        yield f"ftp://127.0.0.1:{server.getsockname()[1]}/corpus.bin"


def _serve_ftp(server: socket.socket, said: bytes, send: Callable[[socket.socket], None]) -> None:
    answers = {b"USER": b"331 ?", b"PASS": b"230 !", b"EPSV": b"500 ?", b"QUIT": b"221 bye"}
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # Closed.
            return
        with connection, connection.makefile("rwb", 0) as control, contextlib.suppress(OSError):
            control.write(b"220 welcome\r\n")
            for line in control:
                command = line.split()[0]
                if command == b"PASV":
                    data = socket.create_server(("127.0.0.1", 0))
                    port = data.getsockname()[1]
                    control.write(b"227 (127,0,0,1,%d,%d)\r\n" % divmod(port, 256))
                elif command == b"RETR":
                    control.write(b"150 opening (%s bytes)\r\n" % said)
                    with data, data.accept()[0] as content:
                        send(content)
                    control.write(b"226 done\r\n")
                else:
                    control.write(answers.get(command, b"200 well") + b"\r\n")


class _Handler(http.server.BaseHTTPRequestHandler):
    owner: Server

    def log_message(self, *args: object) -> None:
        """Not a word."""

    def do_GET(self) -> None:
        owner = self.owner
        with owner.lock:
            owner.open_connections.add(self)
            owner.most_connections = max(owner.most_connections, len(owner.open_connections))
        try:
            self._answer(owner.routes.get(self.path.partition("?")[0]))
        except (ConnectionError, TimeoutError):
            pass  # The client has gone.
        finally:
            self.close_connection = True
            owner.open_connections.discard(self)

    def _answer(self, route: Route | None) -> None:
        if route is None:
            return self._short(404, {}, b"no such file")
        with self.owner.lock:
            route.requests.append(dict(self.headers.items()))
            if route.successor is not None and len(route.requests) == 2:
                route.content, route.successor = route.successor, None
            content = route.content
            status = route.statuses.pop(0) if route.statuses else None
            cut = route.cuts.pop(0) if not status and route.cuts else None
            stall = route.stalls.pop(0) if not status and route.stalls else None
            endless = route.endless.pop(0) if route.endless else None
        agent = self.headers.get("User-Agent", "")
        if route.wants_agent and (not agent or agent.startswith("python")):
            return self._short(403, {}, b"who are you?")
        if status:
            return self._short(*status)
        if endless:
            return self._send_for_ever(route, *endless)
        tags = _tags(route, content)
        start, stop = self._span(route, content, tags)
        is_part = (start, stop) != (0, None)
        stop = len(content) if stop is None else stop
        if start > 0 and start >= len(content):
            return self._short(416, {"Content-Range": f"bytes */{len(content)}"}, b"")
        size = stop - start
        if is_part and route.shifted:
            start, stop = start - 1, stop - 1
        self.protocol_version = "HTTP/1.1" if route.chunked else "HTTP/1.0"
        self.send_response(206 if is_part else 200)
        headers = {**tags, "Content-Type": route.content_type}
        if is_part and not route.no_content_range:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        if route.encode or route.mislabel:
            headers["Content-Encoding"] = "gzip"
        if route.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif route.length != "none":
            headers["Content-Length"] = str(size + route.length)
        for name, value in {**headers, **route.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if is_part and route.shifted:
            start, stop = start + 1, stop + 1
        self._send(route, content, start, stop, cut, stall)

    def _span(self, route: Route, content: Content, tags: dict[str, str]) -> tuple[int, int | None]:
        """Where the body starts, and where it stops; 0 and None for all of it."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked or not route.ranges:
            return 0, None
        condition = self.headers.get("If-Range")
        if condition and route.if_range:
            # A weak tag never matches: it says that two files are as good as the same.
            strong = route.etag == "strong" and condition == tags["ETag"]
            if not strong and condition != tags.get("Last-Modified"):
                return 0, None
        return int(asked[1]), min(int(asked[2]) + 1, len(content)) if asked[2] else None

    def _send(
        self, route: Route, content: Content, start: int, stop: int, cut: int | None,
        stall: int | None,
    ) -> None:  # fmt: skip
        cut = cut if cut is not None and cut > start else None
        stall = stall if stall is not None and stall > start else None
        step, pause = route.drip or (_BLOCK, 0)
        begun = time.monotonic()
        at = 0
        size = stop - start
        while at < size:
            end = min(size, at + step)
            for limit in (cut, stall):
                if limit is not None:
                    end = min(end, limit - start)
            block = content[start + at : start + end]
            if end == size:  # The client may open the next one before this thread goes on.
                self.owner.open_connections.discard(self)
            with self.owner.lock:  # Before the client can have it.
                route.sent += len(block)
            if route.chunked:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block) if block else b"")
            else:
                self.wfile.write(block)
            at = end
            if cut is not None and start + at >= cut:
                self.wfile.flush()
                return
            if stall is not None and start + at >= stall:
                self.owner.stopping.wait(_FOREVER)
                return
            if route.speed:
                pause = max(0, begun + at / route.speed - time.monotonic())
            if pause:
                self.owner.stopping.wait(pause)
        if route.chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _send_for_ever(self, route: Route, first: bytes, then: bytes, pause: float) -> None:
        self.wfile.write(first)
        while not self.owner.stopping.is_set():
            self.wfile.write(then)
            with self.owner.lock:
                route.sent += len(then)
            if pause:
                self.owner.stopping.wait(pause)

    def _short(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _tags(route: Route, content: Content) -> dict[str, str]:
    """ETag and Last-Modified of a content."""
    tag = hashlib.blake2b(content[:_BLOCK] + content[-_BLOCK:], digest_size=8).hexdigest()
    tags = {}
    if route.etag:
        tags["ETag"] = f'"{tag}"' if route.etag == "strong" else f'W/"{tag}"'
    if route.last_modified:
        tags["Last-Modified"] = email.utils.formatdate(int(tag[:7], 16), usegmt=True)
    return tags
