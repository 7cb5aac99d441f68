"""What of a preparation is finished, so that one that was killed goes on where it stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from tfds_extra.core.engines import runs

_NAME = "journal.jsonl"


class Journal:
    """A folder of finished pieces and shards, and a file that lists them.

    Each line is a JSON object, the first one the fingerprint of the input. A line is written when
    what it tells of is on disk; a last line that was cut short counts as not written.

    Attributes:
      folder: The folder.
      pieces: Numbers of the finished pieces.
      shards: Bytes of the records of the finished shards, by name.
    """

    def __init__(self, folder: pathlib.Path, fingerprint: str):
        """Opens the folder; what it holds of another input is removed first."""
        self.folder = folder
        self.pieces: set[int] = set()
        # By file: a worker files piece after piece at the end of its files, so that there are far
        # fewer of these than of segments of single pieces.
        self._segments: dict[str, list[runs.Segment]] = {}
        self.shards: dict[str, int] = {}
        lines = self._read()
        if not lines or lines[0] != {"fingerprint": fingerprint}:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            lines = [{"fingerprint": fingerprint}]
        for line in lines[1:]:
            if "piece" in line:
                self._keep(line["piece"], [runs.Segment(*s) for s in line["segments"]])
            else:
                self.shards[line["shard"]] = line["bytes"]
        # Written anew, without a last line that was cut short.
        self._file = (folder / _NAME).open("w", encoding="utf-8")
        for line in lines:
            self._write(line)

    def _read(self) -> list[Any]:
        try:
            content = (self.folder / _NAME).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        lines = content.split("\n")[:-1]
        try:
            return [json.loads(line) for line in lines]
        except json.JSONDecodeError:
            return []

    def add_piece(self, index: int, segments: list[runs.Segment]) -> None:
        """Notes that a piece's records are filed."""
        self._keep(index, segments)
        self._write({"piece": index, "segments": [dataclasses.astuple(s) for s in segments]})

    def _keep(self, index: int, segments: list[runs.Segment]) -> None:
        self.pieces.add(index)
        for segment in segments:
            known = self._segments.setdefault(segment.file, [])
            if known and known[-1].offset + known[-1].num_bytes == segment.offset:
                known[-1] = known[-1].joined(segment)
            else:
                known.append(segment)

    def segments(self) -> Iterator[runs.Segment]:
        """Where the records of the finished pieces are."""
        for some in self._segments.values():
            yield from some

    def counts(self) -> dict[str, int]:
        """Number of the records of the finished pieces, by split."""
        counts: dict[str, int] = {}
        for segment in self.segments():
            counts[segment.split] = counts.get(segment.split, 0) + segment.count
        return counts

    def add_shard(self, name: str, num_bytes: int) -> None:
        """Notes that a shard is written."""
        self.shards[name] = num_bytes
        self._write({"shard": name, "bytes": num_bytes})

    def _write(self, line: Any) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file; the folder stays for another time."""
        self._file.close()

    def remove(self) -> None:
        """Removes the folder."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def fingerprint(*parts: Any) -> str:
    """Digest of what decides what is prepared: settings, and the state of files.

    Args:
      *parts: Anything with a `fingerprint()` of its own (such as a tree of files), paths, containers
        and data classes of these, and whatever has a telling `repr`.
    """
    seen: dict[int, int] = {}
    return hashlib.sha256(repr([_plain(part, seen) for part in parts]).encode()).hexdigest()


def size(pieces: Any) -> int:
    """Bytes of the files that pieces consist of, as far as they have any; what they share, once."""
    return _size(pieces, set())


def _size(part: Any, seen: set[int]) -> int:
    if hasattr(part, "fingerprint"):
        if id(part) in seen:
            return 0
        seen.add(id(part))
        return sum(num_bytes for _, num_bytes, _ in part.fingerprint())
    if isinstance(part, pathlib.Path):
        return part.stat().st_size
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        return sum(_size(p, seen) for p in part)
    if dataclasses.is_dataclass(part):
        return sum(_size(p, seen) for p in vars(part).values())
    return 0


def _plain(part: Any, seen: dict[int, int]) -> Any:
    """What tells a part from another; of the same tree in many pieces, the disk is asked once."""
    if hasattr(part, "fingerprint"):
        if id(part) in seen:
            return f"as number {seen[id(part)]}"
        seen[id(part)] = len(seen)
        return part.fingerprint()
    if isinstance(part, pathlib.Path):
        stat = part.stat()
        return str(part), stat.st_size, stat.st_mtime_ns
    if isinstance(part, dict):
        return [(_plain(k, seen), _plain(v, seen)) for k, v in part.items()]
    if isinstance(part, (list, tuple)):
        return [_plain(p, seen) for p in part]
    if dataclasses.is_dataclass(part):
        return [type(part).__name__, *(_plain(p, seen) for p in vars(part).values())]
    return repr(part)
