"""Tells what corpora take on the disk, and removes what it is told to remove."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import uuid
from collections.abc import Collection, Iterator, Sequence

from tensorflow_datasets.core import constants, units

from tfds_extra import listing, registry, tfds_seam
from tfds_extra.core import digests, locks

PREPARED, UNFINISHED, DOWNLOADS = "prepared", "unfinished", "downloads"
KINDS = (PREPARED, UNFINISHED, DOWNLOADS)

_VERSION = r"\d+\.\d+\.\d+"
# Work folders of preparing, converting and TFDS; unfinished indexes and tables of joins.
_UNFINISHED = re.compile(
    rf"unfinished\.({_VERSION})(\..+)?|{re.escape(constants.INCOMPLETE_PREFIX)}.+_({_VERSION})"
)
_INDEX = re.compile(r"search-.+\.sqlite")
_UNFINISHED_FILE = re.compile(r"(search-.+|joined-.+)\.sqlite.*")
_PARTIAL = ".partial"
_INFO = ".INFO"


class _InUse(Exception):
    """Another process has the lock."""


@dataclasses.dataclass(frozen=True)
class Item:
    """Something that can be removed.

    Attributes:
      corpus: Name of the corpus; empty for a download whose corpus is not known.
      config: Name of its config with the variant; empty if it has none, and for downloads.
      kind: One of `KINDS`.
      path: The file or folder.
      beside: Files that go with it, and say nothing without it.
      lock: The lock that a process holds while it works there.
      also: Other corpora that use it.
    """

    corpus: str
    config: str
    kind: str
    path: pathlib.Path
    beside: tuple[pathlib.Path, ...] = ()
    lock: pathlib.Path | None = None
    also: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of it."""
        return sum(map(size_of, (self.path, *self.beside)))


def size_of(path: pathlib.Path) -> int:
    """Returns the bytes of a file, or of all files in a folder; links are not followed."""
    with contextlib.suppress(OSError):
        if not path.is_dir() or path.is_symlink():
            return path.lstat().st_size
        size = 0
        for folder, _, names in os.walk(path):
            for name in names:
                with contextlib.suppress(OSError):  # Another process removes it.
                    size += os.lstat(os.path.join(folder, name)).st_size
        return size
    return 0


def find(data_dir: pathlib.Path, download_dir: pathlib.Path) -> list[Item]:
    """Returns all that is there of the corpora of this package.

    Files that were brought by hand are not among it, nor are the data sets of TFDS.

    Args:
      data_dir: Folder of prepared data.
      download_dir: Folder of downloads.
    """
    found: list[Item] = []
    for name in registry.names():
        folder = data_dir / name
        for config in [folder, *filter(pathlib.Path.is_dir, _listed(folder))]:
            if not re.fullmatch(_VERSION, config.name) and not _UNFINISHED.fullmatch(config.name):
                found += _in_folder(name, "" if config == folder else config.name, config)
        for path in _listed(download_dir / name):
            if _UNFINISHED_FILE.fullmatch(path.name) and not path.name.endswith(".lock"):
                found.append(Item(name, "", UNFINISHED, path))
    return found + list(_downloads(download_dir))


