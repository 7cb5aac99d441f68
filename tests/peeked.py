"""A server of miniatures, to peek at them as if they were the published files."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from typing import Any
from unittest import mock

import requests

from tests.core import misbehaving_server
from tfds_extra import core
from tfds_extra.core import downloads
from tfds_extra.core.peeking import costs


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


@dataclasses.dataclass
class Served:
    """What a server was asked for.

    Attributes:
      asked: Headers of the requests, by path.
      sent: Number of bytes of all bodies.
    """

    asked: dict[str, list[dict[str, str]]] = dataclasses.field(default_factory=dict)
    sent: int = 0


@contextlib.contextmanager
def served(builder: core.Builder) -> Iterator[Served]:
    """Inside, the URLs of a builder lead to its miniature, and its facts are the miniature's.

    Args:
      builder: A builder that peeks.

    Yields:
      What was asked for, after the block.
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
            mock.patch.object(costs, "SMALL", 0),  # Else all of a miniature is fetched whole.
        ):
            found = Served()
            yield found
        routes = {path: server().routes[path] for path in paths.values()}
        found.asked = {path: route.requests for path, route in routes.items()}
        found.sent = sum(route.sent for route in routes.values())
