"""Brings one file from its URLs to the disk, over lines that break and from servers that misbehave.

A file is handed on only when it is complete and, if a digest is known, has this digest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import http
import http.client
import itertools
import pathlib
import random
import shutil
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import logging
from etils import epath, epy

from tfds_extra.core import digests
from tfds_extra.core.downloads import answers, connections
from tfds_extra.core.downloads.answers import Broken, Refused
from tfds_extra.core.downloads.partial import Partial, discard
from tfds_extra.core.downloads.policy import Policy as Policy  # Used by name from here.
from tfds_extra.core.errors import CorpusError

with epy.lazy_imports():  # The import takes a fifth of a second, which every worker would wait for.
    import requests
    import urllib3

if TYPE_CHECKING:
    from tfds_extra.core.downloads import watched

_BLOCK = 1 << 18
# An attempt that brings so many bytes counts as a success: the count of failures begins anew.
_GAIN = 1 << 20
# A file may be so many times as large as its approximate size.
_LEEWAY = 2
# At most so many bytes are taken of a file whose size nobody states.
_UNANNOUNCED = 1 << 30
_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why one URL did not give the file; `differs` tells whether it gave another file."""

    url: str
    reason: str
    differs: bool = False


class TransferError(Exception):
    """No URL gave the file; `failures` says why, in the order in which they were tried."""

    def __init__(self, failures: Sequence[Failure]):
        super().__init__(failures)
        self.failures = failures


class Cancelled(Exception):
    """The caller is not interested any more."""


class Meter:
    """Is told of the progress, from several threads; this class ignores it."""

    def expect(self, size: int) -> None:
        """Is told that `size` more bytes are to come than was known."""

    def advance(self, size: int) -> None:
        """Is told that `size` bytes came; the number is negative when a file is begun again."""


