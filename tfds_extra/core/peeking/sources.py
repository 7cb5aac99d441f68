"""Files that are read by parts: on a server, or where they lie.

`Remote` is a source (see `archives.sources`) like a file on the disk, so that the readers of all
formats read from a server what they would read from a file, and no more. It asks for parts of the
file by HTTP ranges. What has come once is kept in an unnamed temporary file, so that going back
costs nothing. A server that gives no parts is read from the beginning, as far as needed.
"""

from __future__ import annotations

import bisect
import contextlib
import http
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import logging

from tfds_extra.core import digests
from tfds_extra.core.archives.sources import Files, Source
from tfds_extra.core.downloads import answers, transfer
from tfds_extra.core.downloads.answers import Broken, Refused
from tfds_extra.core.downloads.errors import DigestError, DownloadError
from tfds_extra.core.downloads.policy import Policy
from tfds_extra.core.peeking.purse import Purse

PAGE = 1 << 14  # What has come is kept, and asked for, in pages of so many bytes.
# Bytes that are asked for at a time: the first number where nothing else is known, then twice as
# many each time while the file is read on, up to the second number.
_AHEAD = 4 * PAGE
_FAR_AHEAD = 1 << 20
# Bytes that were announced are asked for at once, up to so many.
_ANNOUNCED = 4 << 20
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class Changed(Exception):
    """The file on the server is not the one any more that the first bytes are from."""


