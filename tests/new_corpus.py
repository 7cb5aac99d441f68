"""Lays down the files of a new corpus, as an example that is prepared and passes its tests.

`python tests/new_corpus.py NAME` writes the builder, its tables, the script of its miniature, the
miniature, and its tests. The example is a corpus of short texts in one archive, `train/glad_1.txt`
and so on. Lines with `HINT:` say what to put there for the real corpus; a test fails as long as one
of them is in the repository.
"""

from __future__ import annotations

import argparse
import keyword
import pathlib
import re
import string
import subprocess
import sys
from collections.abc import Sequence

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]

_BUILDER = '''"""HINT: the corpus in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.features import int32, label, text

# HINT: the publisher's page, and where the files are. Several servers are `core.Mirrors`, a file that
# only comes by hand is a `core.ManualFile`. Each URL has a row in checksums/$name.tsv.
_HOMEPAGE = "https://example.org/$name"
_ARCHIVE = _HOMEPAGE + "/$name-1.0.tar.gz"
_ROOT = "$name-1.0"

_CLASSES = ["glad", "sad"]  # HINT: in the publisher's order, with the source of that order.
_FILE_NAME = re.compile(r"(?P<split>train|test)/(?P<label>[a-z]+)_(?P<number>[0-9]+)\\.txt")


class Builder(core.Builder):
    """HINT: the name of the corpus in full."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    # HINT: configs, the default first, if there is more than one form of the corpus:
    # BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=..., description=...), ...]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info(
            # HINT: every field that was published, each with what it means, its unit and its range.
            # More than a screen of them go into features.py beside this file.
            features={
                "text": text("The text, decoded from UTF-8."),
                "label": label(_CLASSES, "What the author felt."),
                "number": int32("Number of the text, from 1, for each split and label."),
                "filename": text("Name of the published file, such as train/glad_1.txt."),
            },
            supervised_keys=("text", "label"),
            homepage=_HOMEPAGE,
            license="CC BY 4.0",  # HINT: the publisher's terms.
        )

    def published_files(self) -> dict[str, core.Archive]:
        # HINT: a `core.File` is no archive. `others` are members that no example is made of; `holds`
        # tells an extracted copy from other folders.
        archive = core.Archive(_ARCHIVE, _ROOT, holds=("train/*.txt",), others=("README",))
        return {"corpus": archive}

    def member_digests(self, file, tree, prefix=""):
        # HINT: leave this method out if nobody listed the members.
        return {row["member"]: row["sha256"] for row in self.read_facts("members.tsv")}

    def _split_generators(self, dl_manager):
        published = self.fetch(dl_manager)
        # HINT: a piece is what one process reads: an archive, a range of its members, a file.
        return core.by_split(["train", "test"], [published["corpus"]], self._generate_examples)

    def _generate_examples(self, tree: core.Tree) -> Iterator[core.SplitExample]:
        """Yields the texts."""
        wanted = [row["member"] for row in self.read_facts("members.tsv")]
        yield from self.members("corpus", tree, wanted, what="texts").make(_examples)


def _examples(name: str, content: bytes) -> Iterator[core.SplitExample]:
    """One text as an example, with its split and key.

    A `ValueError` from here becomes one message that names the archive and the member.
    """
    # HINT: parsers of a format go into tfds_extra/formats/, with the mark `@parser`.
    match = _FILE_NAME.fullmatch(name)
    example = {
        "text": content.decode("utf-8"),
        "label": match["label"],
        "number": int(match["number"]),
        "filename": name,
    }
    yield (match["split"], name), example
'''