def _listed(folder: pathlib.Path) -> list[pathlib.Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _in_folder(corpus: str, config: str, folder: pathlib.Path) -> Iterator[Item]:
    """Yields what lies in the folder of a config, or of a corpus without configs."""
    for path in _listed(folder):
        if re.fullmatch(_VERSION, path.name) and path.is_dir():
            lock = folder / f"{path.name}.lock"
            yield Item(corpus, config, PREPARED, path, lock=lock)
        elif match := _UNFINISHED.fullmatch(path.name):
            lock = folder / f"{match[1] or match[3]}.lock"
            yield Item(corpus, config, UNFINISHED, path, lock=lock)
        elif _INDEX.fullmatch(path.name):
            yield Item(corpus, config, PREPARED, path, lock=path.with_suffix(".lock"))
        elif _UNFINISHED_FILE.fullmatch(path.name) and path.suffix != ".lock":
            lock = folder / f"{path.name.partition('.sqlite')[0]}.lock"
            yield Item(corpus, config, UNFINISHED, path, lock=lock)


def _downloads(folder: pathlib.Path) -> Iterator[Item]:
    """Yields finished and unfinished downloads of our corpora."""
    known = set(registry.names())
    listed = [
        path for below in (folder, *(folder / name for name in known)) for path in _listed(below)
    ]
    by_url: dict[str, str] | None = None
    for path in listed:
        if path.name.endswith(_INFO):
            info = _json(path)
            names = info.get("dataset_names") or []
            ours = [name for name in names if name in known]
            file = path.with_name(path.name.removesuffix(_INFO))
            if ours:
                also = tuple(name for name in names if name != ours[0])
                lock = file.with_name(f"{file.name}.lock")
                yield Item(ours[0], "", DOWNLOADS, file, (path,), lock, also)
        elif path.name.endswith(_PARTIAL):
            by_url = _by_url() if by_url is None else by_url
            journal = path.with_name(f"{path.name}.json")
            url = str(_json(journal).get("url", ""))
            lock = path.with_name(f"{path.name.removesuffix(_PARTIAL)}.lock")
            yield Item(by_url.get(url, ""), "", UNFINISHED, path, (journal,), lock)


def _json(path: pathlib.Path) -> dict:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _by_url() -> dict[str, str]:
    """Returns the corpus of each URL in the tables of checksums."""
    return {
        url: name
        for name in registry.names()
        for url in digests.load_published(registry.resource_dir("checksums") / f"{name}.tsv")
    }


def table(items: Sequence[Item]) -> Iterator[str]:
    """Yields the lines of a table: what each corpus takes, by kind."""
    rows = [("CORPUS", *(kind.upper() for kind in KINDS))]
    sums = dict.fromkeys(KINDS, 0)
    for corpus in sorted({item.corpus for item in items}, key=lambda name: (not name, name)):
        cells = []
        for kind in KINDS:
            size = sum(i.size for i in items if (i.corpus, i.kind) == (corpus, kind))
            sums[kind] += size
            cells.append(str(units.Size(size)) if size else "-")
        rows.append((corpus or "(not known)", *cells))
    totals = (str(units.Size(size)) if size else "-" for size in sums.values())
    rows.append(("in all", *totals))
    yield from listing.table(rows)


def remove(
    items: Sequence[Item], chosen: Collection[str] | None, *, dry_run: bool = False
) -> Iterator[str]:
    """Removes things one by one, and yields a line about each.

    What another process works on is kept, and so is a download that a corpus needs which is not
    chosen. Prepared data loses its name before its files, so that no rest of it is ever read.

    Args:
      items: What to remove.
      chosen: Names of all corpora of which downloads are removed; None for all.
      dry_run: Whether nothing is removed, and the lines say what would be.
    """
    for item in items:
        size = units.Size(item.size)
        others = [name for name in item.also if chosen is not None and name not in chosen]
        if others:
            yield f"kept, {', '.join(others)} uses it, too: {item.path}"
            continue
        try:
            with _locked(item.lock, dry_run):
                if not dry_run:
                    _remove(item)
        except _InUse:
            yield f"kept, another process works on it: {item.path}"
            continue
        except OSError as e:
            yield f"kept, it cannot be removed ({e.strerror}): {item.path}"
            continue
        yield f"{'would remove' if dry_run else 'removed'} {size}: {item.path}"


@contextlib.contextmanager
def _locked(lock: pathlib.Path | None, dry_run: bool) -> Iterator[None]:
    """Holds a lock; raises `_InUse` if another process has it."""

    def refuse(seconds: float) -> None:
        raise _InUse

    # A dry run leaves no lock file; it looks only where there is one.
    if lock is None or (dry_run and not lock.exists()):
        yield
        return
    with locks.alone(lock, refuse):
        yield


def _remove(item: Item) -> None:
    path = item.path
    if path.is_dir() and not path.is_symlink():
        doomed = path
        if item.kind == PREPARED:
            doomed = path.with_name(f"unfinished.{path.name}.removed-{uuid.uuid4().hex[:8]}")
            path.replace(doomed)
        shutil.rmtree(doomed)
    else:
        path.unlink(missing_ok=True)
    for file in item.beside:
        file.unlink(missing_ok=True)


def remove_empty(data_dir: pathlib.Path, items: Sequence[Item]) -> None:
    """Removes the folders of corpora and configs in which nothing is left."""
    for item in items:
        for folder in (item.path.parent, item.path.parent.parent):
            if folder.is_relative_to(data_dir) and folder != data_dir:
                if [path.name for path in _listed(folder)] == [tfds_seam.CONFIG_FOLDER]:
                    shutil.rmtree(folder / tfds_seam.CONFIG_FOLDER, ignore_errors=True)
                with contextlib.suppress(OSError):
                    folder.rmdir()
