"""Notes what is finished, so that a preparation that was killed goes on where it stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import operator
import pathlib
import shutil
from collections.abc import Callable, Container, Iterator, Set
from typing import Any

from tfds_extra.core import errors
from tfds_extra.core.engines import records, runs

_NAME = "journal.jsonl"
# Much faster than `dataclasses.astuple`, which copies what a field holds.
_AS_TUPLE = operator.attrgetter(*(field.name for field in dataclasses.fields(runs.Segment)))


class Journal:
    """A folder of finished pieces and shards, and a file that lists them.

    Each line is a JSON object; the first one is the fingerprint of the input. Files that a line
    mentions may not be on the disk yet: filed records may wait in memory, and are removed soon;
    syncing them would cost more than all other work. So the lines of an earlier process are
    compared with the files before they count (`forget`). Lines after a damaged line do not count,
    and of two lines about the same piece or shard the later one counts.

    Attributes:
      folder: The folder.
      is_new: Whether nothing was found in it.
      pieces: Numbers of the finished pieces.
      shards: The finished shards, by name.
    """

    def __init__(self, folder: pathlib.Path, fingerprint: str):
        """Opens the folder; if it belongs to another input, its content is removed first."""
        self.folder = folder
        self._clear()
        lines = self._lines()
        self.is_new = next(lines, None) != {"fingerprint": fingerprint}
        if self.is_new:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self._file = (folder / _NAME).open("ab")
        if self.is_new:
            self._write({"fingerprint": fingerprint})
        else:
            self._file.truncate(self._whole_bytes())
            self._load()

    def _clear(self) -> None:
        self.pieces: set[int] = set()
        # Adjacent segments are joined, by file: a worker appends piece after piece to its files, so
        # that far fewer are left than segments of single pieces.
        self._segments: dict[str, list[runs.Segment]] = {}
        self.shards: dict[str, records.Shard] = {}

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Yields the lines before the first that is damaged."""
        for line, _ in self._located_lines():
            yield line

    def _located_lines(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Yields the undamaged lines, and the offset of each line's end."""
        stop = 0
        with contextlib.suppress(FileNotFoundError), (self.folder / _NAME).open("rb") as file:
            for line in file:
                stop += len(line)
                try:
                    content = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:
                    return
                if not isinstance(content, dict):
                    return
                yield content, stop

    def _whole_bytes(self) -> int:
        return max(stop for _, stop in self._located_lines())

    def _load(self, forgotten: Set[int] = frozenset()) -> None:
        for indices, segments in self._noted_pieces():
            if forgotten.isdisjoint(indices):
                self._keep(indices, segments)
        for line in self._lines():
            if "shard" in line:
                self.shards[line["shard"]] = records.Shard(*line["written"])

    def _noted_pieces(self) -> Iterator[tuple[list[int], list[runs.Segment]]]:
        """Yields numbers and segments of pieces that were filed together.

        If some of them were filed again, the others are lost too.
        """
        last = {i: at for at, line in enumerate(self._lines()) for i in line.get("pieces", ())}
        for at, line in enumerate(self._lines()):
            if "pieces" in line and all(last[index] == at for index in line["pieces"]):
                yield line["pieces"], [runs.Segment(*s) for s in line["segments"]]

    def forget(
        self,
        *,
        is_shard_whole: Callable[[str, records.Shard], bool],
        needed: Callable[[], Container[tuple[str, int]]],
        is_segment_whole: Callable[[runs.Segment], bool],
    ) -> None:
        """Compares what was noted with the files, and forgets what is not there any more.

        Args:
          is_shard_whole: Takes a shard's name and what was noted of it; tells whether it is whole.
          needed: Returns the splits and groups of which records are still needed; other records may
            be gone. It is called after the missing shards are forgotten.
          is_segment_whole: Tells whether the records of a segment are whole.
        """
        noted = self.shards
        self.shards = {name: s for name, s in noted.items() if is_shard_whole(name, s)}
        groups = needed()
        lost = {
            index
            for indices, segments in self._noted_pieces()
            if any((s.split, s.group) in groups and not is_segment_whole(s) for s in segments)
            for index in indices
        }
        whole = self.shards
        self._clear()
        self._load(lost)
        self.shards = whole

    def add_pieces(self, indices: list[int], segments: list[runs.Segment]) -> None:
        """Notes where the records of some pieces are filed."""
        self._keep(indices, segments)
        self._write({"pieces": indices, "segments": [_AS_TUPLE(s) for s in segments]})

    def _keep(self, indices: list[int], segments: list[runs.Segment]) -> None:
        self.pieces.update(indices)
        for segment in segments:
            known = self._segments.setdefault(segment.file, [])
            if known and known[-1].offset + known[-1].num_bytes == segment.offset:
                known[-1] = known[-1].joined(segment)
            else:
                known.append(segment)

    def segments(self) -> Iterator[runs.Segment]:
        """Yields the segments with the records of the finished pieces."""
        for some in self._segments.values():
            yield from some

    def counts(self) -> dict[str, int]:
        """Returns the number of the records of the finished pieces, by split."""
        counts: dict[str, int] = {}
        for segment in self.segments():
            counts[segment.split] = counts.get(segment.split, 0) + segment.count
        return counts

    def add_shard(self, name: str, shard: records.Shard) -> None:
        """Notes that a shard is written."""
        self.shards[name] = shard
        self._write({"shard": name, "written": dataclasses.astuple(shard)})

    def _write(self, line: Any) -> None:
        with errors.file_named(self.folder / _NAME):
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Closes the file; the folder stays for another time."""
        with contextlib.suppress(OSError):  # `close` tries again to write a line that failed.
            self._file.close()

    def remove(self) -> None:
        """Removes the folder."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def fingerprint(*parts: Any) -> str:
    """Returns a digest of all that decides what is prepared: settings, and the state of files.

    Args:
      *parts: Objects with a method `fingerprint()` (such as a `Tree`), paths, containers and data
        classes of these, and other objects whose `repr` shows their value.
    """
    seen: dict[int, int] = {}
    return hashlib.sha256(repr([_plain(part, seen) for part in parts]).encode()).hexdigest()


def size(pieces: Any) -> int:
    """Returns the total size in bytes of the files of pieces; shared trees count once."""
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
    """Returns values that identify a part; a tree in many pieces is looked up on the disk once."""
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
