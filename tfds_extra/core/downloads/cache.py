"""TFDS's cache of downloads: where a file lies in it, and what is noted about it.

A file lies under a name made of its URL and its sha256 (or, where TFDS was given no sha256 for it,
of the URL's), with an INFO file beside it. Files without a known sha256 keep the name made of the
URL alone. To what TFDS notes in the INFO file we add which digests the file was found to have, and
what it looked like then (`verified`).
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

_VERIFIED = "verified"  # What we add to TFDS's INFO files.

# `DownloadManager._get_dl_path`: resource, sha256 or None, whether as before TFDS 4.9 -> path.
PathOf = Callable[[download.Resource, "str | None", bool], os.PathLike]


def find(
    resource: download.Resource,
    published: digests.Published,
    path_of: PathOf,
    altered: dict[pathlib.Path, tuple[list[int], str]],
    check: Callable[[], None] | None = None,
) -> tuple[pathlib.Path, checksums.UrlInfo] | None:
    """A file that was downloaded before, by us or by TFDS.

    Args:
      resource: What is asked for.
      published: What is known about it.
      path_of: TFDS's name for the file.
      altered: Files that were found to be others, as they looked then, and how they differ. They are
        passed over, and more are added.
      check: Makes sure that the file still has its digests, those that are published and that which
        was noted when it came; may raise to stop that.

    Returns:
      Path, and what is known about the file there; None if there is none.
    """
    for path in _paths(resource, published, path_of):
        with contextlib.suppress(FileNotFoundError):  # Somebody takes it away at this moment.
            if found := _checked(path, published, altered, check):
                return path, found
    return None


def _checked(
    path: pathlib.Path,
    published: digests.Published,
    altered: dict[pathlib.Path, tuple[list[int], str]],
    check: Callable[[], None] | None,
) -> checksums.UrlInfo | None:
    """What is known about one file, if it is the one, as in `find`."""
    found = _read(path, published)
    if not found or (path in altered and altered[path][0] == verified.stamp_of(path)):
        return None
    record = verified.as_record(_info(path).get(_VERIFIED))
    known = record["digests"]
    if any(known.get(kind, digest) != digest for kind, digest in published.digests.items()):
        return None  # An earlier edition.
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
        with contextlib.suppress(OSError):  # Where we may only read, it is read each time.
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
    """Gives a complete file its name, and the INFO file that makes it TFDS's.

    Args:
      part: The file.
      path: Its name in the cache.
      resource: What was asked for.
      dataset_name: For whom.
      found: Size, sha256 and published name.
      sums: All its digests that were taken.
    """
    info_path = resource_lib.get_info_path(epath.Path(path))
    if _info(path).get("url_info", found.asdict()) != found.asdict():
        info_path.unlink()  # About an earlier file; TFDS refuses to change it.
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
    """Where the file may lie."""
    for legacy in (False, True):
        if published.checksum:
            yield pathlib.Path(path_of(resource, published.checksum, legacy))
        by_url = pathlib.Path(path_of(resource, None, legacy))
        yield by_url
        if not published.checksum:
            # TFDS put it under its sha256, which we do not know. Zeros show where that would be.
            prefix, zeros, suffix = resource_lib.get_dl_fname(resource.url, "00" * 32).rpartition(
                "A" * 43
            )
            pattern = glob.escape(prefix) + "?" * len(zeros) + glob.escape(suffix)
            for path in sorted(by_url.parent.glob(pattern)):
                if path != by_url and resource.url in _info(path).get("urls", []):
                    yield path


def _read(path: pathlib.Path, published: digests.Published) -> checksums.UrlInfo | None:
    """What is known about a file in the cache; None if it is not there, or not this file."""
    info, size = _info(path), verified.size_of(path)
    if not info or size is None:
        return None
    noted = info.get("url_info", {})
    # TFDS before 3.1 noted nothing, but gave the file its name, like any, by the sha256.
    sha256 = noted.get("checksum") or published.checksum
    if not sha256 or size != int(noted.get("size") or published.size):
        return None
    found = digests.url_info(size, sha256, noted.get("filename") or published.filename)
    return found if published == found else None


def _info(path: pathlib.Path) -> dict[str, Any]:
    """What is noted about a file in the cache; empty if nothing."""
    try:
        return resource_lib.read_info_file(epath.Path(path))
    except (OSError, ValueError):
        return {}


def _note(path: pathlib.Path, record: verified.Record) -> None:
    """Notes what was found out about it, at once or not at all."""
    info = {**_info(path), _VERIFIED: record}
    info_path = pathlib.Path(resource_lib.get_info_path(epath.Path(path)))
    digests.replace_text(info_path, json.dumps(info, sort_keys=True))
