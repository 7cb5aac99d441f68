"""Preparing: one process at a time, by our engines, on the disk before it is published."""

from __future__ import annotations

import contextlib
import errno
import inspect
import json
import os
import pathlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow_datasets as tfds
from absl import logging
from etils import epath
from tensorflow_datasets.core import constants, download, file_adapters, utils

from tfds_extra import tfds_seam
from tfds_extra.core import disk, downloads, engines, hooks, locks, peeking, prepared
from tfds_extra.core.builders.judging import JudgingLayer
from tfds_extra.core.builders.variants import MINIATURE, PARTIAL, PEEK
from tfds_extra.core.errors import CorpusError
from tfds_extra.core.members import IF_PARTIAL
from tfds_extra.core.published import Archive

_TFDS_INCOMPLETE = constants.INCOMPLETE_PREFIX


class PreparingLayer(JudgingLayer):
    """Prepares the data.

    Attributes:
      SERIAL_BYTES: No workers are started for fewer bytes of published files than this, which one
        process reads in the time that workers take to start. A corpus with much work for each byte
        has a lower number.
    """

    SERIAL_BYTES = 64 << 20

    _num_workers: int | None
    _work_folder: pathlib.Path | None
    _unpublished: str  # TFDS's temporary folder, before it gets its final name.

    def _announce(self) -> None:
        amount = self.download_amount
        published = f"{amount} of published files" if amount.size else "the published files"
        if self.variant == MINIATURE:
            source = f"from the miniature that comes along ({amount})"
        elif self.variant == PARTIAL:
            source = f"from a part of {published}"
        else:
            source = f"from {published}"
        if self.variant == PEEK:
            budget = peeking.amount(self._peek.budget)
            print(
                f"Peeking at {self.info.full_name}: at most {budget} of {published}, to"
                f" {self.data_dir}",
                flush=True,
            )
            return
        size = self.prepared_amount
        takes = "" if size.is_least else f", which takes {size}"
        # Printed, as TFDS does with its own line, so that the user can still stop the preparation.
        print(f"Preparing {self.info.full_name} {source}{takes}, in {self.data_dir}", flush=True)

    def _prepare(
        self,
        dl_manager: download.DownloadManager,
        download_config: download.DownloadConfig,
        prepare: Callable[[Any, Any], None],
    ) -> None:
        limit = download_config.max_examples_per_split
        if limit is not None and self.variant == MINIATURE:
            raise ValueError(
                f"{self.info.full_name} is small: leave max_examples_per_split out, and read a part of"
                " it with split='train[:5]', say."
            )
        if limit is not None and self.variant == PEEK:
            raise ValueError(
                f"How many examples of {self.info.full_name} are shown says"
                f" builder_kwargs={{'peek': core.Peek(examples={limit})}}; leave"
                " max_examples_per_split out."
            )
        if limit is not None and (self.variant != PARTIAL or limit < 1):
            # TFDS would store the first few examples where later calls look for the corpus.
            raise ValueError(
                f"max_examples_per_split={limit} makes a part of {self.info.full_name}. Say so with"
                " builder_kwargs={'partial': True}, or --partial, and take one or more."
            )
        self._unpublished = self.data_dir
        prepare(dl_manager, download_config)

    def download_and_prepare(self, **kwargs: Any) -> None:
        """Prepares the data as TFDS does; of several such processes one works and the others wait.

        Args:
          **kwargs: Arguments of `tfds.core.DatasetBuilder.download_and_prepare`.
        """
        prepare = super().download_and_prepare
        if not hooks.is_tfds_own(inspect.unwrap(prepare)):
            prepare(**kwargs)
            return
        if not self.info.initialized and hooks.is_in_data_source():
            kwargs.setdefault("file_format", file_adapters.FileFormat.ARRAY_RECORD)
        config = kwargs.get("download_config") or download.DownloadConfig()
        if not config.download_mode.overwrite_dataset:
            self._check_whole()
        final = pathlib.Path(self.data_dir)
        if final.is_dir() and not any(final.iterdir()):
            final.rmdir()  # TFDS would take it for prepared.
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise CorpusError(
                final.parent,
                "",
                f"the folder cannot be made ({e.strerror})",
                "Choose another data_dir, or see to its rights.",
            ) from e
        work_folder = final.parent / f"unfinished.{final.name}"
        lock = final.parent / f"{final.name}.lock"
        reused = final.exists() and not config.download_mode.overwrite_dataset
        # The folder of data that is there may be read-only. A lock or a work folder beside it
        # belongs to a process that makes the data anew, or that was killed after it had made the
        # data.
        is_alone = not work_folder.exists() and not lock.exists()
        if (reused and is_alone) or not _is_local(self.data_dir):
            super().download_and_prepare(**kwargs)
            return
        cleared: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if self.variant == PEEK:
            cleared = self._peeking.leaving_nothing(final.parent)
        with cleared, locks.alone(lock, time.sleep) as locked:
            if locked:
                for remains in final.parent.glob(f"{_TFDS_INCOMPLETE}*_{final.name}"):
                    shutil.rmtree(remains, ignore_errors=True)  # A killed process left them.
            # Without a lock others may prepare the same data now. A read-only work folder belongs
            # to a killed process of another user.
            is_own = not locked or not _is_writable(work_folder)
            if is_own:
                left = work_folder
                work_folder = left.with_name(f"{left.name}.{uuid.uuid4().hex[:8]}")
                if not reused and not final.exists():
                    logging.warning(
                        "%s, so that unfinished work lies in a folder of this process alone, %s."
                        " If the process is killed, the folder stays: remove it.",
                        f"{left} is another user's" if locked else f"{lock} cannot be locked",
                        work_folder,
                    )
            self._work_folder = work_folder
            try:
                with self._synced_before_published():
                    super().download_and_prepare(**kwargs)
                for folder in final.parents:
                    disk.sync(folder)
                    if folder == pathlib.Path(self.data_dir_root):
                        break
            except BaseException as e:
                if is_own or self.variant == PEEK:
                    shutil.rmtree(work_folder, ignore_errors=True)
                is_there = isinstance(e, FileExistsError) or (
                    isinstance(e, OSError) and e.errno == errno.ENOTEMPTY
                )
                if locked or not is_there or not final.exists():
                    raise
                # Another process has published the same data in the meantime.
                self.info.read_from_directory(self.data_dir)
            shutil.rmtree(work_folder, ignore_errors=True)
        if not self.info.initialized:  # Somebody else has prepared it in the meantime.
            self.info.read_from_directory(self.data_dir)

    @contextlib.contextmanager
    def _synced_before_published(self) -> Iterator[None]:
        """Waits until all files are on the disk before TFDS gives its folder the final name.

        Otherwise a power cut may leave the final name with empty files under it. The last step of
        TFDS before it renames is to tell its `info` the new name.
        """
        update = self.info.update_data_dir

        def sync_and_update(data_dir: str) -> None:
            unpublished = pathlib.Path(self._unpublished)
            for folder in (unpublished.parent.parent / tfds_seam.CONFIG_FOLDER, unpublished):
                disk.sync_all(folder)
            update(data_dir)

        with utils.temporary_assignment(self.info, "update_data_dir", sync_and_update):
            yield

    def _make_splits(
        self,
        dl_manager: download.DownloadManager,
        download_config: download.DownloadConfig,
        make: Callable[[Any, Any], Sequence[tfds.core.SplitInfo]],
    ) -> Sequence[tfds.core.SplitInfo]:
        if self.variant == PEEK and not self._work_folder:
            raise CorpusError(
                self.data_dir,
                "",
                "a peek is prepared in a folder of this machine",
                "Choose another data_dir.",
            )
        on_beam = bool(download_config.beam_runner or download_config.beam_options)
        work_folder = self._work_folder
        if work_folder is None and not on_beam:  # The data is in a bucket: TFDS prepares it alone.
            split_infos = make(dl_manager, download_config)
            self._describe(
                {split.name: split.num_examples for split in split_infos},
                {split.name: self._order_digest(split) for split in split_infos},
            )
            return split_infos
        common = {
            "features": self.info.features,
            "filename_templates": {
                split: self._shard_template(split) for split in self.expected_counts
            },
            "file_format": self.info.file_format,
            "download_config": download_config,
            "disable_shuffling": self.info.disable_shuffling,
            "check_counts": self._check_counts,
        }
        if self.variant == PEEK:
            made = self._peeking.prepare(
                dl_manager,
                expected_counts=self.expected_counts,
                work_folder=self._work_folder,
                identity=self._identity(),
                serial_bytes=0,
                **common,
            )
            return self._described(made)
        generators = self._split_generators(dl_manager)
        if on_beam or work_folder is None:
            path = pathlib.Path if _is_local(self.data_dir) else epath.Path
            made = engines.prepare_on_beam(
                generators, work_folder=path(self.data_dir) / "unfinished", **common
            )
        else:
            made = engines.prepare_locally(
                generators,
                expected_counts=self.expected_counts,
                work_folder=work_folder,
                identity=self._identity(),
                num_workers=self._num_workers,
                serial_bytes=self.SERIAL_BYTES,
                **common,
            )
        return self._described(made)

    def _described(self, made: Sequence[engines.PreparedSplit]) -> list[tfds.core.SplitInfo]:
        """Notes in the metadata what was made; prints it if it is a peek."""
        counts = {one.split_info.name: one.split_info.num_examples for one in made}
        self._describe(counts, {one.split_info.name: one.order_digest for one in made})
        if self.variant == PEEK:
            found = {**self._peeking.metadata(), "shown": counts}
            self.info.metadata["peek"] = found
            print(*peeking.described(found), sep="\n", flush=True)
        return [one.split_info for one in made]

    def _describe(self, counts: dict[str, int], order_digests: dict[str, str]) -> None:
        """Compares the number of examples with the publisher's, and notes it in the metadata."""
        self.info.metadata.update(
            variant=self.variant or "complete",
            missing=self._check_counts(counts),
            order_digest=order_digests,
        )

    def _order_digest(self, split: tfds.core.SplitInfo) -> str:
        """Reads the records of a split back, and returns their order digest."""
        digest = engines.OrderDigest()
        for shard in prepared.records(split.filepaths, self.info.file_format):
            for record in shard:
                digest.update(record)
        return digest.hexdigest()

    def _identity(self) -> list[Any]:
        """Returns everything that decides what is made of the published files."""
        folder = pathlib.Path(inspect.getfile(type(self))).parent
        code = {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))}
        features = json.dumps(self.info.features.to_json(), sort_keys=True)
        facts = {
            path.name: path.read_bytes()
            for path in sorted(self.facts_path("counts.tsv").parent.glob("*.tsv"))
        }
        return [self.info.full_name, code, features, facts]

    def _check_counts(self, found: dict[str, int]) -> dict[str, int]:
        """Compares the number of examples that were read with the publisher's.

        Args:
          found: Number of examples by split.

        Returns:
          How many are missing in each split; all zero unless the builder is partial or a peek.

        Raises:
          CorpusError: There are too many examples, or too few and the builder is complete.
        """
        if not sum(found.values()):
            raise CorpusError(
                self.info.full_name, "", "not a single example was read", self._where_it_looked()
            )
        is_part = self.variant in (PARTIAL, PEEK)
        missing = {s: n - found.get(s, 0) for s, n in self.expected_counts.items()}
        for split in [split for split, count in self.expected_counts.items() if not count]:
            # Nobody states how many there are, but a complete corpus has some.
            missing[split] = int(not is_part and not found.get(split))
        for split, short in missing.items():
            count = f"{self.expected_counts[split]:,}" if self.expected_counts[split] else "some"
            if short < 0 or (short and not is_part):
                raise CorpusError(
                    self.info.full_name,
                    f"split {split}",
                    f"{found.get(split, 0):,} examples were read, the publisher has {count}",
                    f"The files are not the complete corpus. {IF_PARTIAL}"
                    if short > 0
                    else "The files are not (only) the published ones.",
                )
        return missing

    def _where_it_looked(self) -> str:
        """Returns a text that says what was read, and what lies there instead of the corpus."""
        lines = []
        for name, file in self.published_files().items():
            source = self._sources.get(name, "")
            folder = pathlib.Path(source)
            lines.append(f"{name}: {source}")
            if folder.is_dir():
                lines[-1] += f". There lies: {downloads.described(folder)}"
                if isinstance(file, Archive) and file.holds:
                    lines[-1] += f". Looked for: {', '.join(file.holds)}"
        return "What was read: " + "; ".join(lines)


def _is_writable(folder: pathlib.Path) -> bool:
    """Returns whether a folder and all files in it may be written to, or it does not exist."""
    if not folder.exists():
        return True
    rights = os.R_OK | os.W_OK | os.X_OK
    return os.access(folder, rights) and all(os.access(p, os.W_OK) for p in folder.iterdir())


def _is_local(folder: str) -> bool:
    return "://" not in folder and not folder.startswith(("/gs/", "/s3/"))
