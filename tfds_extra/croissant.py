"""Describes the published files of a corpus in Croissant, the metadata format of MLCommons.

The files come from the builder: addresses, sizes, digests, licence and citation. What is in them is
told in record sets: of tables by their columns, if the builder's folder has a `croissant.tsv`, and
of all other files by their paths and contents. `croissant.tsv` has these columns:

    config      pattern of the configs that a row is for (see `fnmatch`)
    file        the file's name in `published_files`
    member      patterns of the members, below the root of the archive, with spaces between them;
                `-` where the file is no archive
    record_set  what the rows of the table are
    field       name of a column of the table
    extract     `csv`, `tsv` or `jsonl`: a column of a table in that format; or a property of files:
                `content`, `filename`, `fullpath`, with a colon and a regular expression with one
                group behind it if only a part of it is meant
    type        one of the data types of Croissant, such as Text or Int64
    feature     the feature of the corpus that has the same value; `-` if there is none

The features of the corpus, which are made of the files by code and not by Croissant, are a table of
their own that lies in the metadata.
"""

from __future__ import annotations

import fnmatch
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core, listing
from tfds_extra.core import digests, downloads, errors, tables

_FOLDER = pathlib.Path(__file__).resolve().parent / "datasets"
_NONE = "-"
_LIVE = (
    "Nobody published an md5 or sha256 of some of the files, so that isLiveDataset is set: without"
    " it Croissant demands one of each file."
)
_LICENCES = {
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC BY-SA 4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
}
_ARCHIVES = {
    ".tar": "application/x-tar", ".tar.gz": "application/x-tar", ".tgz": "application/x-tar",
    ".tar.bz2": "application/x-tar", ".zip": "application/zip",
}  # fmt: skip
_ENCODINGS = {
    ".csv": "text/csv", ".tab": "text/tab-separated-values", ".txt": "text/plain",
    ".tsv": "text/tab-separated-values", ".json": "application/json", ".xml": "application/xml",
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".wav": "audio/wav",
    ".mp3": "audio/mpeg", ".flac": "audio/flac", ".m4a": "audio/mp4", ".h5": "application/x-hdf5",
    ".gz": "application/gzip", ".bz2": "application/x-bzip2", ".xz": "application/x-xz",
    ".beats": "text/plain", ".bpm": "text/plain", ".textgrid": "text/plain",
}  # fmt: skip
_UNKNOWN = "application/octet-stream"
# Formats of tables, which the names of files do not always tell.
_TABLES = {
    "csv": "text/csv", "tsv": "text/tab-separated-values", "jsonl": "application/jsonlines",
}  # fmt: skip


def describe(builder: core.Builder) -> dict[str, Any]:
    """Returns the Croissant metadata of a corpus, in one of its configs, as JSON-LD.

    Args:
      builder: The builder; nothing has to be prepared or downloaded. Of a miniature, sizes and
        digests are those of the miniature's files.

    Raises:
      ImportError: There is no mlcroissant, which makes and checks the metadata.
      mlcroissant.ValidationError: The metadata has an error; this is a mistake of this package.
    """
    errors.require("mlcroissant", "mlcroissant", "Croissant metadata")
    return _Description(builder).metadata()


