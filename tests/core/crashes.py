"""Lets a preparation die before each of its file operations in turn, and resumes what is left.

    python tests/core/crashes.py                  # every operation, every kind of loss
    python tests/core/crashes.py --every 7        # a sample
    python tests/core/crashes.py --corpus free_spoken_digit --file_format array_record

What is not synced when the process dies is lost as in a power cut. Whatever was lost, preparing once
more has to give the bytes that were to be made, and to leave nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pathlib
import pickle
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow_datasets as tfds
from absl import logging
from engine_corpus import EngineCorpus

import tfds_extra  # noqa: F401 (registers the builders)
from tfds_extra.core.engines import blocks, runs

_DIED = 77
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}


def tail_lost(content: bytes, synced: int) -> bytes:
    """The file keeps some of what was not synced."""
    return content[: max(synced, len(content) // 2)]


def emptied(content: bytes, synced: int) -> bytes:
    """The file keeps its name."""
    return content[:synced]


def zeroed(content: bytes, synced: int) -> bytes:
    """The file keeps its size."""
    return content[:synced] + bytes(len(content) - synced)


def gone(content: bytes, synced: int) -> bytes | None:
    """The name was not on the disk either."""
    return content[:synced] or None


def killed(content: bytes, synced: int) -> bytes:
    """Nothing is lost: no power cut."""
    return content


LOSSES = {loss.__name__: loss for loss in (killed, tail_lost, emptied, zeroed, gone)}


class Watch:
    """Counts the operations of this process that change files, and ends it before one of them."""

    def __init__(self, last: int, folder: pathlib.Path, log: pathlib.Path):
        """Begins.

        Args:
          last: The number of the operation before which the process dies.
          folder: Only what is below it counts.
          log: Where it leaves word of what is synced.
        """
        self.count = 0
        self._last, self._folder, self._log = last, f"{folder}{os.sep}", log
        self._synced: dict[tuple[int, int], int] = {}
        self._fsync = os.fsync
        os.fsync = self._watched_fsync
        sys.addaudithook(self._on_event)

    def note(self) -> None:
        """Leaves word of the number of operations, and of the size of each file that is synced."""
        self._log.write_bytes(pickle.dumps((self.count, self._synced)))

    def _on_event(self, event: str, args: tuple) -> None:
        writes = event == "open" and isinstance(args[2], int) and args[2] & os.O_ACCMODE
        if (writes and not isinstance(args[0], int)) or event in _CHANGES:
            # What removes whole folders has names that are relative to an open folder.
            path = os.fsdecode(args[0])
            if not os.path.isabs(path) or path.startswith(self._folder):
                self._before(f"{event} {args}")

    def _watched_fsync(self, file: int) -> None:
        self._before(f"fsync {file}")
        self._fsync(file)
        stat = os.fstat(file)
        self._synced[stat.st_dev, stat.st_ino] = stat.st_size

    def _before(self, operation: str) -> None:
        if self.count == self._last:
            self._last = -1  # What follows is no operation of the preparation.
            self.note()
            os._exit(_DIED)
        self.count += 1


def in_child(do: Callable[[], None]) -> int:
    """Runs a function in a copy of this process; its exit status."""
    child = os.fork()
    if not child:
        status = 1
        try:
            do()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def lose(folder: pathlib.Path, synced: dict[tuple[int, int], int], loss: Callable) -> None:
    """Does to the files of a folder what a power cut does."""
    seen = set()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        stat = path.stat()
        file = stat.st_dev, stat.st_ino
        before = path.read_bytes()
        # The worst is a journal that is on the disk, and what it tells of is not.
        kept = path.name == "journal.jsonl" and loss is not tail_lost
        after = before if kept else loss(before, synced.get(file, 0))
        if after is None:
            path.unlink()
        elif after != before and file not in seen:
            path.write_bytes(after)
        seen.add(file)


def contents(folder: pathlib.Path) -> dict[str, str]:
    """Digests of all files, by their path below the folder, and the folders without any."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "empty"
        for path in folder.rglob("*")
        if (path.is_file() or not any(path.iterdir()))
        # What TFDS leaves of the name of the default config, where all processes write.
        and not path.match(".config/incomplete.*")
    }


def preparation(corpus: str, file_format: str) -> Callable[[pathlib.Path], None]:
    """What is to be interrupted."""
    kwargs = {"num_workers": 1, "file_format": file_format}

    def prepare(folder: pathlib.Path) -> None:
        if corpus == "made_up":
            blocks.GROUP_BITS, runs.WINDOW_BYTES = 2, 4_000
            builder = EngineCorpus(data_dir=folder, rows=60, num_pieces=3, **kwargs)
        else:
            builder = tfds.builder(corpus, data_dir=folder, miniature=True, **kwargs)
        # TFDS refuses more shards than a split has examples.
        shards = min(3, *builder.expected_counts.values())
        config = tfds.download.DownloadConfig(num_shards=shards)
        builder.download_and_prepare(download_config=config)

    return prepare


def run(prepare: Callable[[pathlib.Path], None], every: int, losses: list[str]) -> list[str]:
    """Crashes and resumes; a line for each crash that did not end well."""
    failures = []
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        log = root / "log"

        def whole() -> None:
            watch = Watch(-1, root / "whole", log)
            prepare(root / "whole")
            watch.note()

        assert in_child(whole) == 0
        count, _ = pickle.loads(log.read_bytes())
        expected = contents(root / "whole")
        numbers = range(0, count, every)
        for number in numbers:
            for name in losses:
                data_dir = root / f"{number}-{name}"
                log.unlink()

                def dying() -> None:
                    Watch(number, data_dir, log)
                    prepare(data_dir)

                status = in_child(dying)
                assert status == _DIED, status
                lose(data_dir, pickle.loads(log.read_bytes())[1], LOSSES[name])
                if in_child(lambda: prepare(data_dir)):
                    failures.append(f"operation {number}, {name}: the next preparation fails")
                elif contents(data_dir) != expected:
                    found = contents(data_dir)
                    wrong = sorted(k for k in {**found, **expected}
                                   if found.get(k) != expected.get(k))  # fmt: skip
                    failures.append(f"operation {number}, {name}: not the same: {wrong}")
                shutil.rmtree(data_dir)
        print(f"{len(numbers)} of {count} operations, {len(losses)} kinds of loss")
    return failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", default="made_up", help="or the name of one with a miniature")
    parser.add_argument("--file_format", default="tfrecord")
    parser.add_argument("--every", type=int, default=1, help="only every nth operation")
    parser.add_argument("--losses", nargs="+", choices=list(LOSSES), default=list(LOSSES))
    arguments = parser.parse_args()
    logging.set_verbosity(logging.FATAL)
    tfds.disable_progress_bar()
    sys.stdout.reconfigure(line_buffering=True)
    prepare = preparation(arguments.corpus, arguments.file_format)
    failures = run(prepare, arguments.every, arguments.losses)
    print("\n".join(failures))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
