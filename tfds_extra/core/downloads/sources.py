"""Where files come from, as builders say it to the download manager: mirrors, and files by hand."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Iterable
from typing import Any

from tensorflow_datasets.core import download

from tfds_extra.core.downloads import answers


class Mirrors(download.Resource):
    """Several URLs of the same bytes, tried in order.

    The first URL names the file in the cache and in the checksum file. The other servers need not
    be trusted, because the file is checked by its digest.
    """

    def __init__(self, urls: Iterable[str], **kwargs: Any):
        """Takes the URLs, and the other arguments of `tfds.download.Resource`."""
        self.urls = (urls,) if isinstance(urls, str) else tuple(urls)
        super().__init__(url=self.urls[0], **kwargs)


class ManualFile(download.Resource):
    """A file that only comes by hand: the publisher wants a form, a login or a promise first.

    Its row in the checksum file stands under `url`: the given URL if that ends in the name of the
    file, else `<page>#<name>`.
    """

    def __init__(self, name: str, url_or_page: str, terms: str = "", **kwargs: Any):
        """Declares the file.

        Args:
          name: The published name. In `manual_dir` the file has this name, or, if a digest is
            known, the name that a browser gives to a second download.
          url_or_page: Where people get the file.
          terms: What they have to do first: the licence, the form, whom to ask.
          **kwargs: Arguments of `tfds.download.Resource`.
        """
        at_page = name_in(url_or_page) != name
        super().__init__(url=f"{url_or_page}#{name}" if at_page else url_or_page, **kwargs)
        self.name = name
        self.page = url_or_page
        self.terms = terms


def as_resource(resource: Any) -> download.Resource:
    """Makes a resource of a URL; returns a resource as it is."""
    if isinstance(resource, download.Resource):
        return resource
    return download.Resource(url=os.fspath(resource))


def key_of(resource: download.Resource) -> tuple[str, str]:
    """Returns a key that is equal for two resources of the same file."""
    return resource.url, os.fspath(resource.relative_download_dir)


def name_in(url: str) -> str:
    """Returns the file name at the end of a URL; empty if there is none."""
    return answers.last_part(urllib.parse.urlsplit(url).path)
