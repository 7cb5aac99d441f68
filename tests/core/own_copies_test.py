"""Where a user's own copy of a published file is found."""

from __future__ import annotations

import pytest

from tfds_extra import core
from tfds_extra.core import own_copies
from tfds_extra.core.downloads import by_hand

_URL = "https://example.org/files/corpus.tar.gz?download=1"
ARCHIVE = core.Archive(
    _URL,
    "Corpus/inner",
    holds=("audio/*.wav",),
    also_called=("corpus-clone",),
    layouts=({"notes.csv": "table.csv", "audio/": ""},),
)


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def find(archive, folder, *, is_part=False, name="corpus.tar.gz"):
    return own_copies.find(archive, [name], folder, is_part=is_part)


@pytest.mark.parametrize(
    "place",
    [
        "Corpus/inner",
        "inner",
        "corpus-clone",
        "inner/inner",  # One folder too deep.
        "Corpus/inner/Corpus/inner",
        "corpus/Corpus/inner",  # In a folder that is called like the archive.
        "corpus/inner",
        ".",  # The manual_dir itself.
    ],
)
@pytest.mark.parametrize("layout", ["published", "flat"])
def test_extracted_archive(tmp_path, place, layout):
    prefix = "audio/" if layout == "published" else ""
    put(tmp_path / place, f"{prefix}1.wav", f"{prefix}2.wav", "table.csv")
    copy = find(ARCHIVE, tmp_path)
    assert copy.path == tmp_path / place
    tree = core.Tree(copy.path, renamed=copy.renamed)
    names = {member.name: member.read() for member in tree}
    if layout == "published":
        assert names.keys() == {"audio/1.wav", "audio/2.wav", "table.csv"}
    else:
        assert names["audio/1.wav"] == b"1.wav"
        assert [m.name for m in tree.members("audio/1")] == ["audio/1.wav"]
        assert tree.read_member("audio/2.wav") == b"2.wav"


def test_a_folder_in_another_layout_gives_published_names(tmp_path):
    archive = core.Archive(
        _URL, "C", holds=("audio/fold*/*.wav",), layouts=({"audio/fold": "fold", "x/t": "t"},)
    )
    put(tmp_path / "C", "fold1/a.wav", "fold2/b.wav", "t.csv", "other.txt")
    copy = find(archive, tmp_path)
    tree = core.Tree(copy.path, renamed=copy.renamed)
    assert sorted(tree.index()) == [
        "audio/fold1/a.wav",
        "audio/fold2/b.wav",
        "other.txt",
        "x/t.csv",
    ]
    assert [m.name for m in tree.members("audio/fold2/")] == ["audio/fold2/b.wav"]
    assert tree.read_member("x/t.csv") == b"t.csv"


def test_archives_that_share_a_root(tmp_path):
    """LibriSpeech's seven archives have one root: a subset is there if its folder is."""
    dev, train = (
        core.Archive(f"https://example.org/{name}", "LibriSpeech", holds=(name,), shares_root=True)
        for name in ("dev-clean", "train-clean-100")
    )
    put(tmp_path, "LibriSpeech/dev-clean/1/2.flac", "LibriSpeech/SPEAKERS.TXT")
    assert find(dev, tmp_path).path == tmp_path / "LibriSpeech"
    assert find(train, tmp_path) is None
    assert find(train, tmp_path, is_part=True) is None
    assert find(dev, tmp_path / "LibriSpeech").path == tmp_path / "LibriSpeech"


def test_a_folder_of_the_roots_name_is_taken_whatever_it_lacks(tmp_path):
    """What it lacks is told when it is read; nothing is downloaded behind the user's back."""
    put(tmp_path, "Corpus/inner/audio/readme.txt")
    assert find(ARCHIVE, tmp_path).path == tmp_path / "Corpus/inner"
    put(tmp_path / "b", "inner/readme.txt")  # No more than the last part of its name.
    assert find(ARCHIVE, tmp_path / "b") is None


def test_archive_without_a_root(tmp_path):
    archive = core.Archive(_URL, holds=("train.csv", "test.csv"))
    put(tmp_path, "train.csv")
    assert find(archive, tmp_path) is None
    assert find(archive, tmp_path, is_part=True).path == tmp_path
    put(tmp_path, "test.csv")
    assert find(archive, tmp_path).path == tmp_path
    put(tmp_path / "m", "corpus/train.csv", "corpus/test.csv")
    assert find(archive, tmp_path / "m").path == tmp_path / "m" / "corpus"
    assert find(core.Archive(_URL), tmp_path) is None


def test_what_a_shared_folder_lacks(tmp_path):
    train = core.Archive(
        _URL, "Corpus", holds=("train/*.wav", "train.csv|train.tsv"), shares_root=True
    )
    assert own_copies.lacking(train, tmp_path) == []  # There is no such folder.
    put(tmp_path / "Corpus", "test/1.wav", "train/._1.wav")
    assert find(train, tmp_path) is None
    assert own_copies.lacking(train, tmp_path) == ["train/*.wav", "train.csv|train.tsv"]
    put(tmp_path / "Corpus", "train.tsv")
    assert own_copies.lacking(train, tmp_path) == ["train/*.wav"]
    put(tmp_path / "Corpus", "train/1.wav")
    assert own_copies.lacking(train, tmp_path) == [] and find(train, tmp_path) is not None
    alone = core.Archive(_URL, "Corpus", holds=("dev/*.wav",))
    assert own_copies.lacking(alone, tmp_path) == []  # It is taken, and says what it lacks.


@pytest.mark.parametrize(
    "place", ["images.idx", "images.idx/images.idx", "images/images.idx", "images-idx"]
)
def test_unpacked_file(tmp_path, place):
    file = core.File("https://example.org/images.gz", "images.idx", also_called=("images-idx",))
    put(tmp_path, place)
    assert find(file, tmp_path, name="images.gz").path == tmp_path / place
    assert find(core.File("https://example.org/x"), tmp_path) is None


def test_names_of_downloads(tmp_path):
    names = by_hand.packed_names(
        "corpus-1.0.tar.gz",
        ["https://example.org/a/v1.0.tar.gz?x=1", "https://example.org/b%20c.gz"],
    )
    assert names == ["corpus-1.0.tar.gz", "v1.0.tar.gz", "b c.gz"]
    put(tmp_path, "v1.0.tar.gz", "corpus-1.0.tar (1).gz", "corpus-1.0(2).tar.gz", "other.tar.gz")
    found = [path.name for path in by_hand.packed(tmp_path, names)]
    assert found == ["v1.0.tar.gz", "corpus-1.0(2).tar.gz", "corpus-1.0.tar (1).gz"]
    put(tmp_path, "corpus-1.0.tar.gz")
    assert by_hand.packed(tmp_path, names)[0].name == "corpus-1.0.tar.gz"
    assert by_hand.packed(tmp_path / "absent", names) == []


def test_described(tmp_path):
    assert by_hand.described(tmp_path) == "nothing"
    put(tmp_path, "a/b", "b.txt", ".DS_Store")
    assert by_hand.described(tmp_path) == "a/, b.txt"
    put(tmp_path, *(f"{i:02}.txt" for i in range(12)))
    assert by_hand.described(tmp_path).endswith("09.txt and 4 more")
    assert "cannot be read" in by_hand.described(tmp_path / "absent")