_MINIATURE = '''"""Makes dummy_data/$name: HINT: what is made up, in the published layout.

Run it as a script after a change: `python tests/datasets/$name/make_miniature.py`.
"""

from __future__ import annotations

import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

_HOMEPAGE = "https://example.org/$name"
_ROOT = "$name-1.0"
_WORDS = {"glad": "what a fine day", "sad": "nothing but rain"}
_NUMBERS = {"train": 4, "test": 2}


def texts() -> dict[str, bytes]:
    """Content of the texts by member name."""
    # HINT: as small as may be, with each oddity of the real files once: a model learns something from
    # it, and `tfds-extra show` gives a picture that says something. Nothing from the real corpus.
    return {
        f"{split}/{label}_{number}.txt": f"{words}, number {number}\\n".encode()
        for split, count in _NUMBERS.items()
        for label, words in _WORDS.items()
        for number in range(1, count + 1)
    }


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    files = texts() | {"README": b"A miniature of the published corpus: made up.\\n"}
    archive = miniature_files.tar_gz({f"{_ROOT}/{name}": c for name, c in files.items()})
    miniature_files.write_files(
        folder, {f"{_HOMEPAGE}/$name-1.0.tar.gz": ("$name-1.0.tar.gz", archive)}
    )
    miniature_files.write_table(
        folder / "counts.tsv",
        ["config", "split", "examples"],
        [("*", split, len(_WORDS) * count) for split, count in _NUMBERS.items()],
    )
    miniature_files.write_table(
        folder / "members.tsv",
        ["member", "sha256"],
        [(name, hashlib.sha256(content).hexdigest()) for name, content in texts().items()],
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "$name")
'''

_CONTRACT_TEST = '''"""HINT: the name of the corpus: the miniature."""

from __future__ import annotations

import builder_testing
import miniature_scripts
import tensorflow_datasets as tfds

from tfds_extra.datasets.$name import ${name}_dataset_builder

_MADE = miniature_scripts.load("$name")


class ${camel}Test(builder_testing.BuilderTestCase):
    DATASET_CLASS = ${name}_dataset_builder.Builder
    MINIATURE = {"": {"train": 8, "test": 4}}  # HINT: by config.

    def test_every_value(self):
        builder = self.prepare("")
        found = {}
        for split in ("train", "test"):
            for example in tfds.as_numpy(builder.as_dataset(split=split)):
                found[example["filename"].decode()] = example
        self.assertEqual(sorted(found), sorted(_MADE.texts()))
        for name, content in _MADE.texts().items():
            self.assertEqual(found[name]["text"], content)
            label = builder.info.features["label"].int2str(found[name]["label"])
            self.assertEqual(name.split("/")[1], f"{label}_{found[name]['number']}.txt")

    def test_official_counts(self):
        # HINT: the publisher's numbers, written out, and the names of the classes.
        self.assertEqual(self.DATASET_CLASS().expected_counts, {"train": 8, "test": 4})
'''

_REAL_TEST = '''"""HINT: the name of the corpus: every published file at hand, against an independent reader."""

from __future__ import annotations

import preparing


def test_every_example(real, tmp_path):
    builder = preparing.prepared("$name", tmp_path, real, partial=True)
    found = preparing.examples(builder, "filename")
    # HINT: read the same files with a library that shares no code with the builder.
    for name, example in found.items():
        assert example["text"] == (real / "$name-1.0" / name).read_bytes()
'''

_BAD_INPUT_TEST = '''"""HINT: the name of the corpus: bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import miniature_files
import miniature_scripts
import pytest
import tampering

_MADE = miniature_scripts.load("$name")
_ARCHIVE = "$name-1.0.tar.gz"


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = "$name"


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def test_archive_that_is_cut(miniature, data_dir):
    content = (miniature.folder / _ARCHIVE).read_bytes()
    miniature.write_vouched(_ARCHIVE, content[:-20])
    tampering.prepare_refused("$name", data_dir, _ARCHIVE, error=ValueError)


def test_text_that_is_altered(miniature, data_dir):
    files = {**_MADE.texts(), "test/sad_2.txt": b"altered"}
    archive = miniature_files.tar_gz({f"$name-1.0/{name}": c for name, c in files.items()})
    miniature.write_vouched(_ARCHIVE, archive)
    tampering.prepare_refused("$name", data_dir, _ARCHIVE, "test/sad_2.txt", "sha256")


def test_text_that_is_missing(miniature, data_dir):
    files = _MADE.texts()
    del files["train/glad_1.txt"]
    archive = miniature_files.tar_gz({f"$name-1.0/{name}": c for name, c in files.items()})
    miniature.write_vouched(_ARCHIVE, archive)
    tampering.prepare_refused("$name", data_dir, _ARCHIVE, "train/glad_1.txt", "missing")


# HINT: each format of the corpus damaged: truncated, other encodings, numbers out of range, foreign
# and hostile files. /faults of the fact sheet, if there is one.
'''