class Remote(Source):
    """A file on a server, or on several that have the same."""

    is_remote = True

    def __init__(
        self,
        urls: Sequence[str],
        published: digests.Published,
        purse: Purse,
        *,
        policy: Policy,
        verify_ssl: bool = True,
    ):
        """Names the file; nothing is asked for before something is read.

        Args:
          urls: Its URLs, in the order in which they are tried.
          published: Its name and size, as far as they are known.
          purse: Counts the bytes and requests.
          policy: Time-outs and retries.
          verify_ssl: Whether certificates are verified.
        """
        self.name = urls[0]
        self.identity = (self.name, uuid.uuid4().hex)
        self._pages = _Pages()
        self.purse = purse
        self._parts = _Parts(
            urls, published, purse, self._pages, policy=policy, verify_ssl=verify_ssl
        )
        self._read_on_at = -1
        self._ahead = _AHEAD
        self._announced = (0, 0)

    @property
    def size(self) -> int:  # type: ignore[override]
        """Number of bytes; if nobody has published it, the server is asked."""
        at = 0
        while self._parts.total is None:  # If it does not say so either, the end is looked for.
            self._need(at, at + PAGE)
            at += PAGE
        return self._parts.total

    @property
    def received(self) -> int:
        """Number of different bytes that have come."""
        return self._pages.size

    @property
    def stated_size(self) -> int:
        """Number of bytes, as far as it is known by now; 0 if it is not."""
        return self._parts.total or 0

    def read_at(self, offset: int, count: int) -> bytes:
        if self._parts.total is not None:
            count = min(count, self._parts.total - offset)
        if count <= 0:
            return b""
        self._need(offset, offset + count)
        return self._pages.read(offset, count)

    def announce(self, offset: int, count: int) -> None:
        self._announced = (offset, offset + count)

    def rest(self) -> None:
        """Drops an answer that is being read; reading on asks anew."""
        self._parts.drop()

    @property
    def is_digested(self) -> bool:
        """Whether `difference` can compare digests, because everything has come."""
        return bool(self._parts.total) and self._pages.size == self._parts.total

    def difference(self, published: digests.Published) -> str:
        """Returns how the file differs from the published one; empty if nobody can tell."""
        if not self.is_digested:
            return ""
        digester = published.digester()
        for block in self.blocks():
            digester.update(block)
        return published.difference(digester.size, digester.digests())

    def _need(self, start: int, stop: int) -> None:
        """Makes sure that the bytes from `start` to `stop` have come, as far as they exist."""
        while (gap := self._pages.gap(start, stop, self._parts.total)) is not None:
            first, last = gap
            wanted = last - first
            begins, ends = self._announced
            if begins - PAGE < first < ends:
                wanted = max(wanted, min(ends - first, _ANNOUNCED))
            else:
                if first == self._read_on_at:
                    self._ahead = min(2 * self._ahead, _FAR_AHEAD)
                else:
                    self._ahead = _AHEAD if first == 0 else PAGE
                wanted = max(wanted, self._ahead)
            wanted = -(-wanted // PAGE) * PAGE
            self._parts.bring(first, last, first + wanted)
            self._read_on_at = first + wanted


class _Pages:
    """Pages of a file, kept in an unnamed temporary file, which vanishes with this process."""

    def __init__(self) -> None:
        self._file: Any = None
        self._slots: dict[int, tuple[int, int]] = {}  # Place and bytes of each page.
        self.size = 0

    def __contains__(self, page: int) -> bool:
        return page in self._slots

    def put(self, page: int, data: bytes) -> None:
        if page in self._slots:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()
        slot = len(self._slots) * PAGE
        self._file.seek(slot)
        self._file.write(data)
        self._slots[page] = (slot, len(data))
        self.size += len(data)

    def get(self, page: int) -> bytes:
        slot, size = self._slots[page]
        self._file.seek(slot)
        return self._file.read(size)

    def read(self, offset: int, count: int) -> bytes:
        """Returns bytes of pages that are there; fewer only at the end of the file."""
        pieces = []
        for page in range(offset // PAGE, (offset + count - 1) // PAGE + 1):
            if page not in self._slots:
                break
            start = page * PAGE
            pieces.append(self.get(page)[max(0, offset - start) : max(0, offset + count - start)])
        return b"".join(pieces)

    def gap(self, start: int, stop: int, total: int | None) -> tuple[int, int] | None:
        """Returns the first and the last missing byte of a range, in whole pages; None if none is."""
        if total is not None:
            stop = min(stop, total)
        missing = [p for p in range(start // PAGE, -(-stop // PAGE)) if p not in self._slots]
        if not missing or start >= stop:
            return None
        end = (missing[-1] + 1) * PAGE
        return missing[0] * PAGE, end if total is None else min(end, total)


class _Parts(transfer.Transfer):
    """Brings parts of one file, with the patience and the messages of a download."""

    def __init__(
        self,
        urls: Sequence[str],
        published: digests.Published,
        purse: Purse,
        pages: _Pages,
        **kwargs: Any,
    ):
        super().__init__(published, **kwargs)
        self._urls = list(urls)
        self._name = published.filename or urls[0]
        self._purse = purse
        self._pages = pages
        self._failures: list[transfer.Failure] = []
        self.total = int(published.size) or None
        self._known: dict[str, Any] = {}  # What identifies the file at the current URL.
        # Where redirects led to. Another request might be led to another server, whose tags differ.
        self._place = ""
        self._gives_parts = True
        self._stream: _Stream | None = None

    def drop(self) -> None:
        """Closes the answer that is being read, if there is one."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def bring(self, start: int, stop: int, most: int) -> None:
        """Brings the pages from `start` to `stop`, and up to `most` if it costs no further request.

        Raises:
          BeyondBudget: They would exceed the budget.
          Changed: The file is another one now.
          DownloadError: No URL gives them.
        """
        while True:
            url = self._urls[0]
            try:
                if not self._known and 0 in self._pages:
                    self._compare_beginning(url)
                self._bring_from(url, start, stop, most)
                return
            except Refused as e:
                self.drop()
                self._known, self._gives_parts = {}, True
                if self._place:  # A place that a redirect named may be good for minutes only.
                    self._place = ""
                    continue
                self._failures.append(transfer.Failure(url, str(e), e.differs))
                logging.info("%s: %s", url, e)
                if 0 not in self._pages:  # Nothing has come that the next one has to agree with.
                    self.total = int(self._published.size) or None
                del self._urls[0]
                if not self._urls:
                    raise self._error() from e

    def _error(self) -> DownloadError | DigestError:
        tried = "\n".join(f"  {failure.url}: {failure.reason}" for failure in self._failures)
        kind = DigestError if any(f.differs for f in self._failures) else DownloadError
        remedy = (
            "\nTry again later, or get the file from its publisher and peek at it in manual_dir."
        )
        return kind(self._name, "", f"cannot be peeked at. Tried:\n{tried}", remedy)

    def _bring_from(self, url: str, start: int, stop: int, most: int) -> None:
        """Brings pages from one URL, in as many attempts as the policy allows."""
        if not url.lower().startswith(("http://", "https://")):
            raise Refused("a peek reads from http and https only")
        self._last_byte = time.monotonic()
        self._heard = False
        failures = 0
        while (gap := self._pages.gap(start, stop, self.total)) is not None:
            before = self._pages.size
            try:
                if self._gives_parts:
                    self._ask_for_part(url, gap[0], gap[1], most)
                else:
                    self._read_on(url, gap[1])
            except Broken as e:
                self.drop()
                if self._pages.size > before:
                    failures = 0
                elif e.too_slow:
                    raise Refused(str(e)) from e
                failures += 1
                self._wait_or_refuse(url, e, failures)

    # ---------------------------------------------------------------------------- by ranges

    def _ask_for_part(self, url: str, start: int, stop: int, most: int) -> None:
        """Asks for a part, and takes what comes of it."""
        self._purse.check(stop - start, f"{self._name} needs")
        end = max(stop, min(most, start + self._purse.left // PAGE * PAGE))
        if self.total is not None:
            end = min(end, self.total)
        headers = {"Range": f"bytes={start}-{end - 1}"}
        if validator := answers.validator(self._known):
            headers["If-Range"] = validator
        answer = self._opened(url, headers)
        response = answer.response
        if response.status_code == http.HTTPStatus.OK:
            # The whole file: either parts are not given, or the file is another one now.
            self._take_whole(url, answer)
            return
        with contextlib.closing(answer):
            if response.status_code == 416:
                raise self._differs("it is shorter than it should be")
            if response.status_code != http.HTTPStatus.PARTIAL_CONTENT:
                raise answers.judge_status(response)
            found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
            if found is None or int(found[1]) != start or int(found[2]) < start:
                logging.info("%s: parts are given wrongly, so that it is read in one go", url)
                self._gives_parts = False
                return
            total = int(found[3])
            self._identify(url, response, total)
            end = min(end, total, int(found[2]) + 1)  # A server may give less than asked.
            blocks = answer.blocks
            if start == 0:
                blocks = self._judged(url, response, blocks)
            reached = self._keep(blocks, start, end)
            if reached < end or reached == start:
                raise Broken(f"the connection broke off after {reached:,} of {end:,} bytes")

    def _identify(self, url: str, response: Any, total: int | None) -> None:
        """Compares an answer with what is known of the file.

        Raises:
          Changed: An earlier answer was of another file.
          Refused: It is not the published file.
        """
        new = {**answers.source(url, response), "length": total}
        by_tag = new["etag"] and self._known.get("etag")
        for name in ("length", "etag" if by_tag else "last_modified"):
            if new[name] and self._known.get(name) and new[name] != self._known[name]:
                raise Changed(f"{url}: the file was changed while it was read")
        if total is not None:
            if difference := self._published.difference(total, {}):
                raise Refused(f"it is another file: {difference}", differs=True)
            if self.total is not None and total != self.total:
                raise self._differs(f"it has {total:,} bytes and not {self.total:,}")
            self._check_size(total, total)
            self.total = total
        self._known = {name: new[name] or self._known.get(name) for name in new}
        if response.history and not self._place:
            self._place = response.url

    def _judged(self, url: str, response: Any, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Refuses a beginning that shows that it is not the file; returns all blocks."""
        head, blocks = transfer.beginning(blocks)
        known = {**answers.source(url, response), "length": self.total}
        answers.judge_head(head, known, self._published)
        return blocks

    def _keep(self, blocks: Iterator[bytes], start: int, end: int) -> int:
        """Keeps the pages from `start` to `end` as they come; returns what was reached."""
        held, at = b"", start
        for block in blocks:
            held += block
            while at < end and (len(held) >= PAGE or at + len(held) >= end):
                data, held = held[: min(PAGE, end - at)], held[PAGE:]
                self._pages.put(at // PAGE, data)
                at += len(data)
            if at >= end:
                break
        return at

    def _compare_beginning(self, url: str) -> None:
        """Refuses a mirror whose file begins otherwise than what has come from another one.

        There is no digest to tell later whether the parts of two mirrors fit together.
        """
        known, self._pages = self._pages, _Pages()
        try:
            self._bring_from(url, 0, min(PAGE, self.total or PAGE), PAGE)
            if self._pages.get(0) != known.get(0):
                raise self._differs("it begins otherwise than the file of the server before")
        finally:
            self._pages = known
        self.drop()

    def _differs(self, how: str) -> Refused:
        return Refused(f"it is another file: {how}", differs=True)

    # ---------------------------------------------------------------------- from the beginning

    def _take_whole(self, url: str, answer: _Answer) -> _Stream:
        """Takes an answer with the whole file, which is then read forwards."""
        self._gives_parts = False
        try:
            response = answer.response
            self._identify(url, response, answers.source(url, response)["length"])
            answer.blocks = self._judged(url, response, answer.blocks)
        except BaseException:
            answer.close()
            raise
        self._stream = _Stream(answer)
        return self._stream

    def _read_on(self, url: str, stop: int) -> None:
        """Reads the file forwards until the bytes before `stop` have come."""
        stream = self._stream
        if stream is None:
            self._purse.check(min(stop, PAGE), f"{self._name} needs")
            answer = self._opened(url, {})
            if answer.response.status_code != http.HTTPStatus.OK:
                with contextlib.closing(answer):
                    raise answers.judge_status(answer.response)
            stream = self._take_whole(url, answer)
        self._purse.check(
            stop - stream.at,
            f"its server gives no parts of {self._name}, so that a place in it needs",
        )
        for block in stream.answer.blocks:
            stream.held += block
            while len(stream.held) >= PAGE:
                self._put(stream, PAGE)
            if stream.at >= stop:
                return
        end = stream.at + len(stream.held)
        if self.total is not None and end < self.total:
            raise Broken(f"the connection broke off after {end:,} of {self.total:,} bytes")
        self._put(stream, len(stream.held))
        self.total = self.total or end

    def _put(self, stream: _Stream, size: int) -> None:
        data, stream.held = stream.held[:size], stream.held[size:]
        if data:
            self._pages.put(stream.at // PAGE, data)
        stream.at += len(data)

    # -------------------------------------------------------------------------------- answers

    def _opened(self, url: str, headers: Mapping[str, str]) -> _Answer:
        """Asks, and returns the answer, which has to be closed."""
        with contextlib.ExitStack() as stack:
            self._purse.requests += 1
            response = stack.enter_context(self._answer(self._place or url, headers))
            self._purse.requests += len(response.history)
            return _Answer(response, self._counted(url, response), stack.pop_all().close)

    def _counted(self, url: str, response: Any) -> Iterator[bytes]:
        from tfds_extra.core.downloads import watched  # Imported late, since it imports requests.

        try:
            for block in self._blocks(response):
                self._purse.spent += len(block)
                yield block
        except watched.TooSlow as e:
            raise Broken(f"{url}: {e}", too_slow=True) from e


class _Answer:
    """An answer of a server whose body is read block by block."""

    def __init__(self, response: Any, blocks: Iterator[bytes], close: Callable[[], None]):
        self.response, self.blocks, self.close = response, blocks, close


class _Stream:
    """An answer that is read forwards, over several calls."""

    def __init__(self, answer: _Answer):
        self.answer = answer
        self.at = 0  # Where `held` begins.
        self.held = b""

    def close(self) -> None:
        self.answer.close()


class Local(Files):
    """A file on the disk, of which only so many bytes are read."""

    def __init__(self, path: str, purse: Purse):
        super().__init__([path])
        self.purse = purse
        self._read_bytes = 0

    is_digested = False

    def difference(self, published: digests.Published) -> str:
        """Returns an empty text: the file is not read to its end."""
        del published
        return ""

    @property
    def received(self) -> int:
        """Number of bytes that were read, at most all."""
        return min(self._read_bytes, self.size)

    @property
    def stated_size(self) -> int:
        """Number of bytes."""
        return self.size

    def read_at(self, offset: int, count: int) -> bytes:
        self.purse.check(min(count, max(0, self.size - offset)), f"{self.name} needs")
        data = super().read_at(offset, count)
        self.purse.spent += len(data)
        self._read_bytes += len(data)
        return data

    def rest(self) -> None:
        """Does nothing: no answer of a server is open."""


class Joined(Source):
    """Consecutive parts of one archive, each on a server or on the disk."""

    def __init__(self, parts: Sequence[Remote | Local]):
        self._parts = parts
        self.name = f"{parts[0].name} (1 of {len(parts)} parts)"
        self.identity = tuple(part.identity for part in parts)
        self.purse = parts[0].purse
        self.is_remote = any(part.is_remote for part in parts)

    @property
    def part_starts(self) -> Sequence[int]:  # type: ignore[override]
        """Where each part begins."""
        starts = [0]
        for part in self._parts[:-1]:
            starts.append(starts[-1] + part.size)
        return starts

    @property
    def size(self) -> int:  # type: ignore[override]
        """Number of bytes of all parts."""
        return self.part_starts[-1] + self._parts[-1].size

    def read_at(self, offset: int, count: int) -> bytes:
        pieces = []
        starts = self.part_starts
        number = bisect.bisect_right(starts, offset) - 1
        while count > 0 and number < len(self._parts):
            piece = self._parts[number].read_at(offset - starts[number], count)
            pieces.append(piece)
            offset += len(piece)
            count -= len(piece)
            number += 1
        return b"".join(pieces)

    def announce(self, offset: int, count: int) -> None:
        starts = self.part_starts
        number = bisect.bisect_right(starts, offset) - 1
        self._parts[number].announce(offset - starts[number], count)
