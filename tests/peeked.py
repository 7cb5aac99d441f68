"""A server of miniatures, to peek at them as if they were the published files."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any
from unittest import mock

import requests

from tests.core import misbehaving_server
from tfds_extra import core
from tfds_extra.core import downloads
from tfds_extra.core.peeking import peeking


@functools.cache
def server() -> misbehaving_server.Server:
    """The server of all tests of this process."""
    return misbehaving_server.Server()


def _paths(builder: core.Builder) -> dict[str, str]:
    """The path on the server of each file that can be fetched, by each of its URLs."""
    paths = {}
    for file in builder.published_files().values():
        for part in file.files if isinstance(file.files, tuple) else (file.files,):
            resource = downloads.as_resource(part)
            if not isinstance(resource, core.ManualFile):
                name = builder.url_infos[resource.url].filename
                for url in getattr(resource, "urls", (resource.url,)):
                    paths[url] = f"/{builder.name}/{name}"
    return paths


@contextlib.contextmanager
def served(builder: core.Builder) -> Iterator[misbehaving_server.Server]:
    """Inside, the URLs of a builder lead to its miniature, and its facts are the miniature's.

    Args:
      builder: A builder that peeks.
    """
    get = requests.Session.get

    def get_from_here(session: Any, url: str, **kwargs: Any) -> requests.Response:
        return get(session, server().url(paths[url]), **kwargs)

    with mock.patch.object(core.Builder, "of_miniature", True):
        paths = _paths(builder)
        for path in set(paths.values()):
            content = (builder.miniature_dir() / path.rpartition("/")[2]).read_bytes()
            server().add(path, content)
        with (
            mock.patch.object(requests.Session, "get", get_from_here),
            mock.patch.object(
                peeking, "SMALL", 0
            ),  # Else each file of a miniature is fetched whole.
        ):
            yield server()