_README = """# HINT: the name of the corpus

HINT: what it is, how it was made, how many examples, and what this builder has that others lack, in
plain sentences. The first paragraph becomes the description of the data set.

What is known to be odd in the published files, and what becomes of it here:

*   HINT: each defect, with its source.
"""

_CITATIONS = """@misc{$name,
  title  = {HINT: the publisher's own citation},
  year   = {2020},
  url    = {https://example.org/$name},
}
"""

_ABOUT = """# In short; docs/tasks/add_a_corpus.md explains the facts. HINT: how the size of an example is known; a row `standard`
# with the name of the builder of TFDS that this one extends, if any.
config\tfact\tvalue
*\tsummary\tHINT: words
*\tlicence\tCC BY 4.0
*\tbytes_per_example\t150
"""

_FILES = {
    "tfds_extra/datasets/$name/__init__.py": "",
    "tfds_extra/datasets/$name/${name}_dataset_builder.py": _BUILDER,
    "tfds_extra/datasets/$name/README.md": _README,
    "tfds_extra/datasets/$name/CITATIONS.bib": _CITATIONS,
    "tfds_extra/datasets/$name/TAGS.txt": "content.data-type.text\ncontent.language.en\n",
    "tfds_extra/datasets/$name/about.tsv": _ABOUT,
    "tests/datasets/$name/make_miniature.py": _MINIATURE,
    "tests/datasets/$name/contract_test.py": _CONTRACT_TEST,
    "tests/datasets/$name/real_test.py": _REAL_TEST,
    "tests/datasets/$name/bad_input_test.py": _BAD_INPUT_TEST,
}
# Tables of facts: at first those of the miniature.
_TABLES = {
    "tfds_extra/datasets/$name/counts.tsv": (
        "counts.tsv",
        "# HINT: the publisher's numbers, with their source. `*` is every config.\n",
    ),
    "tfds_extra/datasets/$name/members.tsv": (
        "members.tsv",
        "# HINT: where the digests come from. Leave this file out if nobody listed the members.\n",
    ),
    "checksums/$name.tsv": (
        "checksums.tsv",
        "# HINT: URL, bytes, sha256 and name of each published file, with their source.\n",
    ),
}


def lay_down(name: str, repository: pathlib.Path) -> list[pathlib.Path]:
    """Writes the files of a new corpus.

    Args:
      name: Of the builder: lower case letters, digits and underscores.
      repository: Root of the checkout.

    Returns:
      The files.

    Raises:
      ValueError: The name is not one of a builder.
      FileExistsError: One of the files is there already; none has been written then.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ValueError(f"{name}: a builder has a name such as free_spoken_digit")
    values = {"name": name, "camel": name.title().replace("_", "")}

    def filled(template: str) -> str:
        return string.Template(template).substitute(values)

    written = {repository / filled(path): filled(text) for path, text in _FILES.items()}
    tables = {repository / filled(path): table for path, table in _TABLES.items()}
    miniature = repository / "dummy_data" / name
    for path in [*written, *tables, miniature]:
        if path.exists():
            raise FileExistsError(f"{path} is there already")
    for path, content in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    script = repository / "tests" / "datasets" / name / "make_miniature.py"
    subprocess.run([sys.executable, str(script)], check=True)
    for path, (table, comment) in tables.items():
        path.write_text(comment + (miniature / table).read_text("utf-8"), encoding="utf-8")
    return [*written, *tables, *sorted(miniature.iterdir())]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the script."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="name of the builder, such as free_spoken_digit")
    name = parser.parse_args(arguments).name
    try:
        files = lay_down(name, REPOSITORY)
    except (ValueError, FileExistsError) as e:
        parser.exit(2, f"{e}\n")
    print(*(path.relative_to(REPOSITORY) for path in files), sep="\n")
    print(f"\npytest -n 0 tests/datasets/{name}    # passes\ngrep -rn HINT: . # what to do next")


if __name__ == "__main__":
    main()