class Transfer:
    """Brings one file."""

    def __init__(
        self,
        published: digests.Published,
        *,
        policy: Policy,
        verify_ssl: bool = True,
        cancelled: threading.Event | None = None,
        meter: Meter | None = None,
    ):
        """Prepares a transfer; nothing happens before `run`.

        Args:
          published: Name, size and digests of the file, as far as they are known.
          policy: Time-outs and retries.
          verify_ssl: Whether certificates are verified.
          cancelled: Another thread sets it in order to stop the transfer.
          meter: Is told of the progress.
        """
        self._published = published
        self._policy = policy
        self._verify_ssl = verify_ssl
        self._cancelled = cancelled or threading.Event()
        self._meter = meter or Meter()
        self.file_name = ""  # The server's name for the file.

    def run(self, urls: Sequence[str], path: pathlib.Path) -> digests.Digester:
        """Fetches the file to `path`, from the first URL that gives it.

        Args:
          urls: The URLs, in the order in which they are tried.
          path: Where the file goes. If a part of it is there already, only the rest is fetched.

        Returns:
          Size and digests of the file.

        Raises:
          TransferError: No URL gave the file. A part that may be of use is kept at `path`.
          CorpusError: The disk is full.
          Cancelled: `cancelled` was set.
        """
        failures = []
        with contextlib.closing(Partial(path, self._published, self._check)) as self._partial:
            self._meter.advance(self._partial.size)
            for url in urls:
                try:
                    self._fetch_from(url)
                except Refused as e:
                    failures.append(Failure(url, str(e), e.differs))
                    logging.info("%s: %s", url, e)
                else:
                    self._partial.sync()
                    return self._partial.digester
            if not self._partial.size:
                self._partial.close()
                discard(path)
        raise TransferError(failures)

    # ------------------------------------------------------------------------------ one URL

    def _fetch_from(self, url: str) -> None:
        """Fetches from one URL, in as many attempts as the policy allows."""
        self._last_byte = time.monotonic()
        self._heard = False
        begun_again = False
        failures, best = 0, self._partial.size
        while True:
            try:
                self._attempt(url)
                difference = self._difference()
                if not difference:
                    return
                # If the size is not known, the file may have ended early.
                doubtful = self._partial.mixed or self._total is None
                self._begin({})
                if begun_again or not doubtful:
                    raise Refused(difference, differs=True)
                begun_again = True
                raise Broken(f"the parts do not fit together: {difference}", wait=0)
            except Broken as e:
                gained = self._partial.size >= best + _GAIN
                if gained:
                    failures, best = 0, self._partial.size
                elif e.too_slow:
                    raise Refused(str(e)) from e
                failures += 1
                self._wait_or_refuse(url, e, failures)

    def _wait_or_refuse(self, url: str, broken: Broken, failures: int) -> None:
        policy = self._policy
        wait = broken.wait
        if wait is None:
            wait = policy.backoff * 2 ** (failures - 1) * random.uniform(1, 1.25)
        elif wait > policy.longest_wait:
            raise Refused(f"{broken}, and asks to come back in {wait:,.0f} seconds")
        silence = time.monotonic() - self._last_byte + (wait if broken.wait is None else 0)
        # If bytes came a moment ago, the line may be broken, and the host's name may be right.
        hopeless = broken.no_such_host and not self._heard
        if failures >= policy.attempts or silence > policy.patience or hopeless:
            raise Refused(f"{broken} ({failures} attempts)" if failures > 1 else str(broken))
        logging.warning("%s: %s; trying again in %.0f s", url, broken, wait)
        if self._cancelled.wait(wait):
            raise Cancelled
        if broken.wait:
            self._last_byte = time.monotonic()  # A wait that the server asked for does not count.

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled

    def _begin(self, source: Mapping[str, Any]) -> None:
        self._meter.advance(-self._partial.size)
        self._partial.begin(source)

    @property
    def _total(self) -> int | None:
        """Number of bytes of the whole file; None if nobody states it."""
        return int(self._published.size) or self._partial.source.get("length")

    def _check_size(self, size: int, length: int | None) -> None:
        """Raises if the file is too large.

        Args:
          size: Number of bytes.
          length: Number of bytes that the server states; None if it states none.

        Raises:
          Refused: The file cannot have so many bytes.
        """
        published = self._published
        most = int(published.size) or published.about * _LEEWAY or length or _UNANNOUNCED
        if size <= most:
            return
        problem = f"it has more than {most:,} bytes"
        if published.about:
            problem += f", and {published.amount.in_bytes} were expected"
        if not (published.amount.size or length):
            problem += ", and nobody says how many there are. Fetch it with a browser"
            raise Refused(problem)
        raise Refused(f"it is another file: {problem}", differs=True)

    # -------------------------------------------------------------------------- one request

    def _attempt(self, url: str) -> None:
        """Asks for the missing bytes, and returns when no more come."""
        self._check()
        partial = self._partial
        if partial.size and partial.size == self._total:
            return  # An earlier process was killed after the last byte had come.
        headers = self._range_headers(url)
        if partial.size and not headers:
            self._begin({})
        if not url.lower().startswith(("http://", "https://")):
            self._copy(url)
            return
        with connections.one_for(url, self._check), self._answer(url, headers) as response:
            blocks = self._blocks(response)
            if headers and response.status_code == http.HTTPStatus.PARTIAL_CONTENT:
                if not answers.is_the_rest(
                    response, partial.source, partial.size, self._total, url
                ):
                    self._begin({})
                    raise Broken("the file changed between two parts of it", wait=0)
                partial.mixed = True
            elif headers and answers.is_whole(response, partial.size):
                partial.source["length"] = partial.size
                return
            elif headers and response.status_code == 416:
                self._begin({})
                raise Broken("the file is shorter than the part of it that was received", wait=0)
            elif response.status_code == http.HTTPStatus.OK:
                blocks = self._first_blocks(url, response, blocks)
            else:
                raise answers.judge_status(response)
            self._receive(blocks)
            self._judge_end(answers.is_chunked(response))

    def _range_headers(self, url: str) -> dict[str, str]:
        """Returns the headers that ask for the rest; none if that could be of another file."""
        partial, total = self._partial, self._total
        if not partial.size or (total is not None and partial.size > total):
            return {}
        part = {"Range": f"bytes={partial.size}-"}
        validator = answers.validator(partial.source)
        if url == partial.source.get("url") and validator:
            return {**part, "If-Range": validator}
        # Without a validator, or from another mirror, only the digest tells if the parts fit
        # together.
        if self._published.digests and total is not None:
            return part
        return {}

    @contextlib.contextmanager
    def _answer(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        from tfds_extra.core.downloads import watched  # Imported late, since it imports requests.

        headers = {
            "User-Agent": user_agent(),
            # Digests and ranges are those of the file, not of a compressed form of it.
            "Accept-Encoding": "identity",
            **headers,
        }
        timeout = (self._policy.connect_timeout, self._policy.read_timeout)
        watch = watched.Watch(self._policy.patience, self._policy.slowest)
        with watched.session(watch) as session:
            try:
                response = session.get(
                    url, headers=headers, stream=True, timeout=timeout, verify=self._verify_ssl
                )
            except watched.TooSlow as e:
                raise _too_slow(url, e) from e
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
                raise answers.network_error(e) from e
            watch.body_begins()
            with response:
                try:
                    yield response
                except watched.TooSlow as e:
                    raise _too_slow(url, e) from e

    def _first_blocks(
        self, url: str, response: requests.Response, blocks: Iterator[bytes]
    ) -> Iterator[bytes]:
        """Refuses an answer whose beginning shows that it is not the file; returns its blocks."""
        published, source = self._published, answers.source(url, response)
        head, blocks = beginning(blocks)
        answers.judge_head(head, source, published)
        length = source["length"]
        if length is not None:
            if difference := published.difference(length, {}):
                problem = f"it is another file: {difference}{answers.glimpse(head)}"
                raise Refused(problem, differs=True)
            self._check_size(length, length)
            if not published.size and not self.file_name:  # The meter does not know the size yet.
                self._meter.expect(length - published.about)
            _check_room(self._partial.path.parent, length - self._partial.size)
        self.file_name = answers.file_name(response)
        self._begin(source)
        return blocks

    def _blocks(self, response: requests.Response) -> Iterator[bytes]:
        """Yields the blocks of the body as they come, not decoded."""
        while True:
            self._check()
            try:
                # `read` would wait for a full block, and lose it when the line breaks.
                block = response.raw.read1(_BLOCK, decode_content=False)
            except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as e:
                raise answers.network_error(e) from e
            if not block:
                return
            self._heard = True
            self._last_byte = time.monotonic()
            yield block

    def _receive(self, blocks: Iterator[bytes]) -> None:
        partial = self._partial
        for block in blocks:
            try:
                self._check_size(partial.size + len(block), partial.source.get("length"))
            except Refused:
                self._begin({})
                raise
            try:
                partial.write(block)
            except OSError as e:
                if e.errno not in _NO_ROOM:
                    raise
                raise CorpusError(
                    partial.path,
                    "",
                    f"cannot be written ({e.strerror})",
                    "What was fetched is kept, and the next attempt goes on from there: free some"
                    " space and try again.",
                ) from e
            self._meter.advance(len(block))

    def _judge_end(self, chunked: bool) -> None:
        """Raises if the answer has ended early."""
        partial, total = self._partial, self._total
        if not partial.size:
            raise Broken("the answer is empty")
        if total is not None and partial.size < total:
            raise Broken(f"the connection broke off after {partial.size:,} of {total:,} bytes")
        if total is None and not chunked and not self._published.digests:
            self._begin({})
            raise Refused(
                "neither the server nor the publisher says how long the file is, so that nobody"
                " could tell the whole from a part. Fetch it with a browser"
            )

    # -------------------------------------------------------------------------- the whole file

    def _difference(self) -> str:
        """Returns how the received file differs from the published one; empty if it does not."""
        partial = self._partial
        difference = self._published.difference(partial.size, partial.digester.digests())
        if not difference:
            return ""
        with partial.path.open("rb") as file:
            head = file.read(answers.HEAD)
        return f"it is another file: {difference}{answers.glimpse(head)}"

    # ---------------------------------------------------------------------------- other schemes

    def _copy(self, url: str) -> None:
        """Fetches from the other kinds of URL that TFDS accepts: ftp, a bucket, a file."""
        from tfds_extra.core.downloads import watched

        watch = watched.Watch(self._policy.patience, self._policy.slowest)
        watch.body_begins()
        try:
            if url.lower().startswith("ftp://"):
                file, length = self._open_ftp(url)
            else:
                length = epath.Path(url).stat().length
                file = epath.Path(url).open("rb")
            self._begin({"url": url, "length": length})
            with file:
                # `read` would wait for a full block.
                read = getattr(file, "read1", file.read)
                self._receive(iter(lambda: self._block_of(read, watch), b""))
        except watched.TooSlow as e:
            raise _too_slow(url, e) from e
        except FileNotFoundError as e:
            raise Refused("there is no such file") from e
        except OSError as e:
            raise answers.network_error(e) from e
        self.file_name = answers.last_part(urllib.parse.urlsplit(url).path)
        self._judge_end(chunked=False)

    def _open_ftp(self, url: str) -> tuple[Any, int | None]:
        """Opens a file on an FTP server; returns it, and its size if the server states it."""
        try:
            file = urllib.request.urlopen(url, timeout=self._policy.read_timeout)
        except ValueError as e:  # ftplib raises it if the server sends a wrong number.
            raise Refused(f"the server answers in no way that can be understood ({e})") from e
        try:
            return file, answers.content_length(file.headers)
        except Refused:
            file.close()
            raise

    def _block_of(self, read: Callable[[int], bytes], watch: watched.Watch) -> bytes:
        self._check()
        return watch.timed(read, _BLOCK)


def _too_slow(url: str, error: Exception) -> Broken:
    """Returns the error for a server that is too slow."""
    return Broken(f"{urllib.parse.urlsplit(url).netloc}: {error}", too_slow=True)


def user_agent() -> str:
    """Returns the User-Agent header; some hosts refuse requests without a proper one."""
    import tfds_extra  # Not at the top: `tfds_extra` imports this module before it has a version.

    return f"tfds_extra/{tfds_extra.__version__} (plugin of TensorFlow Datasets)"


def beginning(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Returns as much of a body as tells what it is, and all blocks of the body."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= answers.HEAD:
            break
    return head, itertools.chain([head] if head else [], blocks)


def _check_room(folder: pathlib.Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise no_room(folder, digests.Amount(needed), free)


def no_room(folder: object, needed: digests.Amount, free: int) -> CorpusError:
    """Returns the error for files that do not fit on the disk."""
    return CorpusError(
        folder,
        "",
        f"there is too little free disk: {needed.in_bytes} are to be fetched, {free:,} are free",
        "Free some space, or choose another download_dir.",
    )
