"""The one loop over the members of an archive: what it takes, passes over, checks and refuses."""

from __future__ import annotations

import hashlib
import io
import random
import re
import tarfile
import tracemalloc

import pytest

from tfds_extra import core
from tfds_extra.core import archives

FILES = {"a/1.txt": b"one", "a/2.txt": b"two", "b/3.txt": b"three", "README": b"read me"}


def tar_of(folder, files, name="corpus.tar.gz") -> core.Tree:
    """A compressed tar, whose members can only be read in their order."""
    with tarfile.open(folder / name, "w:gz") as tar:
        for member_name, content in files.items():
            member = tarfile.TarInfo(member_name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return core.Tree(folder / name)


def sums(files, kind="md5"):
    return {name: hashlib.new(kind, content).hexdigest() for name, content in files.items()}


def lines(name, content):
    yield name, content.decode()


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
def test_what_is_asked_for_is_made_of_and_the_rest_is_only_checked(tmp_path, kind):
    tree = tar_of(tmp_path, FILES)
    members = core.Members(tree, ["a/1.txt"], sums(FILES, kind))
    assert list(members.make(lines)) == [("a/1.txt", "one")]
    altered = tar_of(tmp_path, {**FILES, "README": b"read it"})
    members = core.Members(altered, ["a/1.txt"], sums(FILES, kind))
    with pytest.raises(core.CorpusError, match=f"README: altered: its {kind} is"):
        list(members.make(lines))
    # A part is not refused for a file of which nothing is used.
    part = core.Members(altered, ["a/1.txt"], sums(FILES, kind), is_part=True)
    assert list(part.make(lines)) == [("a/1.txt", "one")]
    unchecked = core.Members(altered, ["a/1.txt"], sums(FILES, kind), checks_rest=False)
    assert list(unchecked.make(lines)) == [("a/1.txt", "one")]


def test_an_altered_member_is_refused_in_a_part_as_well(tmp_path):
    tree = tar_of(tmp_path, {**FILES, "a/1.txt": b"eins"})
    with pytest.raises(core.CorpusError, match="a/1.txt: altered: its md5 is"):
        list(core.Members(tree, ["a/1.txt"], sums(FILES), is_part=True).make(lines))


def test_an_altered_member_is_told_with_what_the_parser_finds(tmp_path):
    def parse(name, content):
        if len(content) < 3:
            raise ValueError(f"cut after {len(content)} bytes.")
        yield name

    tree = tar_of(tmp_path, {**FILES, "a/2.txt": b"t"})
    with pytest.raises(core.CorpusError, match=r"altered: .*\(cut after 1 bytes\)\. Get the"):
        list(core.Members(tree, FILES, sums(FILES)).make(parse))


@pytest.mark.parametrize("is_part", [False, True])
def test_strangers_are_refused_by_name(tmp_path, is_part):
    tree = tar_of(tmp_path, {**FILES, "a/4.txt": b"?"})
    members = core.Members(tree, list(FILES), is_part=is_part)
    with pytest.raises(core.CorpusError, match="corpus.tar.gz: a/4.txt: it is not one of the"):
        list(members.make(lines))
    assert len(list(core.Members(tree, list(FILES), others=("a/?.txt",)).make(lines))) == 4
    only_b = core.Members(tree, ["b/3.txt"], prefix="b/")
    assert list(only_b.contents()) == [("b/3.txt", b"three")]


def test_known_members_without_a_digest(tmp_path):
    tree = tar_of(tmp_path, FILES)
    members = core.Members(tree, ["a/1.txt"], dict.fromkeys(FILES, ""))
    assert list(members.make(lines)) == [("a/1.txt", "one")]


def test_members_by_pattern(tmp_path):
    tree = tar_of(tmp_path, FILES)
    members = core.Members(tree, pattern=re.compile("[ab]/[0-9]\\.txt"), others=("README",))
    assert members.parsed(bytes.decode) == {"a/1.txt": "one", "a/2.txt": "two", "b/3.txt": "three"}


def test_missing_members(tmp_path):
    tree = tar_of(tmp_path, {"a/1.txt": b"one"})
    problem = r"corpus.tar.gz: 2 published notes are missing, the first is a/2.txt.*partial"
    with pytest.raises(core.CorpusError, match=problem):
        list(core.Members(tree, ["a/1.txt", "b/3.txt", "a/2.txt"], what="notes").make(lines))
    wanted = ["a/1.txt", "a/2.txt"]
    called = core.Members(tree, wanted, what=lambda missing: f"notes of {sorted(missing)[0][0]}")
    with pytest.raises(core.CorpusError, match="1 published notes of a are missing"):
        list(called.make(lines))
    assert list(core.Members(tree, wanted, is_part=True).make(lines)) == [("a/1.txt", "one")]


def test_find_member(tmp_path):
    tree = tar_of(tmp_path, FILES)
    with core.find_member(tree, "b/3.txt") as member:
        assert member.read() == b"three"
    with pytest.raises(core.CorpusError, match="b/4.txt: there is no such file"):
        with core.find_member(tree, "b/4.txt"):
            pass


# ------------------------------------------------------------------------------------ companions


def _group(name: str) -> str:
    return name.split("/")[0]


def _is_transcript(name: str) -> bool:
    return name.endswith(".txt")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("in_memory", [1, 100, 1 << 20])
def test_companions_in_any_order(seed, in_memory):
    rng = random.Random(seed)
    members = [
        (f"{g}/{i}.flac", rng.randbytes(rng.randrange(50))) for g in "abcd" for i in range(5)
    ]
    transcripts = {g: g.encode() * 3 for g in "abc"}  # d never has one.
    members += [(f"{g}/all.txt", content) for g, content in transcripts.items()]
    rng.shuffle(members)
    found = list(core.with_companions(members, _group, _is_transcript, in_memory=in_memory))
    expected = [(n, c, transcripts.get(_group(n))) for n, c in members if not _is_transcript(n)]
    assert sorted(found) == sorted(expected) and len(found) == 20


def test_members_are_given_on_as_soon_as_their_companion_is_there():
    read = []

    def members():
        for name in ("a/all.txt", "a/1.flac", "b/1.flac", "b/all.txt", "b/2.flac"):
            read.append(name)
            yield name, name.encode()

    pairs = core.with_companions(members(), _group, _is_transcript)
    assert next(pairs) == ("a/1.flac", b"a/1.flac", b"a/all.txt")
    assert read == ["a/all.txt", "a/1.flac"]
    assert [name for name, _, _ in pairs] == ["b/1.flac", "b/2.flac"]


def test_two_companions_of_a_group():
    members = [("a/1.txt", b""), ("a/2.txt", b"")]
    with pytest.raises(core.CorpusError, match="a/2.txt: a has two files of this kind"):
        list(core.with_companions(members, _group, _is_transcript))


def test_waiting_takes_no_memory():
    """Recordings whose transcript comes last wait on disk."""
    count, size = 400, 100_000

    def members():
        for i in range(count):
            yield f"a/{i}.flac", bytes(size)
        yield "a/all.txt", b"text"

    tracemalloc.start()
    found = 0
    for _, content, text in core.with_companions(
        members(), _group, _is_transcript, in_memory=1 << 20
    ):
        found += len(content) == size and text == b"text"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == count
    assert peak < 5_000_000 < count * size


# ---------------------------------------------------------------------------------- system files

SYSTEM_FILES = [
    ".DS_Store", "a/.DS_Store", "a/._1.txt", "Thumbs.db", "a/desktop.ini", "@eaDir/1.txt/x.jpg",
    "__MACOSX/a/._1.txt", "a/.ipynb_checkpoints/1.txt", "~$notes.docx", ".git/objects/aa/bb",
    ".git/HEAD", ".Trash-1000/files/1.txt", "a/.nfs00000001",
]  # fmt: skip
NO_SYSTEM_FILES = [
    "a/DS_Store", "a.DS_Store", "_1.txt", "a/Thumbs.db.txt", "desktop.ini.bak", "eaDir/x",
    "MACOSX/x", "ipynb_checkpoints/x", "notes~$", ".gitignore", "git/HEAD", ".hidden", "a/.nfsx",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "tar", "zip"])
