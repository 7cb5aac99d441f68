"""Configs, versions and variants: a config is chosen by name, whole, in miniature, in part or for a peek."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow_datasets as tfds

from tfds_extra import tfds_seam
from tfds_extra.core import spelling

MINIATURE = "miniature"
PARTIAL = "partial"
PEEK = "peek"
_LISTED = 12  # An error names at most so many configs.

NOTICES = {
    MINIATURE: "MINIATURE: made-up data in the published layout, to try a pipeline on. Not the"
    " corpus.",
    PARTIAL: "PARTIAL: prepared from a part of the published files. What is missing is counted in"
    " the metadata.",
    PEEK: "PEEK: the first examples only, read from a few bytes of the published files. What could not"
    " be checked stands in the metadata. Not the corpus.",
}


class VariantsLayer(tfds_seam.Builder):
    """Chooses config, version and variant.

    Attributes:
      variant: `MINIATURE`, `PARTIAL`, `PEEK`, or None for the complete corpus.
      base_config_name: Name of the config without the variant; empty if the builder has no configs.
    """

    variant: str | None
    base_config_name: str

    @property
    def name_with_config(self) -> str:
        """The name and config as the command takes them, without the variant."""
        return "/".join(filter(None, (self.name, self.base_config_name)))

    def _choose_version(self, requested: Any, pick: Callable[[Any], Any]) -> Any:
        try:
            return pick(requested)
        except AssertionError:
            known = ", ".join(map(str, self.versions))
            raise ValueError(
                f"{self.name} has no version {requested}. There is: {known}."
            ) from None

    def _choose_config(
        self,
        config: str | tfds.core.BuilderConfig | None,
        create: Callable[[Any], tfds.core.BuilderConfig | None],
    ) -> tfds.core.BuilderConfig | None:
        if isinstance(config, str):
            name = config.partition(":")[0]  # TFDS takes NAME:VERSION as well.
            if name not in self.builder_configs:
                raise ValueError(_no_config(type(self), name))
        found = create(config)
        self.base_config_name = found.name if found else ""
        if self.variant is None:
            return found
        if found is None:
            return tfds.core.BuilderConfig(name=self.variant, description=NOTICES[self.variant])
        return dataclasses.replace(found, name=f"{found.name}-{self.variant}")


def split_variant(
    config: str | tfds.core.BuilderConfig | None,
) -> tuple[str | tfds.core.BuilderConfig | None, str | None]:
    """Returns the config without the variant that its name ends in, and the variant."""
    name = config if isinstance(config, str) else getattr(config, "name", "")
    for variant in NOTICES:
        if name == variant:
            return None, variant
        if name.endswith(f"-{variant}"):
            return name.removesuffix(f"-{variant}"), variant
    return config, None


def _no_config(cls: type[VariantsLayer], config: str) -> str:
    """Returns the message for a config name that does not exist."""
    if not cls.builder_configs:
        return f"{cls.name} has no configs, hence no {config!r}."
    variants = [f"{name}-{variant}" for name in cls.builder_configs for variant in NOTICES]
    known = [*cls.builder_configs, *variants]
    names = list(cls.builder_configs)
    listed = ", ".join(names[:_LISTED]) + (
        f" and {len(names) - _LISTED} more (tfds-extra info {cls.name})"
        if len(names) > _LISTED
        else ""
    )
    sentences = (f"{cls.name} has no config {config!r}.", spelling.hint(config, known))
    return " ".join(filter(None, sentences)) + f" There are: {listed}."
