"""TFDS's cache of downloads: where a file lies in it, and what is noted about it.

A file has a name made of its URL and its sha256 (or, if TFDS was given no sha256 for it, the sha256
of the URL), with an INFO file beside it. Files without a known sha256 keep the name made of the URL
alone. We add to TFDS's INFO file the digests that the file was found to have, and its stamp at that
time (`verified`).
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from absl import logging
from etils import epath
from tensorflow_datasets.core import download
from tensorflow_datasets.core.download import checksums
from tensorflow_datasets.core.download import resource as resource_lib

from tfds_extra.core import digests
from tfds_extra.core.downloads import partial, verified

_VERIFIED = "verified"  # Our key in TFDS's INFO files.

# `DownloadManager._get_dl_path`. It takes the resource, its sha256 or None, and whether the name is
# the one of TFDS before 4.9; it returns the path.
PathOf = Callable[[download.Resource, "str | None", bool], os.PathLike]


def find(
    resource: download.Resource,
    published: digests.Published,
    path_of: PathOf,
    altered: dict[pathlib.Path, tuple[list[int], str]],
    check: Callable[[], None] | None = None,
) -> tuple[pathlib.Path, checksums.UrlInfo] | None:
    """Finds a file that was downloaded before, by us or by TFDS.

    Args:
      resource: The requested file.
      published: What is known about it.
      path_of: Returns TFDS's name for the file.
      altered: Files that were found not to be the published ones, with their stamp at that time and
        how they differ. They are passed over; this call adds what it finds.
      check: If given, the file's digests are compared with the published ones and with the one that
        was noted when it came. It may raise to stop the reading.

    Returns:
      The path, and what is known about the file there; None if there is no such file.
    """
    for path in _paths(resource, published, path_of):
        with contextlib.suppress(FileNotFoundError):  # Somebody removes it at this moment.
            if found := _checked(path, published, altered, check):
                return path, found
    return None


def _checked(
    path: pathlib.Path,
    published: digests.Published,
    altered: dict[pathlib.Path, tuple[list[int], str]],
    check: Callable[[], None] | None,
) -> checksums.UrlInfo | None:
    """Returns what is known about the file at a path; None if `find` does not want it."""
    found = _read(path, published)
    if not found or (path in altered and altered[path][0] == verified.stamp_of(path)):
        return None
    record = verified.as_record(_info(path).get(_VERIFIED))
    known = record["digests"]
    if any(known.get(kind, digest) != digest for kind, digest in published.digests.items()):
        return None  # It is an earlier edition.
    if not check:
        return found
    stamp, now = verified.read(path, published, record, check)
    difference = published.difference(stamp[0], now["digests"])
    if not difference:
        difference = digests.Published.of(found, "").difference(stamp[0], now["digests"])
    if difference:
        altered[path] = stamp, difference
        logging.warning(
            "%s: not used, since it is not the file that was to be downloaded: %s", path, difference
        )
        return None
    if now != record:
        with contextlib.suppress(OSError):  # In a read-only cache the file is read each time.
            _note(path, now)
    return found


def put(
    part: pathlib.Path,
    path: pathlib.Path,
    resource: download.Resource,
    dataset_name: str | None,
    found: checksums.UrlInfo,
    sums: Mapping[str, str],
) -> None:
    """Gives a complete file its name, and the INFO file by which TFDS knows it.

    Args:
      part: The file.
      path: Its name in the cache.
      resource: The requested file.
      dataset_name: The dataset that it is for.
      found: Size, sha256 and published name.
      sums: All its digests that were taken.
    """
    info_path = resource_lib.get_info_path(epath.Path(path))
    if _info(path).get("url_info", found.asdict()) != found.asdict():
        info_path.unlink()  # It describes an earlier file, and TFDS refuses to change it.
    resource_lib.write_info_file(
        url=resource.url,
        path=epath.Path(path),
        dataset_name=dataset_name,
        original_fname=_info(path).get("original_fname") or found.filename,
        url_info=found,
    )
    _note(path, {"stamp": None, "digests": dict(sums)})
    os.replace(part, path)
    partial.discard(part)
    with contextlib.suppress(OSError):
        _note(path, verified.record_of(path, sums))


def _paths(
    resource: download.Resource, published: digests.Published, path_of: PathOf
) -> Iterator[pathlib.Path]:
    """Yields the paths that the file may have."""
    for legacy in (False, True):
        if published.checksum:
            yield pathlib.Path(path_of(resource, published.checksum, legacy))
        by_url = pathlib.Path(path_of(resource, None, legacy))
        yield by_url
        if not published.checksum:
            # TFDS's name contains the sha256, which we do not know. A sha256 of zeros shows its
            # place.
            prefix, zeros, suffix = resource_lib.get_dl_fname(resource.url, "00" * 32).rpartition(
                "A" * 43
            )
            pattern = glob.escape(prefix) + "?" * len(zeros) + glob.escape(suffix)
            for path in sorted(by_url.parent.glob(pattern)):
                if path != by_url and resource.url in _info(path).get("urls", []):
                    yield path


def _read(path: pathlib.Path, published: digests.Published) -> checksums.UrlInfo | None:
    """Returns what is known about a file in the cache; None if it is missing or another file."""
    info, size = _info(path), verified.size_of(path)
    if not info or size is None:
        return None
    noted = info.get("url_info", {})
    # TFDS before 3.1 noted no sha256, but the file's name contains it.
    sha256 = noted.get("checksum") or published.checksum
    if not sha256 or size != int(noted.get("size") or published.size):
        return None
    found = digests.url_info(size, sha256, noted.get("filename") or published.filename)
    return found if published == found else None


def _info(path: pathlib.Path) -> dict[str, Any]:
    """Returns what is noted about a file in the cache; empty if nothing is noted."""
    try:
        return resource_lib.read_info_file(epath.Path(path))
    except (OSError, ValueError):
        return {}


def _note(path: pathlib.Path, record: verified.Record) -> None:
    """Notes a record in the INFO file of a file, at once or not at all."""
    info = {**_info(path), _VERIFIED: record}
    info_path = pathlib.Path(resource_lib.get_info_path(epath.Path(path)))
    digests.replace_text(info_path, json.dumps(info, sort_keys=True))
