"""Published digests: the files in `checksums/`, and the digests of bytes.

`checksums/<name>.tsv` is TFDS's format, one row a URL, tab-separated:

    <url> <bytes> <sha256> <file name>

Many publishers state an md5 or a sha1, and some state nothing. Their URLs stand in the same table,
so that all of TFDS's tools know them, with a word where the sha256 would be and 0 where nobody
states a number of bytes:

    <url> <bytes> md5         <file name>     the digest is in checksums/<name>.md5
    <url> <bytes> sha1        <file name>     the digest is in checksums/<name>.sha1
    <url> <bytes> gitblob     <file name>     the digest is in checksums/<name>.gitblob
    <url> <bytes> unpublished <file name>     no digest was ever published

`checksums/<name>.md5` and `.sha1` are what `md5sum` and `sha1sum` write, `<hex>  <file name>`, so
that `md5sum -c` checks a folder of files by them; the file name links the two. `.gitblob` looks the
same, with git's name for the content, which `git hash-object` writes. For a file in somebody's
repository it is often the only digest. It depends on the number of bytes, so that this has to be
known. A file that has a sha256 as well may be listed there too: then all its digests must match.
A file that only comes by hand has a row under its page, `<page>#<file name>` (see
`downloads.ManualFile`).

A file whose exact number of bytes nobody states has an approximate one in `checksums/<name>.about`,
a table of the columns `file`, `bytes` and `source` (where the number is from). This number
announces a download, is compared with the free disk, and bounds what is taken from a server. It is
0 where nobody states anything: then a download takes "at least" the known size of the other files.

TFDS's `load_url_infos` reads the words, and `--register_checksums` keeps them. `load_published`,
below, turns them into entries whose sha256 is empty and which agree with any sha256. TFDS's own
`DownloadManager` (`tfds build --download_only`) then takes such files without verifying them, and
ours verifies them when it finds them in the cache.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

from tensorflow_datasets.core import units
from tensorflow_datasets.core.download import checksums

from tfds_extra.core import tables

UNPUBLISHED = "unpublished"
_GIT_BLOB = "gitblob"
_BESIDE = {"md5": 32, "sha1": 40, _GIT_BLOB: 40}  # Kinds with a file of their own, and hex digits.
_HEX_DIGITS = {**_BESIDE, "sha256": 64}
_BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Amount:
    """A number of bytes, as far as it is known. Amounts can be added.

    Attributes:
      size: Bytes.
      is_about: Whether the number is approximate.
      is_least: Whether more bytes of unknown number are to be added.
    """

    size: int = 0
    is_about: bool = False
    is_least: bool = False

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.size + other.size,
            self.is_about or other.is_about,
            self.is_least or other.is_least,
        )

    def less(self, size: int) -> Amount:
        """Returns the amount without `size` bytes, at least 0."""
        return dataclasses.replace(self, size=max(0, self.size - size))

    @property
    def in_bytes(self) -> str:
        """The amount in words, to the byte."""
        return self._said(f"{self.size:,} bytes")

    def __str__(self) -> str:
        """Returns the amount in words, in a unit that fits."""
        return self._said(str(units.Size(self.size)) if self.size else "0 bytes")

    def _said(self, number: str) -> str:
        if self.is_least and not self.size:
            return "unknown"
        return f"{'at least ' * self.is_least}{'about ' * self.is_about}{number}"


@dataclasses.dataclass(eq=False)
class Published(checksums.UrlInfo):
    """The published facts about one file.

    Attributes:
      size: Bytes; 0 if not known.
      checksum: The sha256; empty if not known.
      filename: Name of the file.
      digests: All digests that are known, by algorithm, sha256 included.
      about: Approximate number of bytes where the exact one is not known; 0 if not known either.
    """

    digests: dict[str, str] = dataclasses.field(default_factory=dict)
    about: int = 0

    @property
    def amount(self) -> Amount:
        """The number of bytes, exact or not."""
        if self.size:
            return Amount(int(self.size))
        return Amount(self.about, is_about=True) if self.about else Amount(is_least=True)

    def __eq__(self, other: object) -> bool:
        """Returns whether all that is known of both is equal; TFDS verifies files with `==`."""
        if not isinstance(other, checksums.UrlInfo):
            return NotImplemented
        sizes = self.size, other.size
        sums = self.checksum, other.checksum
        return all(len({*pair} - {0, ""}) <= 1 for pair in (sizes, sums))

    def renamed(self, file_name: str) -> Published:
        """Returns the same facts under another name."""
        return Published(self.size, self.checksum, file_name, self.digests, self.about)

    __hash__ = None  # type: ignore[assignment]  # As in TFDS: its fields can be assigned to.

    @classmethod
    def of(cls, url_info: checksums.UrlInfo, file_name: str) -> Published:
        """Returns `url_info`, which may be TFDS's own class, as `Published`, with a name."""
        name = url_info.filename or file_name
        if isinstance(url_info, cls):
            return url_info.renamed(name)
        if not _is_digest(url_info.checksum, "sha256"):
            raise ValueError(f"{name}: {url_info.checksum!r} is no sha256: use load_published")
        return cls(url_info.size, url_info.checksum, name, {"sha256": url_info.checksum})

    def difference(self, size: int, digests: Mapping[str, str]) -> str:
        """Returns how a file differs from the published one, in words; empty if it does not."""
        found = []
        if self.size and size != self.size:
            found.append(f"it has {size:,} bytes and not {int(self.size):,}")
        for kind, digest in self.digests.items():
            if kind in digests and digests[kind] != digest:
                found.append(f"its {kind} is {digests[kind]} and not {digest}")
        return " and ".join(found)

    def digester(self) -> Digester:
        """Returns a digester for a file that ought to be this one."""
        return Digester(self.digests, int(self.size))

    def __str__(self) -> str:
        """Returns the size and digests, for messages."""
        amount = self.amount
        size = amount.in_bytes if amount.size else "size not published"
        sums = [f"{kind} {digest}" for kind, digest in self.digests.items()]
        return ", ".join([size, *(sums or ["no digest published"])])