def test_system_files_are_passed_over(tmp_path, kind):
    import zipfile

    if kind == "tar":
        tree = tar_of(tmp_path, {**FILES, **dict.fromkeys(SYSTEM_FILES, b"?")})
    elif kind == "zip":
        with zipfile.ZipFile(tmp_path / "corpus.zip", "w") as packed:
            for name, content in {**FILES, **dict.fromkeys(SYSTEM_FILES, b"?")}.items():
                packed.writestr(name, content)
        tree = core.Tree(tmp_path / "corpus.zip")
    else:
        for name, content in {**FILES, **dict.fromkeys(SYSTEM_FILES, b"?")}.items():
            path = tmp_path / "corpus" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (tmp_path / "corpus" / "a" / "._broken").symlink_to("nowhere")
        tree = core.Tree(tmp_path / "corpus")
        assert len(tree.fingerprint()) == len(FILES)
    assert {member.name: member.read() for member in tree} == FILES
    assert tree.index().keys() == FILES.keys()
    assert len(list(core.Members(tree, list(FILES)).make(lines))) == len(FILES)


def test_an_archive_with_only_system_files_beside_its_root(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name in ("__MACOSX/._x", "top/1.txt"):
            member = tarfile.TarInfo(name)
            tar.addfile(member, io.BytesIO())
    assert [m.name for m in core.Tree(tmp_path / "x.tar", root="top")] == ["1.txt"]


@pytest.mark.parametrize("name", NO_SYSTEM_FILES)
def test_names_that_only_look_like_it(name):
    assert not archives.system_files.is_system_file(name)


@pytest.mark.parametrize("name", SYSTEM_FILES)
def test_system_files(name):
    assert archives.system_files.is_system_file(name)
