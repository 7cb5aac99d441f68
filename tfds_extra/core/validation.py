"""Compares what lies on disk with what was published: downloads, manual files, prepared data."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters, utils

from tfds_extra.core import archives, digests, downloads, own_copies, prepared
from tfds_extra.core.builder import Builder
from tfds_extra.core.engines.records import OrderDigest
from tfds_extra.core.published import Archive, File

_BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of checking one file, folder or split.

    Attributes:
      subject: The file, folder or split.
      problem: What is wrong with it; empty if nothing is.
      absent: Whether it is not there at all.
      unchecked: Whether it is there, but no digest of it is known.
    """

    subject: str
    problem: str = ""
    absent: bool = False
    unchecked: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether it is there, but is not what it should be."""
        return bool(self.problem) and not self.absent and not self.unchecked


def validate(
    builder: Builder, *, download_dir: str | None = None, manual_dir: str | None = None
) -> Iterator[Finding]:
    """Checks the published files of a config, then its prepared data, each by reading all of it.

    Args:
      builder: The builder, in the variant that is to be checked.
      download_dir: As in `download_and_prepare`.
      manual_dir: As in `DownloadConfig`.

    Yields:
      One finding for each published file, each bad member of an extracted folder, and each split.
    """
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    dl_manager = builder.download_manager(download_dir, config)
    extracted = builder.extracted()
    for name, file in builder.published_files().items():
        copy = extracted.get(name)
        if copy is None:
            yield from map(_check_file, dl_manager.plan(file.files))
        elif isinstance(file, File):
            problem = "no digest of the unpacked file is known"
            yield Finding(str(copy.path), problem, unchecked=True)
        else:
            yield from _check_folder(builder, name, file, copy)
    if fault := builder.fault():
        yield Finding(builder.data_dir, fault)
    elif builder.is_prepared():
        yield from _check_prepared(builder)
    else:
        yield Finding(builder.data_dir, "not prepared", absent=True)


def _check_file(planned: downloads.PlannedFile) -> Finding:
    """Compares a file in `manual_dir` or in the cache with the published size and digests."""
    if planned.state == downloads.UNFINISHED:
        return Finding(planned.file_name, f"{planned.received:,} bytes are downloaded", absent=True)
    if not planned.is_here:
        return Finding(planned.file_name, "not here", absent=True)
    published = planned.published
    size = planned.path.stat().st_size
    if published.size and size != published.size:
        kind = "short" if size < published.size else "too long"
        problem = f"{kind}: {size:,} bytes of {int(published.size):,}"
    else:
        with utils.tqdm(total=size, desc=planned.file_name, unit="B", unit_scale=True) as bar:
            digester = published.digester()
            with planned.path.open("rb") as content:
                while block := content.read(_BLOCK):
                    digester.update(block)
                    bar.update(len(block))
        difference = published.difference(digester.size, digester.digests())
        problem = f"altered: {difference}" if difference else ""
    # A file with a wrong digest and another name than the published one is simply another file.
    return Finding(str(planned.path), problem, absent=bool(problem) and planned.is_renamed)


def _check_folder(
    builder: Builder, file: str, published_file: Archive, copy: own_copies.Copy
) -> Iterator[Finding]:
    """Compares an extracted folder with the published digests of its members, as building does."""
    tree, subject = archives.Tree(copy.path, renamed=copy.renamed), str(copy.path)
    bad = checked = 0
    unknown: list[str] = []
    try:
        published = builder.member_digests(file, tree)
        missing = dict(published)
        for member in utils.tqdm(
            tree.members(), total=len(published), desc=copy.path.name, unit=" files"
        ):
            expected = missing.pop(member.name, None)
            if not expected:
                unknown.append(member.name)
                continue
            checked += 1
            if problem := digests.altered(member.read(), expected):
                bad += 1
                yield Finding(f"{subject}/{member.name}", problem)
    except ValueError as e:
        yield Finding(subject, str(e))
        return
    for name in sorted(missing):
        yield Finding(f"{subject}/{name}", "missing")
    if not any(published.values()):
        yield Finding(subject, "no digests of its files are known", unchecked=True)
        return
    if not missing and not bad:
        yield Finding(f"{subject} ({checked:,} files)")
    if unknown and not published_file.shares_root:
        few = ", ".join(sorted(unknown)[:3])
        more = f" and {len(unknown) - 3:,} more" if len(unknown) > 3 else ""
        yield Finding(subject, f"no digest is known of {few}{more}", unchecked=True)


def _check_prepared(builder: Builder) -> Iterator[Finding]:
    """Reads all records and compares their number and order digest with what was prepared."""
    info = builder.info
    # Formats that `tfds convert_format` added hold the same records.
    file_formats = list(dict.fromkeys([info.file_format, *info.alternative_file_formats]))
    for split, expected in builder.expected_counts.items():
        subject = f"{builder.data_dir} {split}"
        if split not in info.splits:
            if info.metadata["missing"].get(split, 0) != expected:
                yield Finding(subject, "the split is missing")
            continue
        for file_format in file_formats:
            named = f"{subject} as {file_format.value}" if len(file_formats) > 1 else subject
            yield _check_split(builder, split, file_format, named)


def _check_split(
    builder: Builder, split: str, file_format: file_adapters.FileFormat, subject: str
) -> Finding:
    """Reads all records of one split in one file format, and compares number and order digest."""
    split_info = builder.info.splits[split]
    template = split_info.filename_template.replace(filetype_suffix=file_format.file_suffix)
    paths = split_info.replace(filename_template=template).filepaths
    missing = builder.info.metadata["missing"].get(split, 0)
    digest, lengths = OrderDigest(), []
    try:
        with utils.tqdm(total=split_info.num_examples, desc=split, unit=" examples") as bar:
            for shard in prepared.records(paths, file_format):
                lengths.append(0)
                for record in shard:
                    digest.update(record)
                    lengths[-1] += 1
                    bar.update()
    except Exception as e:  # Each file format has its own classes of errors.
        name = paths[max(len(lengths) - 1, 0)].name
        problem = f"{name} cannot be read after {sum(lengths):,} examples: {_told(e)}"
        return Finding(subject, problem)
    if sum(lengths) != split_info.num_examples:
        problem = f"{sum(lengths):,} examples, {split_info.num_examples:,} were prepared"
        return Finding(subject, problem)
    if lengths != split_info.shard_lengths:
        return Finding(subject, "dataset_info.json: the lengths of its shards are others")
    if digest.hexdigest() != builder.info.metadata["order_digest"][split]:
        return Finding(subject, "altered: its records are not the ones that were prepared")
    part = f", {missing:,} of the publisher's are missing" if missing > 0 else ""
    return Finding(f"{subject} ({sum(lengths):,} examples{part})")


def _told(error: Exception) -> str:
    """Returns the text of an error, without TensorFlow's names for its own parts."""
    text = re.sub(r"\{\{.*?\}\} ?|\[Op:.*|name: *$", "", str(error).strip(), flags=re.DOTALL)
    return text.partition("\n")[0].strip() or type(error).__name__
