"""Finds the files of a dump in a folder, and reads the host's lists of files."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Collection, Iterable, Mapping

from tensorflow_datasets.core import units

from tfds_extra import core
from tfds_extra.core import digests
from tfds_extra.formats import mediawiki_dump

# Lists of files with their digests, on the host and beside files that were brought by hand.
STATUS = "dumpstatus.json"
_LISTS = {"md5sums.txt": "md5", "sha1sums.txt": "sha1", "SHA256SUMS": "sha256"}

_NAME = re.compile(
    r"(?P<head>.+?)(?:-p(?P<a>\d+)p(?P<b>\d+)(?P<behind>\D*))?\.(?:xml|txt)"
    r"(?:-p(?P<c>\d+)p(?P<d>\d+))?[^.]*(?:\.(?:bz2|gz|xz))?"
)
_PART = re.compile(r"(articles|multistream|current|history|index)\d+$")
# Selections of pages, the preferred one first; the newer product names none.
_SELECTIONS = ("pages-articles", "pages-meta-current", "pages-meta-history", "")
_NO_TEXT = re.compile(r"stub-|-stubs?\b|abstract|logging|multistream-index|all-titles|siteinfo")

_PACKED = re.compile(r"[^.]+\.(?:bz2|gz|xz)")  # Any compressed file.


@dataclasses.dataclass(frozen=True)
class DumpFile:
    """A file of a dump.

    Attributes:
      name: Name of the file.
      index: Name of its index; empty if it has none, or is no multistream file.
      first: The first page id that may be in it, from its name; 0 if the name does not tell.
      last: The last page id that may be in it, from its name.
    """

    name: str
    index: str = ""
    first: int = 0
    last: int = 0


def url(wiki: str, date: str, name: str) -> str:
    """Returns the URL of a file of a dump; dates with dashes belong to the newer product."""
    if "-" in date:
        host = "https://dumps.wikimedia.org/other/mediawiki_content_current/"
        return f"{host}{wiki}/{date}/xml/bzip2/{name}"
    return f"https://dumps.wikimedia.org/{wiki}/{date}/{name}"


def choose(names: Iterable[str], wiki: str, date: str, *, is_part: bool) -> list[DumpFile]:
    """Returns the files of a dump among others.

    Args:
      names: Names of files in a folder.
      wiki: Name of its database.
      date: As in the names of files.
      is_part: Whether files with other names are taken if none has a published name.

    Returns:
      If the same pages are there in several forms, the form that is read fastest: multistream with
        an
      index, and whole rather than in parts.
    """
    found = [name for name in sorted(names) if not _NO_TEXT.search(name) and _is_dump(name)]
    published = [name for name in found if name.startswith(f"{wiki}-{date}-")]
    indexes = {_of_index(name): name for name in names if "multistream-index" in name}
    if published:
        families = _families(published, indexes)
        best = min(families, key=lambda family: _rank(families[family], family))
        return families[best]
    if not is_part:
        return []
    if not found:
        found = [name for name in sorted(names) if _PACKED.fullmatch(name)]
    forms: dict[str, dict[str, list[DumpFile]]] = {}
    for family, files in _families(found, indexes).items():
        same = re.sub(r"[-.]?multistream", "", family.partition("|")[0])
        forms.setdefault(same, {})[family] = files
    chosen = [
        min(one.items(), key=lambda item: _rank(item[1], item[0]))[1] for one in forms.values()
    ]
    return [file for files in chosen for file in files]


def _is_dump(name: str) -> bool:
    return bool(re.search(r"\.xml\b", name)) and not name.endswith((".7z", ".json", ".sql.gz"))


def _of_index(name: str) -> str:
    """Returns the name of the file that an index belongs to; the newer product has no indexes."""
    return re.sub(r"multistream-index(\d*)\.txt", r"multistream\1.xml", name).replace(
        "multistream-index", "multistream"
    )


def _families(names: Iterable[str], indexes: Mapping[str, str]) -> dict[str, list[DumpFile]]:
    """Groups the parts of each file, in the order of their pages; a whole file is alone."""
    families: dict[str, list[DumpFile]] = {}
    for name in names:
        match = _NAME.fullmatch(name)
        first, last = (
            (match["c"] or match["a"], match["d"] or match["b"]) if match else (None, None)
        )
        head = (match["head"] + (match["behind"] or "")) if match else name
        if first:
            head = _PART.sub(r"\1", head)
        file = DumpFile(name, indexes.get(name, ""), int(first or 0), int(last or 0))
        families.setdefault(f"{head}|{'parts' if first else 'whole'}", []).append(file)
    return {
        family: sorted(files, key=lambda file: (file.first, file.name))
        for family, files in families.items()
    }


def _rank(files: list[DumpFile], family: str) -> tuple[bool | int, ...]:
    selection = next(i for i, one in enumerate(_SELECTIONS) if one in family)
    has_index = all(file.index for file in files)
    return selection, not has_index, "multistream" not in family, family.endswith("parts")


def missing_part(files: Iterable[DumpFile]) -> str:
    """Returns which pages are missing between the parts of a dump, in words; empty if none are."""
    expected = 0
    for file in files:
        if expected and file.first > expected:
            return f"pages {expected:,} to {file.first - 1:,}, before {file.name}"
        expected = file.last + 1
    return ""


def read_status(path: pathlib.Path, wanted: Collection[str]) -> dict[str, digests.Published]:
    """Reads sizes and digests of files from `dumpstatus.json`.

    Args:
      path: The file.
      wanted: Names of files that have to be finished.

    Raises:
      CorpusError: It is no such file, or a job that makes a wanted file is not done.
    """
    with core.located(path, "", "Get it again."):
        listed = mediawiki_dump.read_status(path.read_bytes())
    for name in wanted:
        if name in listed and listed[name].state != "done":
            problem = f"the job is not done, but {listed[name].state!r}"
            raise core.CorpusError(path, listed[name].job, problem, "Wait for it.")
    return {
        name: digests.Published(units.Size(file.size), "", name, file.digests)
        for name, file in listed.items()
    }


def read_lists(folder: pathlib.Path, wiki: str, date: str) -> dict[str, digests.Published]:
    """Reads digests of files from the lists in a folder; empty if there is none."""
    found: dict[str, digests.Published] = {}
    status = [folder / name for name in (STATUS, f"{wiki}-{date}-{STATUS}")]
    for path in filter(pathlib.Path.is_file, status):
        found |= read_status(path, ())
    for ending, kind in _LISTS.items():
        for path in (folder / ending, folder / f"{wiki}-{date}-{ending}"):
            if path.is_file():
                for name, digest in read_sums(path, kind).items():
                    known = found.get(name) or digests.Published(units.Size(0), "", name)
                    sums = {**known.digests, kind: digest}
                    sha256 = sums.get("sha256", "")
                    found[name] = digests.Published(known.size, sha256, name, sums)
    return found


def read_sums(path: pathlib.Path, kind: str = "sha256") -> dict[str, str]:
    """Returns the digests by name of file, of a list such as `SHA256SUMS`."""
    with core.located(path, "", "Get it again."):
        return digests.parse_coreutils(path.read_text(encoding="utf-8"), kind, path.name)