def load_published(path: str | os.PathLike[str]) -> dict[str, Published]:
    """Returns what was published about each URL.

    Args:
      path: `<name>.tsv`; `<name>.md5` and so on, and `<name>.about`, are read from beside it if they
        exist.

    Returns:
      The entries by URL, in the order of the table.

    Raises:
      ValueError: The tables do not fit together; the message names the file and the row.
    """
    path = pathlib.Path(path)
    listed: dict[str, dict[str, str]] = {}
    for kind in _BESIDE:
        beside = path.with_suffix(f".{kind}")
        if beside.exists():
            listed[kind] = parse_coreutils(beside.read_text(encoding="utf-8"), kind, beside)
    about = _load_about(path.with_suffix(".about"))
    entries = {}
    for url, row in checksums.load_url_infos(path).items():
        digests = {k: sums[row.filename] for k, sums in listed.items() if row.filename in sums}
        if row.checksum in _BESIDE and row.checksum not in digests:
            suffix = path.with_suffix(f".{row.checksum}").name
            raise ValueError(f"{path}: {url}: {row.filename} is not listed in {suffix}")
        if row.checksum == UNPUBLISHED and digests:
            raise ValueError(f"{path}: {url}: {row.filename} is marked {UNPUBLISHED}, and is not")
        if row.checksum not in (*_BESIDE, UNPUBLISHED):
            if not _is_digest(row.checksum, "sha256"):
                raise ValueError(f"{path}: {url}: {row.checksum!r} is no sha256 and no known word")
            digests = {"sha256": row.checksum.lower(), **digests}
        if _GIT_BLOB in digests and not row.size:
            raise ValueError(f"{path}: {url}: a {_GIT_BLOB} needs the number of bytes")
        sha256 = digests.get("sha256", "")
        likely = 0 if row.size else about.get(row.filename, 0)
        entries[url] = Published(row.size, sha256, row.filename or None, digests, likely)
    names = {entry.filename for entry in entries.values()}
    beside_it: dict[str, set[str]] = {kind: set(sums) for kind, sums in listed.items()}
    for kind, told in {**beside_it, "about": set(about)}.items():
        if stray := sorted(told - names):
            beside = path.with_suffix(f".{kind}")
            raise ValueError(f"{beside}: {path.name} has no row for {', '.join(stray)}")
    return entries


def _load_about(path: pathlib.Path) -> dict[str, int]:
    """Returns approximate numbers of bytes by file name."""
    if not path.exists():
        return {}
    about = {}
    for row in tables.read_tsv(path):
        if not row.get("bytes", "").isdecimal() or not row.get("source") or not row.get("file"):
            raise ValueError(f"{path}: not a file, a number of bytes and a source: {row}")
        about[row["file"]] = int(row["bytes"])
    return about