class _Description:
    """The metadata of one config while it is made."""

    def __init__(self, builder: core.Builder):
        import mlcroissant as mlc

        self._mlc, self._builder = mlc, builder
        self._published = builder.url_infos
        without = any(_digest(one) == {} for one in self._published.values())
        version = "http://mlcommons.org/croissant/1.1"
        self._context = mlc.Context(conforms_to=version, is_live_dataset=without or None)
        self._distribution: dict[str, Any] = {}
        self._record_sets: list[Any] = []

    def metadata(self) -> dict[str, Any]:
        """Returns all of it as JSON-LD."""
        builder, info = self._builder, self._builder.info
        rows = self._table()
        for name, file in builder.published_files().items():
            of_file = [row for row in rows if row["file"] == name]
            containers = [self._file_object(url, file) for url in file.urls]
            if isinstance(file, core.Archive):
                self._members(name, file, containers, of_file)
            elif of_file:
                self._columns(of_file, {"file_object": containers[0]})
            else:
                self._contents(containers[0], {"file_object": containers[0]})
        self._inline(
            "splits",
            "The splits of the corpus here, and how many examples its publisher states for each.",
            [
                {"name": name, "examples": count}
                for name, count in builder.expected_counts.items()
                if count
            ],
        )
        self._inline("features", "The features of an example here.", list(_features(info.features)))
        licence = info.redistribution_info.license or "not stated"
        made = self._make(
            "Metadata",
            name=info.full_name,
            description=info.description + (f"\n\n{_LIVE}" * bool(self._context.is_live_dataset)),
            cite_as=info.citation,
            license=[_LICENCES.get(licence, licence)],
            date_published=_date(builder),
            version=str(builder.version),
            url=info.homepage,
            keywords=listing.kinds(type(builder)) or None,
            distribution=list(self._distribution.values()),
            record_sets=self._record_sets,
        )
        return made.to_json()

    def _make(self, kind: str, **values: Any) -> Any:
        return getattr(self._mlc, kind)(ctx=self._context, **values)

    def _table(self) -> list[dict[str, str]]:
        path = _FOLDER / self._builder.name / "croissant.tsv"
        config = self._builder.base_config_name or ""
        return [
            row
            for row in (tables.read_tsv(path) if path.exists() else [])
            if any(fnmatch.fnmatchcase(config, one) for one in row["config"].split("|"))
        ]

    # ------------------------------------------------------------------------------- the files

    def _file_object(self, url: str, file: core.Archive | core.File) -> str:
        """Adds a published file, and returns its id."""
        one = self._published[url]
        name = one.filename or url.rpartition("/")[2]
        identity = _id(name)
        if identity in self._distribution:
            return identity
        parts = file.files if isinstance(file.files, tuple) else (file.files,)
        mirrors = [
            other
            for part in parts
            if downloads.as_resource(part).url == url and isinstance(part, core.Mirrors)
            for other in part.urls
            if other != url
        ]
        others = [f"{kind} {hexadecimal}" for kind, hexadecimal in one.digests.items()]
        self._distribution[identity] = self._make(
            "FileObject",
            id=identity,
            name=name,
            description="; ".join(others) or "No digest of it was published.",
            content_url=url,
            content_size=f"{int(one.size)} B" if one.size else None,
            same_as=mirrors or None,
            encoding_formats=[_encoding(name)],
            **_digest(one),
        )
        return identity

    def _members(
        self,
        name: str,
        file: core.Archive,
        containers: list[str],
        rows: list[dict[str, str]],
    ) -> None:
        """Adds the members of an archive of which examples are made, and what is in them."""
        for members in dict.fromkeys(row["member"] for row in rows):
            of_members = [row for row in rows if row["member"] == members]
            patterns = members.split()
            self._columns(of_members, self._member(name, file, containers, patterns))
        told = {pattern for row in rows for pattern in row["member"].split()}
        by_encoding: dict[str, list[str]] = {}
        for pattern in (one for held in file.holds for one in held.split("|")):
            if pattern not in told and not (rows and not _is_media(_encoding(pattern))):
                by_encoding.setdefault(_encoding(pattern), []).append(pattern)
        if not file.holds and not rows:
            by_encoding = {_UNKNOWN: ["*"]}
        for encoding, patterns in by_encoding.items():
            files = [one for one in patterns if not _is_pattern(one)]
            for one in files:
                self._contents(f"{name}/{one}", self._member(name, file, containers, [one]))
            if several := [one for one in patterns if _is_pattern(one)]:
                identity = f"{name}_{encoding}" if len(by_encoding) > 1 else name
                self._contents(identity, self._member(name, file, containers, several))

    def _member(
        self, name: str, file: core.Archive, containers: list[str], patterns: list[str]
    ) -> dict[str, str]:
        """Adds a member, or the members that fit patterns; returns the source of their fields."""
        paths = [f"{file.root}/{pattern}" if file.root else pattern for pattern in patterns]
        shared = {"contained_in": containers, "encoding_formats": [_encoding(paths[0])]}
        if len(paths) == 1 and not _is_pattern(paths[0]):
            identity = _id(f"{name}/{patterns[0]}")
            made = self._make(
                "FileObject", id=identity, name=patterns[0], content_url=paths[0], **shared
            )
            kind = "file_object"
        else:
            identity = _id(f"{name}/{' '.join(patterns)}")
            made = self._make("FileSet", id=identity, name=name, includes=paths, **shared)
            kind = "file_set"
        self._distribution.setdefault(identity, made)
        return {kind: identity}

    # ------------------------------------------------------------------------- the record sets

    def _columns(self, rows: list[dict[str, str]], source: dict[str, str]) -> None:
        """Adds the record set that the rows of `croissant.tsv` describe."""
        docs = dict(_docs(self._builder.info.features))
        record_set = rows[0]["record_set"]
        if encoding := _TABLES.get(rows[0]["extract"]):
            (file,) = source.values()
            self._distribution[file].encoding_formats = [encoding]
        fields = []
        for row in rows:
            how, _, regex = row["extract"].partition(":")
            if how in _TABLES:
                extract = {"column": row["field"]}
            else:
                extract = {"file_property": how}
            transforms = [self._make("Transform", regex=regex)] if regex else []
            doc = docs.get(row["feature"], "")
            same = f"As the feature {row['feature']}: {doc}" if doc else ""
            fields.append(
                self._make(
                    "Field",
                    id=_id(f"{record_set}/{row['field']}"),
                    name=row["field"],
                    description=same or f"{row['field']}, as published.",
                    data_types=[getattr(self._mlc.DataType, row["type"].upper())],
                    source=self._make(
                        "Source", extract=self._make("Extract", **extract),
                        transforms=transforms, **source,
                    ),
                )
            )  # fmt: skip
        self._record_sets.append(
            self._make("RecordSet", id=record_set, name=record_set, fields=fields)
        )

    def _contents(self, name: str, source: dict[str, str]) -> None:
        """Adds the record set of files whose inside is not described: path and content."""
        identity = _id(f"contents_{name}")
        (distribution,) = source.values()
        encoding = self._distribution[distribution].encoding_formats[0]
        types = self._mlc.DataType
        kind = {"image": types.IMAGE_OBJECT, "audio": types.AUDIO_OBJECT}
        wanted = {
            "fullpath": ("Path of the file in its archive.", types.TEXT),
            "content": ("Content of the file.", kind.get(encoding.partition("/")[0], types.TEXT)),
        }
        fields = [
            self._make(
                "Field",
                id=f"{identity}/{field}",
                name=field,
                description=description,
                data_types=[data_type],
                source=self._make(
                    "Source",
                    extract=self._make("Extract", file_property=field),
                    **source,
                ),
            )
            for field, (description, data_type) in wanted.items()
        ]
        self._record_sets.append(self._make("RecordSet", id=identity, name=identity, fields=fields))

    def _inline(self, name: str, description: str, rows: list[dict[str, Any]]) -> None:
        """Adds a record set whose rows lie in the metadata."""
        if not rows:
            return
        types = {int: self._mlc.DataType.INTEGER, str: self._mlc.DataType.TEXT}
        fields = [
            self._make(
                "Field", id=f"{name}/{key}", name=key, data_types=[types[type(value)]]
            )
            for key, value in rows[0].items()
        ]  # fmt: skip
        data = [{f"{name}/{key}": value for key, value in row.items()} for row in rows]
        self._record_sets.append(
            self._make(
                "RecordSet", id=name, name=name, description=description, fields=fields, data=data
            )
        )


