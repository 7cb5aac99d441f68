"""Facts: the tables beside a builder, and the tables of checksums; a miniature has its own."""

from __future__ import annotations

import abc
import functools
import inspect
import pathlib
from collections.abc import Mapping

from tfds_extra import registry
from tfds_extra.core import archives, digests, tables
from tfds_extra.core.builders.variants import MINIATURE, VariantsLayer
from tfds_extra.core.published import Archive, File

_UNKNOWN = "unknown"  # Stands in counts.tsv for a number that nobody states.


class _UrlInfos:
    """What was published at each URL: all URLs of a builder class, or those of a builder's config.

    For a miniature, the values describe the miniature's files, under the same URLs.
    """

    def __get__(
        self, builder: FactsLayer | None, cls: type[FactsLayer]
    ) -> dict[str, digests.Published]:
        if builder is None:
            return digests.load_published(cls.checksums_path())
        if builder.of_miniature:
            published = digests.load_published(builder.facts_path("checksums.tsv"))
        else:
            published = digests.load_published(cls.checksums_path())
        needed = [url for file in builder.published_files().values() for url in file.urls]
        for url, one in builder.also_published().items():
            if url not in published or (one.digests and not published[url].digests):
                published[url] = one
        return {url: published[url] for url in needed}


class FactsLayer(VariantsLayer):
    """Finds facts, and has the declarations of a subclass about its published files."""

    url_infos = _UrlInfos()

    @classmethod
    def checksums_path(cls) -> pathlib.Path:
        return registry.resource_dir("checksums") / f"{cls.name}.tsv"

    @classmethod
    def miniature_dir(cls) -> pathlib.Path:
        """Returns the folder of the miniature, with files under published names and with facts."""
        return registry.resource_dir("dummy_data") / cls.name

    @property
    def of_miniature(self) -> bool:
        """Whether the published files and the facts are those of the miniature."""
        return self.variant == MINIATURE

    def facts_path(self, file_name: str) -> pathlib.Path:
        """Returns the path of a table of facts, of the miniature or in the builder's folder."""
        if self.of_miniature:
            return self.miniature_dir() / file_name
        return self.folder() / file_name

    def read_facts(self, file_name: str) -> list[dict[str, str]]:
        """Returns the rows of a table of facts."""
        return tables.read_tsv(self.facts_path(file_name))

    @functools.cached_property
    def expected_counts(self) -> dict[str, int]:
        """Number of examples that the publisher states for each split of this config; 0 if unknown."""
        return self.counts_of(self.base_config_name)

    def counts_of(self, config: str) -> dict[str, int]:
        """Returns the publisher's number of examples for each split of a config; 0 if unknown."""
        return {
            row["split"]: 0 if row["examples"] == _UNKNOWN else int(row["examples"])
            for row in self.read_facts("counts.tsv")
            if row["config"] in (config, "*")
        }

    @classmethod
    def about(cls, fact: str, config: str | None = None) -> list[str]:
        """Returns what `about.tsv` says of the corpus, or of one of its configs.

        Args:
          fact: One of the facts that the file explains, such as `summary`.
          config: Name of a config, for facts that differ between them.

        Returns:
          The values: none, one, or several aliases. The list is empty for a builder without that
            file.
        """
        path = pathlib.Path(inspect.getfile(cls)).parent / "about.tsv"
        return [
            row["value"]
            for row in (tables.read_tsv(path) if path.exists() else [])
            if row["fact"] == fact and row["config"] in ("*", config)
        ]

    @property
    def download_amount(self) -> digests.Amount:
        """Size of all published files that this config needs, whether they are here or not."""
        return sum((info.amount for info in self.url_infos.values()), digests.Amount())

    @property
    def prepared_amount(self) -> digests.Amount:
        """Size of the prepared data, or, before it is prepared, about what it will take."""
        if self.info.dataset_size:
            return digests.Amount(int(self.info.dataset_size))
        if self.variant or not (size := self.about("bytes_per_example", self.base_config_name)):
            return digests.Amount(is_least=True)
        counts = self.expected_counts.values()
        return digests.Amount(int(size[0]) * sum(counts), is_about=True, is_least=not all(counts))

    @abc.abstractmethod
    def published_files(self) -> Mapping[str, Archive | File]:
        """Returns the published files that this config needs, by short names that it chooses."""

    def also_published(self) -> Mapping[str, digests.Published]:
        """Returns what is known about URLs that follow from the config and are in no table."""
        return {}

    def member_digests(
        self, file: str, tree: archives.Tree | None, prefix: str = ""
    ) -> Mapping[str, str]:
        """Returns the published digests of the members of an archive, where somebody listed them.

        Building and `validate` use the same ones.

        Args:
          file: Short name of the archive.
          tree: The archive, for builders whose list of digests is one of its members.
          prefix: Only members whose name begins with it are asked for.

        Returns:
          Hexadecimal digests by member name. The length of a digest tells whether it is a sha256, a
          sha1 or an md5; it is empty for a known member whose digest nobody listed.
        """
        del file, tree, prefix
        return {}