def parse_coreutils(text: str, kind: str, source: object = "digests") -> dict[str, str]:
    """Returns the digests by file name, from what `md5sum`, `sha1sum` or `sha256sum` wrote.

    Args:
      text: The lines `<hex>  <file name>`; empty ones and `#` comments are skipped.
      kind: `md5`, `sha1`, `sha256` or `gitblob`.
      source: Where the text is from, for the message of the error.

    Raises:
      ValueError: A line is something else, or a name has two digests.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = re.fullmatch(r"([0-9A-Fa-f]+) [ *](\S.*)", line.rstrip())
        if not found or not _is_digest(found[1], kind):
            raise ValueError(f"{source}: line {number}: not `<{kind}>  <file name>`: {line!r}")
        if sums.setdefault(found[2], found[1].lower()) != found[1].lower():
            raise ValueError(f"{source}: line {number}: {found[2]} has two digests")
    return sums


def altered(content: bytes, published: str) -> str:
    """Returns in words how content differs from the published content; empty if it does not.

    Args:
      content: The bytes.
      published: Hexadecimal sha256, sha1 or md5; its length tells which.
    """
    kind = kind_of(published)
    found = hashlib.new(kind, content, usedforsecurity=False).hexdigest()
    return "" if found == published else f"altered: its {kind} is {found}, not {published}"


def kind_of(digest: str) -> str:
    """Returns the algorithm of a hexadecimal digest, told by its length."""
    return next(kind for kind in _HEX_DIGITS if _is_digest(digest, kind))


def _is_digest(text: str, kind: str) -> bool:
    return re.fullmatch(f"[0-9A-Fa-f]{{{_HEX_DIGITS[kind]}}}", text) is not None


def save_rows(path: pathlib.Path, before: str, rows: Mapping[str, checksums.UrlInfo]) -> None:
    """Writes a checksum table: the text `before`, with some rows replaced or added.

    A row replaces the one of the same URL; new rows come at the end, sorted by URL. TFDS's own
    function sorts the whole table and drops the comments, which say where digests are from.
    """
    lines = before.splitlines()
    at = {line.split("\t")[0]: number for number, line in enumerate(lines)}
    for url, info in sorted(rows.items()):
        row = f"{url}\t{int(info.size)}\t{info.checksum}\t{info.filename or ''}"
        if url in at:
            lines[at[url]] = row
        else:
            lines.append(row)
    replace_text(path, "".join(f"{line}\n" for line in lines))


def replace_text(path: pathlib.Path, text: str) -> None:
    """Writes a small file so that a reader, or a crash, finds the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


class Digester:
    """Computes size and digests of a stream; always the sha256, because TFDS names files by it."""

    def __init__(self, kinds: Iterable[str] = (), expected_size: int = 0):
        """Begins without bytes.

        Args:
          kinds: Algorithms of the digests.
          expected_size: Number of bytes that will come; only `gitblob`, which begins with it, needs
            it.
        """
        self.size = 0
        self._sums = {kind: _running(kind, expected_size) for kind in {"sha256", *kinds}}

    def update(self, block: bytes | memoryview) -> None:
        self.size += len(block)
        for running in self._sums.values():
            running.update(block)

    def digests(self) -> dict[str, str]:
        return {kind: running.hexdigest() for kind, running in self._sums.items()}

    def read(self, file: BinaryIO, check: Callable[[], None] = lambda: None) -> Digester:
        """Takes in a binary file from its position to its end; `check` may raise to stop."""
        while block := file.read(_BLOCK):
            check()
            self.update(block)
        return self


def _running(kind: str, expected_size: int) -> Any:
    """Returns a new hash object."""
    # The flag lets md5 and sha1, often the only published digests, work where policy forbids them.
    if kind == _GIT_BLOB:
        return hashlib.sha1(b"blob %d\0" % expected_size, usedforsecurity=False)
    return hashlib.new(kind, usedforsecurity=False)


class Hashed(io.RawIOBase):
    """A file whose bytes go into a digest as they are read."""

    def __init__(self, file: BinaryIO, digest: Any):
        """Wraps a file.

        Args:
          file: The file, at its beginning.
          digest: A hash object of `hashlib`.
        """
        self._file, self._digest = file, digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._digest.update(data)
        return len(data)


def of_listing(files: Mapping[str, bytes]) -> str:
    """Returns one digest of many files: the sha256 of the lines `<sha256>  <path>`, sorted by path.

    Args:
      files: The sha256 of each file, as 32 bytes, by path.
    """
    lines = "".join(f"{files[path].hex()}  {path}\n" for path in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def url_info(size: int, sha256: str, file_name: str) -> checksums.UrlInfo:
    """Returns TFDS's record of a file that was read."""
    return checksums.UrlInfo(units.Size(size), sha256, file_name)