def _id(name: str) -> str:
    """Returns a name without the letters that mlcroissant does not take in ids."""
    return re.sub(r"[^\w./-]+", "_", name)


def _digest(one: digests.Published) -> dict[str, str]:
    """Returns the digest of a file that Croissant has a name for; empty if there is none."""
    for kind in ("sha256", "md5"):
        if kind in one.digests:
            return {kind: one.digests[kind]}
    return {}


def _encoding(name: str) -> str:
    """Returns the MIME type of a file, or of the files that fit a pattern."""
    name = name.lower().rpartition("/")[2]
    for suffix, encoding in _ARCHIVES.items():
        if name.endswith(suffix):
            return encoding
    return _ENCODINGS.get(f".{name.rpartition('.')[2]}" if "." in name else "", _UNKNOWN)


def _is_media(encoding: str) -> bool:
    return encoding.partition("/")[0] in ("image", "audio")


def _is_pattern(path: str) -> bool:
    return any(letter in path for letter in "*?[")


def _date(builder: core.Builder) -> str | None:
    """Returns when the corpus was published: the date in its config's name, or its paper's year."""
    if match := re.match(r"(\d{4})(\d\d)(\d\d)\.", builder.base_config_name or ""):
        return "-".join(match.groups())
    match = re.search(r"\byear\s*=\s*\W?(\d{4})", builder.info.citation or "")
    return match and match[1]


def _docs(features: Any) -> Iterator[tuple[str, str]]:
    for name, feature, _ in listing.leaves(features):
        yield name, feature.doc.desc or ""


def _features(features: Any) -> Iterator[dict[str, Any]]:
    """Yields a row for each feature."""
    for name, feature, spec in listing.leaves(features):
        kind = type(feature).__name__
        if isinstance(feature, tfds.features.Sequence):
            kind += f" of {type(feature.feature).__name__}"
        single = spec if not isinstance(spec, dict) else feature.get_tensor_info()
        dtype = np.dtype(single.np_dtype)
        yield {
            "name": name,
            "feature": kind,
            "dtype": "string" if dtype.kind == "O" else dtype.name,
            "shape": ", ".join("any" if n is None else str(n) for n in single.shape) or "scalar",
            "description": feature.doc.desc or "",
        }
