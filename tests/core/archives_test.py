"""Archives read in place: against the standard library, and all that can go wrong."""

from __future__ import annotations

import ast
import bz2
import gc
import gzip
import io
import itertools
import lzma
import os
import pathlib
import pickle
import random
import re
import stat
import struct
import sys
import tarfile
import tempfile
import threading
import tracemalloc
import zipfile
import zlib

import pytest
import tiers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfds_extra.core import archives
from tfds_extra.core.archives import (
    ArchiveError,
    Limits,
    Member,
    Tree,
    decompression,
    errors,
    plain_tar,
    remembered,
    tar_stream,
    zip_directory,
)
from tfds_extra.core.archives import (
    limits as limits_lib,
)
from tfds_extra.core.archives.system_files import is_system_file

FILES = {
    "top/b.txt": b"bee " * 300,
    "top/a.txt": b"",
    "top/sub/c.bin": bytes(range(256)) * 9,
    "top/sub/deep/ümlaut.txt": b"x",
    "top/sub.txt": b"between sub and its content",
}
TARS = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
ZIPS = {
    "stored.zip": zipfile.ZIP_STORED,
    "deflated.zip": zipfile.ZIP_DEFLATED,
    "bzip2.zip": zipfile.ZIP_BZIP2,
    "lzma.zip": zipfile.ZIP_LZMA,
}
ARCHIVES = [*TARS, *ZIPS]
RANDOM_ACCESS = ["tar", *ZIPS, "folder"]
SMALL = Limits(ratio=50, ratio_from=30_000)


# ------------------------------------------------------------------------------------------ making


def tar_info(name, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def tar_bytes(members, mode="w", tar_format=tarfile.PAX_FORMAT, **kwargs):
    """A tar of (name or TarInfo, data) pairs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tar_format, **kwargs) as tar:
        for info, data in members:
            tar.addfile(tar_info(info, data) if isinstance(info, str) else info, io.BytesIO(data))
    return buffer.getvalue()


def zip_bytes(members, method=zipfile.ZIP_DEFLATED):
    """A zip of (name or ZipInfo, data) pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for info, data in members:
            if isinstance(info, zipfile.ZipInfo):
                info.compress_type = method
            file.writestr(info, data)
    return buffer.getvalue()


def archive_bytes(kind, members):
    """An archive of one of the kinds above."""
    members = list(members)
    if kind in TARS:
        return tar_bytes(members, TARS[kind])
    return zip_bytes(members, ZIPS[kind])


def make(tmp_path, kind, files=FILES):
    """Writes `files` as an archive or folder; returns its path."""
    path = tmp_path / f"corpus.{kind}"
    if kind == "folder":
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    else:
        write(tmp_path, archive_bytes(kind, files.items()), path.name)
    return path


def raw_tar(*blocks, end=bytes(1024)):
    """A tar of header and data blocks made by hand."""
    data = b"".join(b + bytes(-len(b) % 512) for b in blocks) + end
    return data + bytes(-len(data) % 10240)


def header(name=b"file", size=0, kind=b"0", magic=b"ustar\x0000", prefix=b"", signed=False):
    """A tar header block made by hand; `size` may be the bytes of the field."""
    size = size if isinstance(size, bytes) else b"%011o\0" % size
    block = bytearray(
        name.ljust(100, b"\0")
        + b"0000644\0" * 3
        + size
        + b"00000000000\0"
        + b" " * 8
        + kind
        + bytes(100)
        + magic.ljust(8, b"\0")
        + bytes(80)
        + prefix.ljust(155, b"\0")
        + bytes(12)
    )
    assert len(block) == 512
    total = sum(b - 256 if signed and b > 127 else b for b in block)
    block[148:156] = b"%06o\0 " % total
    return bytes(block)


def pax(records, kind=b"x"):
    data = b""
    for key, value in records:
        body = b" " + key + b"=" + value + b"\n"
        length = len(body) + 1
        while len(b"%d" % length) + len(body) != length:
            length += 1
        data += b"%d" % length + body
    return header(b"pax", len(data), kind) + data + bytes(-len(data) % 512)


def raw_zip(members, comment=b"", count=None):
    """A zip made by hand of (name, data, fields of its directory record) triples."""
    body, directory = b"", b""
    for name, data, fields in members:
        entry = {
            "made_by": 3 << 8, "flags": 0, "method": 0, "crc": zlib.crc32(data),
            "packed": len(data), "size": len(data), "mode": 0o100644, "offset": len(body),
            "local": name, "extra": b"",
        }  # fmt: skip
        entry.update(fields)
        body += struct.pack(
            "<4s5H3L2H", b"PK\3\4", 20, entry["flags"], entry["method"], 0, 0, entry["crc"],
            entry["packed"] & 0xFFFFFFFF, entry["size"] & 0xFFFFFFFF, len(entry["local"]), 0,
        ) + entry["local"] + data  # fmt: skip
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", entry["made_by"], 20, entry["flags"], entry["method"], 0, 0,
            entry["crc"], entry["packed"] & 0xFFFFFFFF, entry["size"] & 0xFFFFFFFF, len(name),
            len(entry["extra"]), 0, 0, 0, entry["mode"] << 16, entry["offset"] & 0xFFFFFFFF,
        ) + name + entry["extra"]  # fmt: skip
    count = len(members) if count is None else count
    return body + directory + struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), len(comment)
    ) + comment  # fmt: skip


def content(tree, prefix=""):
    """Reads everything; checks on the way that every member tells the truth about itself."""
    found = {}
    for member in tree.members(prefix):
        data = member.read()
        assert member.size == len(data)
        assert member.name not in found
        found[member.name] = data
    return found


def refused(tree, *words, read=content):
    """Asserts that reading raises the one kind of error, of the one shape, and returns it."""
    with pytest.raises(ArchiveError) as caught:
        read(tree)
    message = str(caught.value)
    assert re.fullmatch(r"(?s)[^\n]+?: [^\n]+?: [^\n]+\. [A-Z][^\n]+\.", message), message
    for word in words:
        assert word in message, (word, message)
    return message


def write(tmp_path, data, name="corpus.bin"):
    path = tmp_path / name
    path.write_bytes(data)
    remembered._REMEMBERED.clear()  # Two writes may fall into one tick of the file system's clock.
    return path


# -------------------------------------------------------------------------------- every kind alike


@pytest.mark.parametrize("kind", [*ARCHIVES, "folder"])
def test_members_in_published_order(tmp_path, kind):
    tree = Tree(make(tmp_path, kind))
    names = sorted(FILES) if kind == "folder" else list(FILES)
    assert list(content(tree).items()) == [(name, FILES[name]) for name in names]
    assert [m.name for m in tree] == names  # A second time, without reading.
    assert tree.index() == {name: len(data) for name, data in FILES.items()}
    assert str(tree) == str(tmp_path / f"corpus.{kind}")
    assert {m.source for m in tree} == {str(tree)}
    assert tree.random_access == (kind in RANDOM_ACCESS)


@pytest.mark.parametrize("kind", [*ARCHIVES, "folder"])
def test_open_reads_in_blocks_and_lines(tmp_path, kind):
    tree = Tree(make(tmp_path, kind))
    for member in tree:
        with member.open() as file:
            blocks = list(iter(lambda: file.read(7), b""))
            assert b"".join(blocks) == FILES[member.name]
            assert file.read() == b""
    lines = {"poem": b"one\ntwo\n\nlast"}
    for member in Tree(make(tmp_path, kind.replace("folder", "tar"), lines)):
        assert list(io.TextIOWrapper(member.open(), "utf-8")) == ["one\n", "two\n", "\n", "last"]
    for member in Tree(make(tmp_path, kind.replace("folder", "tar"), lines)):
        assert list(member.open()) == [b"one\n", b"two\n", b"\n", b"last"]


@pytest.mark.parametrize("kind", RANDOM_ACCESS)
def test_random_access(tmp_path, kind):
    tree = Tree(make(tmp_path, kind))
    for name in reversed(FILES):
        assert tree.read_member(name) == FILES[name]
        with tree.open_member(name) as file:
            assert file.read() == FILES[name]
    members = list(tree)  # Members outlive the iteration,
    assert [m.read() for m in members] == [m.read() for m in members]  # and can be read again.
    refused(tree, str(tree), "nothing.txt", read=lambda t: t.read_member("nothing.txt"))
    refused(tree, "top/su: ", read=lambda t: t.open_member("top/su"))
    assert tree.holds("top/b.txt")
    assert not any(map(tree.holds, ("nothing.txt", "top/b.txt/c", "top/su", "nothing/b.txt")))


@pytest.mark.parametrize("kind", ["tar", "folder"])
def test_seekable_where_uncompressed(tmp_path, kind):
    with Tree(make(tmp_path, kind)).open_member("top/sub/c.bin") as file:
        assert file.seekable()
        assert file.seek(-3, os.SEEK_END) == 256 * 9 - 3
        assert file.read(5) == b"\xfd\xfe\xff"
        file.seek(1)
        file.seek(2, os.SEEK_CUR)
        assert (file.tell(), file.read(1)) == (3, b"\3")
        with pytest.raises((ValueError, OSError), match="negative|Invalid argument"):
            file.seek(-1)


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_compressed_tars_are_sequential(tmp_path, kind):
    tree = Tree(make(tmp_path, kind))
    for read in (Tree.open_member, Tree.read_member, Tree.holds):
        refused(tree, str(tree), "top/b.txt", "sequential", read=lambda t: read(t, "top/b.txt"))
    refused(tree, "top/b.txt", "sequential", read=lambda t: list(t.nested("top/b.txt")))


@pytest.mark.parametrize("kind", [*ARCHIVES, "folder"])
@pytest.mark.parametrize("prefix", ["", "t", "top/", "top/sub", "top/sub/", "top/sub/d", "no"])
def test_prefix(tmp_path, kind, prefix):
    tree = Tree(make(tmp_path, kind))
    expected = {n: d for n, d in FILES.items() if n.startswith(prefix)}
    assert content(tree, prefix) == expected


@pytest.mark.parametrize("kind", ARCHIVES)
def test_root(tmp_path, kind):
    outside = {"top.txt": b"outside", "other/top/d": b"outside", **FILES, "z": b"outside"}
    path = make(tmp_path, kind, outside)
    expected = {name[4:]: data for name, data in FILES.items()}
    for root in ("top", "top/"):
        tree = Tree(path, root=root)
        assert content(tree) == expected
        assert content(tree, "sub/") == {n: d for n, d in expected.items() if n[:4] == "sub/"}
        assert tree.index() == {name: len(data) for name, data in expected.items()}
        if tree.random_access:
            assert tree.read_member("b.txt") == FILES["top/b.txt"]
            refused(tree, "top/b.txt", read=lambda t: t.read_member("top/b.txt"))
    assert content(Tree(path, root="top/sub")).keys() == {"c.bin", "deep/ümlaut.txt"}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_wrong_root_is_an_error(tmp_path, kind):
    tree = Tree(make(tmp_path, kind), root="corpus-1.0")
    for read in (content, Tree.index, lambda t: content(t, "sub")):
        refused(tree, str(tree), "top/b.txt", "corpus-1.0/", read=read)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_files_outside_the_root_must_be_safe(tmp_path, kind):
    path = write(tmp_path, archive_bytes(kind, [("top/a", b"a"), ("../b", b"b")]))
    refused(Tree(path, root="top"), str(path), "../b", "climbs")


def test_root_of_a_folder_is_the_folder(tmp_path):
    path = make(tmp_path, "folder") / "top"
    tree = Tree(path, root="top")
    assert content(tree) == {name[4:]: data for name, data in FILES.items()}
    assert tree.read_member("b.txt") == FILES["top/b.txt"]


@pytest.mark.parametrize("kind", [*ARCHIVES, "folder"])
def test_pickles_before_and_after_use(tmp_path, kind):
    tree = Tree(make(tmp_path, kind), root="" if kind == "folder" else "top")
    expected = content(pickle.loads(pickle.dumps(tree)))
    iterator = iter(tree)
    next(iterator)
    again = pickle.loads(pickle.dumps(tree))
    assert content(again) == content(tree) == expected
    assert (str(again), repr(again)) == (str(tree), repr(tree))
    assert len(pickle.dumps(tree)) < 1000


def test_fingerprint(tmp_path):
    def state(path):
        return str(path), path.stat().st_size, path.stat().st_mtime_ns

    archive, folder = make(tmp_path, "tar"), make(tmp_path, "folder")
    part = write(tmp_path, b"more", "part")
    assert Tree(archive).fingerprint() == [state(archive)]
    assert Tree(archive, part).fingerprint() == [state(archive), state(part)]
    ((path, *rest),) = Tree(archive).nested("x").nested("y").fingerprint()
    assert (path, *rest) == (f"{archive}/x/y", *state(archive)[1:])
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(b"1")
    one = Tree(folder).fingerprint()
    assert one == [state(folder / name) for name in sorted([*FILES, "link/file"])]
    os.utime(tmp_path / "elsewhere" / "file", (1, 1))
    assert Tree(folder).fingerprint() != one
    refused(Tree("/nowhere.zip"), "/nowhere.zip: byte 0: No such", read=Tree.fingerprint)


def test_construction_touches_nothing():
    tree = Tree("/nowhere/at/all.zip")
    refused(tree, "/nowhere/at/all.zip: byte 0: No such file")
    refused(tree.nested("x"), "/nowhere/at/all.zip: byte 0: No such file")
    with pytest.raises(ValueError, match="path"):
        Tree()


@pytest.mark.parametrize("kind", [*ARCHIVES, "folder"])
def test_two_iterations_at_once(tmp_path, kind):
    tree = Tree(make(tmp_path, kind))
    for one, two in zip(tree, tree, strict=True):
        assert one.read() == two.read() == FILES[one.name]


def test_threads_share_a_tree(tmp_path):
    files = {f"{i}": bytes([i]) * 5000 for i in range(50)}
    tree = Tree(make(tmp_path, "deflated.zip", files))
    tree.index()
    wrong = []

    def read():
        for name in files:
            if tree.read_member(name) != files[name]:
                wrong.append(name)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_files_are_closed_with_the_tree(tmp_path):
    gc.collect()  # What earlier tests left in circles.
    before = len(os.listdir("/proc/self/fd"))
    inner = zip_bytes(FILES.items())
    for kind in ARCHIVES:
        tree = Tree(make(tmp_path, kind, {"inner.zip": inner, **FILES}))
        content(tree)
        if tree.random_access:
            nested = [tree.nested("inner.zip") for _ in range(20)]
            for n in nested:
                content(n)
            assert len(os.listdir("/proc/self/fd")) <= before + 1, "nested trees share the file"
            del nested, n
        del tree
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_member_knows_its_length(tmp_path):
    class Short:
        def read(self):
            return b"abc"

    message = refused(Member("a/b", 5, "x.tar", Short()), read=Member.read)
    assert message.startswith("x.tar: a/b: it is truncated: 3 of 5 bytes. ")


def test_errors_survive_a_process_boundary(tmp_path):
    with pytest.raises(ArchiveError) as caught:
        list(Tree(write(tmp_path, b"")))
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, ArchiveError) and str(again) == str(caught.value)
    assert issubclass(ArchiveError, ValueError)


def test_standard_library_and_isal_only():
    allowed = {*sys.stdlib_module_names, "isal"}
    modules = sorted(pathlib.Path(archives.__file__).parent.glob("*.py"))
    assert len(modules) > 10
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module]
            for name in names:
                own = name.startswith("tfds_extra.core")
                assert own or name.split(".")[0] in allowed, (module, name)


# ------------------------------------------------------------------------------------- recognition


def test_suffixes_do_not_matter(tmp_path):
    for kind in ARCHIVES:
        path = make(tmp_path, kind).rename(tmp_path / "data.tar")
        assert content(Tree(path)) == FILES


NOT_ARCHIVES = {
    "empty": (b"", "an empty file"),
    "html": (b"<!DOCTYPE html>\n<title>Log in</title>" + b" " * 2000, "an HTML page"),
    "html with BOM": (b"\xef\xbb\xbf\r\n<HTML><head>", "an HTML page"),
    "html comment": (b"<!-- hi --><html>", "an HTML page"),
    "xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document"),
    "json": (b'{"message": "Not Found"}', "JSON text"),
    "text": ("Too many requests – wait\n".encode() * 30, "a text file"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
    "zeros": (bytes(20_000), "zeros only"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(600), "a 7-Zip archive"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(600), "Zstandard"),
    "rar": (b"Rar!\x1a\7\1\0" + bytes(600), "a RAR archive"),
    "noise": (random.Random(1).randbytes(2000), "unknown kind"),
    "tar of a wrong sum": (b"x" + tar_bytes([("a", b"")])[1:], "unknown kind"),
}


@pytest.mark.parametrize("what", NOT_ARCHIVES)
def test_not_an_archive(tmp_path, what):
    data, words = NOT_ARCHIVES[what]
    path = write(tmp_path, data, "corpus.zip")
    refused(Tree(path), f"{path}: byte 0: this is ", words, "not an archive")
    if data.strip(b"\0"):
        path = write(tmp_path, gzip.compress(data), "corpus.tar.gz")
        refused(Tree(path), f"{path}: byte 0: ", words, "compressed with gzip")


def test_not_a_tar_inside(tmp_path):
    path = write(tmp_path, gzip.compress(gzip.compress(tar_bytes([("a", b"")]))))
    refused(Tree(path), str(path), "gzip data, compressed with gzip")
    path = write(tmp_path, bz2.compress(zip_bytes([("a", b"")])))
    refused(Tree(path), str(path), "a zip, compressed with bzip2")
    path = write(tmp_path, lzma.compress(b"label,text\n" * 100))
    refused(Tree(path), str(path), "a text file, compressed with xz")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_may_be_empty(tmp_path, kind):
    path = make(tmp_path, kind, {})
    if kind == "tar":  # But then it is nothing than zeros.
        refused(Tree(path), "zeros only")
    else:
        assert content(Tree(path)) == Tree(path).index() == {}


# ----------------------------------------------------------------------------- compressed in pieces


@pytest.fixture(params=["isal", "zlib"])
def inflated_by(request, monkeypatch):
    """gzip and deflate are read by isal, which the tests install, and as without it."""
    assert decompression.igzip_lib is not None
    if request.param == "zlib":
        monkeypatch.setattr(decompression, "igzip_lib", None)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("padding", [b"", bytes(8), bytes(300_000)])
@pytest.mark.usefixtures("inflated_by")
def test_several_streams_are_one(tmp_path, compress, padding):
    data = tar_bytes(FILES.items())
    for cut in (1, 511, 2000, len(data) - 1):
        path = write(
            tmp_path, compress(data[:cut]) + padding + compress(data[cut:]) + compress(b"")
        )
        assert content(Tree(path)) == FILES
        path = write(tmp_path, compress(data[:cut]) + padding + compress(data[cut:]) + padding)
        assert content(Tree(path)) == FILES


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.usefixtures("inflated_by")
def test_garbage_after_a_stream(tmp_path, compress):
    path = write(tmp_path, compress(tar_bytes(FILES.items())) + b"<html>oops</html>")
    refused(Tree(path), str(path), "damaged")


@pytest.mark.usefixtures("inflated_by")
def test_large_output_from_little_input(tmp_path):
    # More than one output block from one input block, with a file behind it.
    files = {"zeros": bytes(3_000_000), "next": b"next"}
    for kind in ("tar.gz", "tar.bz2", "tar.xz", "deflated.zip", "bzip2.zip", "lzma.zip"):
        assert content(Tree(make(tmp_path, kind, files))) == files
        assert [m.name for m in Tree(make(tmp_path, kind, files))] == list(files)


# ------------------------------------------------------------------------------------------- parts


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("count", [2, 3, 7])
def test_parts_are_read_as_one(tmp_path, kind, count):
    data = make(tmp_path, kind).read_bytes()
    for seed in range(5):
        cuts = sorted(random.Random(seed).sample(range(1, len(data)), count - 1))
        parts = []
        for i, (start, stop) in enumerate(itertools.pairwise([0, *cuts, len(data)])):
            parts.append(write(tmp_path, data[start:stop], f"corpus_parta{'abcdefg'[i]}"))
        tree = Tree(*parts, root="top")
        assert content(tree) == {name[4:]: d for name, d in FILES.items()}
        named = f"{parts[0]} to {parts[-1].name}" if count > 2 else ", ".join(map(str, parts))
        assert str(tree) == named
        assert content(pickle.loads(pickle.dumps(tree))) == content(tree)
        if tree.random_access:
            assert tree.read_member("sub/c.bin") == FILES["top/sub/c.bin"]
    assert len(list(tmp_path.glob("*"))) == count + 1, "nothing was joined on disk"


@pytest.mark.parametrize("kind", ARCHIVES)
def test_parts_missing_or_in_disorder(tmp_path, kind):
    files = {f"{i}.txt": random.Random(i).randbytes(700) for i in range(30)}
    data = make(tmp_path, kind, files).read_bytes()
    third = len(data) // 3
    a, b, c = (
        write(tmp_path, data[i : i + third + 3], f"part{n}")
        for n, i in zip("abc", (0, third + 3, 2 * third + 6), strict=True)
    )
    assert content(Tree(a, b, c)) == files
    for parts in ((a,), (a, b), (a, c), (a, c, b), (a, b, b, c)):
        message = refused(Tree(*parts), "part")
        assert len(parts) == 1 or "all parts" in message or "part" in message


def test_errors_name_the_part_and_the_place_in_it(tmp_path):
    a = write(tmp_path, header(b"first") + bytes(0), "a")
    b = write(tmp_path, b"garbage " * 200, "b")
    refused(Tree(a, b), f"{b}: byte 512: ", "not a tar header", "all parts are there")
    b.write_bytes(raw_tar(header(b"../x")))
    refused(Tree(a, b), f"{a} (1 of 2 parts): ../x: ")
    refused(Tree(a, tmp_path / "c"), f"{tmp_path / 'c'}: byte 0: No such file")
    refused(Tree(a, tmp_path), f"{tmp_path}: byte 0: it is not a regular file")


def split_zip(data, cuts):
    """Turns a plain zip into a true split one: a mark, and offsets relative to the parts."""
    data = bytearray(b"PK\7\x08" + data)
    end = data.rfind(b"PK\5\6")
    at, count = struct.unpack_from("<L", data, end + 16)[0] + 4, data[end + 10]
    bounds = [0, *cuts, len(data)]

    def place(offset):
        disk = max(i for i, start in enumerate(bounds) if start <= offset)
        return disk, offset - bounds[disk]

    struct.pack_into("<HH", data, end + 4, len(cuts), place(at)[0])
    struct.pack_into("<L", data, end + 16, place(at)[1])
    for _ in range(count):
        disk, offset = place(struct.unpack_from("<L", data, at + 42)[0] + 4)
        struct.pack_into("<H", data, at + 34, disk)
        struct.pack_into("<L", data, at + 42, offset)
        at += 46 + sum(struct.unpack_from("<3H", data, at + 28))
    return [bytes(data[a:b]) for a, b in itertools.pairwise(bounds)]


def test_true_split_zip(tmp_path):
    data = zip_bytes(FILES.items(), zipfile.ZIP_STORED)
    for cuts in ([1000], [1000, 1500, 3000], [len(data) - 200, len(data) - 30]):
        names = [f"c.z{i:02}" for i in range(1, len(cuts) + 1)] + ["c.zip"]
        parts = [write(tmp_path, d, n) for d, n in zip(split_zip(data, cuts), names, strict=True)]
        tree = Tree(*parts)
        assert content(tree) == FILES
        assert tree.read_member("top/sub/c.bin") == FILES["top/sub/c.bin"]
        refused(Tree(*parts[:-1]), "truncated")
        # The last part alone does not begin like a zip, unless it begins with a member.
        refused(Tree(parts[-1]), str(parts[-1]))
    whole = split_zip(data, [1000])
    last = write(tmp_path, b"PK\3\4" + whole[1], "last.zip")
    refused(Tree(last), "last of 2 parts", "Give all parts in order")
    data = bytearray(raw_zip([(b"a", b"1", {})]))
    data[data.index(b"PK\1\2") + 34] = 3
    refused(Tree(write(tmp_path, data)), "part 4 of 1")


# ------------------------------------------------------------------------------------------ nested


@pytest.mark.parametrize("outer", ["tar", *ZIPS, "folder"])
@pytest.mark.parametrize("inner", tiers.sampled(ARCHIVES, ["tar", "tar.gz", "stored.zip"]))
@pytest.mark.parametrize("in_memory", tiers.sampled([0, 1 << 20], [1 << 20]))
def test_nested(tmp_path, outer, inner, in_memory, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    archive = make(tmp_path, inner).read_bytes()
    limits = Limits(nested_in_memory=in_memory or 1)
    tree = Tree(make(tmp_path, outer, {"x/in": archive, "y": b"y"}), limits=limits)
    nested = tree.nested("x/in", root="top")
    expected = {name[4:]: data for name, data in FILES.items()}
    assert content(nested) == expected
    assert nested.index() == {name: len(data) for name, data in expected.items()}
    assert str(nested) == f"{tree}/x/in"
    seekable = outer in ("tar", "stored.zip", "folder")
    assert nested.random_access == (inner in ZIPS or (seekable and inner == "tar"))
    if nested.random_access:
        assert nested.read_member("sub/c.bin") == FILES["top/sub/c.bin"]
    assert content(pickle.loads(pickle.dumps(nested))) == expected
    refused(tree.nested("y"), f"{tree}/y" if outer != "folder" else str(tree), "a text file")
    refused(tree.nested("z"), str(tree), "z")
    del nested
    gc.collect()
    assert not list((tmp_path / "temp").iterdir())
    assert content(tree) == {"x/in": archive, "y": b"y"}


def test_nested_in_nested(tmp_path):
    data = tar_bytes(FILES.items(), "w:gz")
    for wrap in (
        lambda d: zip_bytes([("a/in", d)]),
        lambda d: zip_bytes([("a/in", d)], zipfile.ZIP_STORED),
        lambda d: tar_bytes([("a/in", d)]),
    ):
        data = wrap(data)
    tree = Tree(write(tmp_path, data), root="a").nested("in", root="a").nested("in", "a")
    tree = pickle.loads(pickle.dumps(tree.nested("in")))
    assert content(tree) == FILES
    assert str(tree).endswith("corpus.bin/in/in/in")


def test_nested_without_end(tmp_path):
    tree = Tree(write(tmp_path, tar_bytes([("in", b"x")])))
    with pytest.raises(
        ArchiveError, match=r"in: it is an archive in 32 others \(the limit is 32\)"
    ):
        for _ in range(1500):
            tree = tree.nested("in")
    data = tar_bytes([("last", b"x")])
    for _ in range(32):
        data = tar_bytes([("in", data)])
    tree = Tree(write(tmp_path, data))
    for _ in range(32):
        tree = tree.nested("in")
    assert content(pickle.loads(pickle.dumps(tree))) == {"last": b"x"}


def test_nested_errors_name_both_files(tmp_path):
    inner = tar_bytes([("good", b"1"), ("../evil", b"2")], "w:gz")
    path = write(tmp_path, zip_bytes([("in.tgz", inner)]))
    refused(Tree(path).nested("in.tgz"), f"{path}/in.tgz: ../evil: ")
    inner = zip_bytes([("good", b"1" * 1000)])[:-30]
    path = write(tmp_path, zip_bytes([("in.zip", inner)]))
    refused(Tree(path).nested("in.zip"), f"{path}/in.zip: byte ", "truncated")


def test_nested_zip_too_large_for_the_disk(tmp_path, monkeypatch):
    class Full(tempfile.SpooledTemporaryFile):
        def write(self, data):
            raise OSError(28, "No space left on device")

    path = write(tmp_path, zip_bytes([("in.zip", zip_bytes(FILES.items()))]))
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", Full)
    refused(Tree(path).nested("in.zip"), f"{path}/in.zip", "No space left", "TMPDIR")


def test_nested_folder(tmp_path):
    path = make(tmp_path, "folder")
    assert content(Tree(path).nested("top/sub")) == {
        name[8:]: data for name, data in FILES.items() if name.startswith("top/sub/")
    }
    refused(Tree(path).nested("../x"), str(path), "../x", "climbs")


# ----------------------------------------------------------------------------------- refused names


UNSAFE = {
    "/etc/passwd": "absolute",
    "//host/share": "absolute",
    "\\windows\\file": "absolute",
    "\\\\host\\share": "absolute",
    "C:/file": "drive",
    "c:file": "drive",
    "D:\\file": "drive",
    "../file": "climbs",
    "..": "climbs",
    "a/../../file": "climbs",
    "a/..": "climbs",
    "a/../b": "climbs",
    "..\\file": "climbs",
    "a\\..\\..\\file": "climbs",
    "a/..\\b": "climbs",
}


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "deflated.zip"])
@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_names(tmp_path, kind, name):
    path = write(tmp_path, archive_bytes(kind, [("good", b"1"), (name, b"2")]))
    refused(Tree(path), f"{path}: {errors.shown(name)}: ", UNSAFE[name], "Do not use")
    if kind != "tar.gz":
        refused(Tree(path), name, read=Tree.index)
        refused(Tree(path), name, read=lambda t: t.read_member("good"))
        refused(Tree(path), name, read=lambda t: t.read_member(name))


@pytest.mark.parametrize("name", ["/abs/", "../up/", "a/../b/", "C:/x/"])
def test_unsafe_folders(tmp_path, name):
    folder = tar_info(name, type=tarfile.DIRTYPE)
    refused(Tree(write(tmp_path, tar_bytes([("a", b""), (folder, b"")]))), name.rstrip("/"))
    refused(Tree(write(tmp_path, zip_bytes([("a", b""), (name, b"")]))), name)


@pytest.mark.parametrize(
    "name",
    ["a..b", "...", "a/...", "..a/b", "ab:c", "a b", "-", "~", "a/.hidden", ".hidden"],
)
@pytest.mark.parametrize("kind", ["tar", "deflated.zip"])
def test_odd_but_safe_names(tmp_path, kind, name):
    assert content(Tree(make(tmp_path, kind, {name: b"1"}))) == {name: b"1"}


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "deflated.zip"])
def test_names_are_given_without_empty_steps(tmp_path, kind):
    data = archive_bytes(kind, [("./a", b"1"), ("b//c", b"2"), ("./d/./e", b"3"), ("f\\g", b"4")])
    tree = Tree(write(tmp_path, data))
    assert content(tree) == {"a": b"1", "b/c": b"2", "d/e": b"3", "f\\g": b"4"}
    if tree.random_access:
        assert tree.read_member("b/c") == b"2"


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "deflated.zip", "stored.zip"])
@pytest.mark.parametrize(
    "one,two", [("a", "a"), ("./a", "a"), ("b/a", "b//a"), ("b/./a", "b/a"), ("b\\a", "b/a")]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_come_twice(tmp_path, kind, one, two):
    data = archive_bytes(kind, [(one, b"1"), ("between", b"2"), (two, b"3")])
    refused(Tree(write(tmp_path, data)), "corpus.bin: ", "a: this name comes twice")


def test_folders_may_come_twice(tmp_path):
    folders = [(tar_info("x", type=tarfile.DIRTYPE), b"")] * 3
    assert content(Tree(write(tmp_path, tar_bytes([*folders, ("x/a", b"1"), *folders])))) == {
        "x/a": b"1"
    }


def test_nul_in_names(tmp_path):
    path = write(tmp_path, raw_tar(pax([(b"path", b"good\0/../evil")]), header()))
    refused(Tree(path), f"{path}: good\\x00/../evil: ", "NUL")
    long_name = b"x" * 120 + b"\0evil"
    path = write(tmp_path, raw_tar(header(b"L", len(long_name), b"L"), long_name, header()))
    refused(Tree(path), str(path), "\\x00evil: ", "NUL")
    path = write(tmp_path, raw_zip([(b"good\0evil", b"", {})]))
    refused(Tree(path), f"{path}: good\\x00evil: ", "NUL")


def test_members_without_a_name(tmp_path):
    refused(Tree(write(tmp_path, raw_tar(header(b"")))), "no name")
    refused(Tree(write(tmp_path, raw_tar(header(b".")))), "no name")
    refused(Tree(write(tmp_path, raw_zip([(b"", b"", {})]))), "no name")


def test_names_that_are_not_utf8(tmp_path):
    raw = b"caf\xe9/\xff"
    name = raw.decode("utf-8", "surrogateescape")
    path = write(tmp_path, raw_tar(header(raw, 1), b"1"))
    assert content(Tree(path)) == {name: b"1"}
    assert Tree(path).read_member(name) == b"1"
    path = write(tmp_path, raw_tar(pax([(b"path", raw)]), header(b"x", 1), b"1"))
    assert content(Tree(path)) == {name: b"1"}
    path = write(tmp_path, raw_zip([(raw, b"1", {"flags": 0x800})]))
    assert content(Tree(path)) == {name: b"1"}
    assert Tree(path).read_member(name) == b"1"
    path = write(tmp_path, raw_zip([(raw, b"1", {})]))  # The zip format's own encoding.
    assert content(Tree(path)) == {raw.decode("cp437"): b"1"}
    path = write(tmp_path, raw_zip([("é".encode(), b"1", {})]))  # As macOS writes it.
    assert content(Tree(path)) == {"é": b"1"}
    # Messages can be printed, whatever the name.
    path = write(tmp_path, raw_tar(header(b"../\xff\n")))
    refused(Tree(path), ": ../\\udcff\\n: ").encode("utf-8")


def test_names_that_are_not_utf8_in_folders(tmp_path):
    try:
        with open(os.fsencode(tmp_path) + b"/\xff", "wb") as file:
            file.write(b"1")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    assert content(Tree(tmp_path)) == {"\udcff": b"1"}
    assert Tree(tmp_path).read_member("\udcff") == b"1"


# --------------------------------------------------------------------------------- refused members


NOT_FILES = {
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "named pipe",
    tarfile.GNUTYPE_SPARSE: "sparse",
    b"M": "another volume",
    b"Z": "unknown type",
}


@pytest.mark.parametrize("kind", NOT_FILES)
def test_tar_members_that_are_not_files(tmp_path, kind):
    for mode in ("w", "w:gz"):
        info = tar_info("dir/odd", type=kind, linkname="good")
        path = write(tmp_path, tar_bytes([("good", b"1"), (info, b"")], mode))
        refused(Tree(path), f"{path}: dir/odd: it ", NOT_FILES[kind])


@pytest.mark.parametrize(
    "records",
    [
        [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.name", b"x")],
        [(b"GNU.sparse.map", b"0,1")],
    ],
)
def test_pax_sparse_members(tmp_path, records):
    path = write(tmp_path, raw_tar(pax(records), header(b"holes", 1), b"1"))
    refused(Tree(path), f"{path}: holes: it is a sparse file")


@pytest.mark.parametrize(
    "mode,word",
    [
        (stat.S_IFLNK, "symbolic link"),
        (stat.S_IFIFO, "named pipe"),
        (stat.S_IFCHR, "character device"),
        (stat.S_IFBLK, "block device"),
        (stat.S_IFSOCK, "socket"),
        (0o170000, "unknown type"),
    ],
)
def test_zip_members_that_are_not_files(tmp_path, mode, word):
    for system in (3, 19):
        fields = {"mode": mode | 0o777, "made_by": system << 8}
        path = write(tmp_path, raw_zip([(b"good", b"1", {}), (b"odd", b"good", fields)]))
        refused(Tree(path), f"{path}: odd: it is", word)
        refused(Tree(path), f"{path}: odd: it is", read=lambda t: t.read_member("good"))
    # Other systems keep other things in that place.
    fields = {"mode": mode | 0o777, "made_by": 0}
    assert content(Tree(write(tmp_path, raw_zip([(b"odd", b"1", fields)])))) == {"odd": b"1"}


def test_folders_with_data(tmp_path):
    for fields in ({}, {"mode": stat.S_IFDIR}):
        name = b"folder" if fields else b"folder/"
        path = write(tmp_path, raw_zip([(name, b"data", fields)]))
        refused(Tree(path), f"{path}: folder", "holds data")
    path = write(tmp_path, raw_tar(header(b"folder/", 4), b"data"))
    refused(Tree(path), f"{path}: folder/: ", "holds data")


def test_folders_with_backslashes(tmp_path):
    path = write(tmp_path, raw_zip([(b"dir\\", b"", {}), (b"dir\\a", b"1", {})]))
    assert content(Tree(path)) == {"dir\\a": b"1"}


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_encrypted_members(tmp_path, flag):
    path = write(tmp_path, raw_zip([(b"good", b"1", {}), (b"secret", b"x" * 13, {"flags": flag})]))
    refused(Tree(path), f"{path}: secret: it is encrypted", "password")


def test_unknown_methods(tmp_path):
    for method, name in ((9, "Deflate64"), (93, "Zstandard"), (42, "unknown")):
        path = write(tmp_path, raw_zip([(b"a", b"1", {}), (b"odd", b"x", {"method": method})]))
        refused(Tree(path), f"{path}: odd: ", f"method {method} ({name})")
        assert Tree(path).read_member("a") == b"1"
        assert Tree(path).index() == {"a": 1, "odd": 1}


# ------------------------------------------------------------------------------------------- bombs


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_bombs_in_compressed_tars(tmp_path, kind):
    good = random.Random(0).randbytes(300_000)
    path = make(tmp_path, kind, {"good": good, "bomb": bytes(20_000_000)})
    refused(Tree(path, limits=SMALL), f"{path}: bomb (about byte ", "decompression bomb")
    # Also when nobody reads it.
    refused(Tree(path, limits=SMALL), f"{path}: bomb (", read=list)
    assert len(list(Tree(path))) == 2


@pytest.mark.parametrize("kind", ["deflated.zip", "bzip2.zip", "lzma.zip"])
def test_bombs_in_zips(tmp_path, kind):
    path = make(tmp_path, kind, {"good": b"1", "bomb": bytes(100_000)})
    refused(Tree(path, limits=SMALL), f"{path}: bomb: ", "decompression bomb", "100,000")
    refused(Tree(path, limits=SMALL), "bomb", read=lambda t: t.read_member("good"))
    assert len(content(Tree(path))) == 2


def test_small_data_may_compress_well(tmp_path):
    for kind in ARCHIVES:
        assert len(content(Tree(make(tmp_path, kind, {"a": bytes(9_000)}), limits=SMALL))) == 1


def test_many_members_make_a_bomb(tmp_path):
    # None is above the limit by itself.
    path = make(tmp_path, "deflated.zip", {str(i): bytes(19_000) for i in range(50)})
    refused(Tree(path, limits=SMALL), str(path), "decompression bomb", "950,000")


def test_the_default_limits(tmp_path):
    limits = Limits()
    assert not limits.exceeded_by(limits_lib.RATIO_FROM, 1)
    assert not limits.exceeded_by(1000 * 2**21, 2**21)
    assert limits.exceeded_by(1000 * 2**21 + 1, 2**21)
    data = zlib.compress(bytes(1000))[2:-4]
    extra = struct.pack("<2HQ", 1, 8, 1 << 40)
    fields = {"method": 8, "size": 0xFFFFFFFF, "extra": extra, "packed": len(data)}
    path = write(tmp_path, raw_zip([(b"bomb", data, fields)]))
    refused(Tree(path), f"{path}: bomb: ", "1,099,511,627,776")


def test_overlapping_members(tmp_path):
    # Every record of the directory leads to the same data.
    data = random.Random(0).randbytes(500)
    shared = [(b"aa", data, {}), (b"bb", b"", {"offset": 0, "packed": 500, "size": 500})]
    path = write(tmp_path, raw_zip(shared))
    refused(Tree(path), f"{path}: bb: it overlaps another member")
    # A member that quotes the header of the next one as a part of its own data.
    inner = raw_zip([(b"bb", data, {})])[: 32 + 500]
    quoting = [(b"aa", inner, {}), (b"bb", b"", {"offset": 32, "packed": 500, "size": 500})]
    path = write(tmp_path, raw_zip(quoting))
    refused(Tree(path), f"{path}: bb: it overlaps another member")
    # In disorder, yet side by side: fine.
    one, two = raw_zip([(b"aa", b"1", {})])[:33], raw_zip([(b"bb", b"2", {})])[:33]
    directory = [
        (b"bb", b"", {"offset": 33, "packed": 1, "size": 1, "crc": zlib.crc32(b"2")}),
        (b"aa", b"", {"offset": 0, "packed": 1, "size": 1, "crc": zlib.crc32(b"1")}),
    ]
    empty = raw_zip(directory)
    records = empty[empty.index(b"PK\1\2") : -22]
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(records), 66, 0)
    tree = Tree(write(tmp_path, one + two + records + end))
    assert list(content(tree).items()) == [("bb", b"2"), ("aa", b"1")]
    # Beyond the last member lies the directory.
    path = write(tmp_path, raw_zip([(b"aa", b"12345", {"packed": 6, "size": 6})]))
    refused(Tree(path), f"{path}: aa: it reaches beyond")
    extra = bytearray(raw_zip([(b"aa", b"12345", {})]))
    extra[28] = 1  # The same, by the length of an extra field in the local header.
    refused(Tree(write(tmp_path, extra)), "aa: it reaches beyond")


@pytest.mark.parametrize("kind", [k for k in ZIPS if k != "stored.zip"])
@pytest.mark.parametrize("change", [-1, +1, -900, +900])
def test_zip_members_that_declare_another_size(tmp_path, kind, change):
    data = bytearray(make(tmp_path, kind, {"a": b"0123456789" * 100, "b": b"2"}).read_bytes())
    at = data.index(b"PK\1\2")
    struct.pack_into("<L", data, at + 24, 1000 + change)
    path = write(tmp_path, data)
    word = "yields more than" if change < 0 else "data"
    refused(Tree(path), f"{path}: a: ", word)
    refused(Tree(path), f"{path}: a: ", word, read=lambda t: t.open_member("a").read())
    assert Tree(path).read_member("b") == b"2"


def test_long_headers(tmp_path):
    for kind in (b"x", b"g", b"L", b"K"):
        path = write(tmp_path, raw_tar(header(b"pax", 2000, kind), b"9" * 2000, header()))
        refused(Tree(path, limits=Limits(header_bytes=1999)), str(path), "2,000 bytes")
    path = write(tmp_path, raw_tar(header(b"pax", 1 << 32, b"x"), header()))
    refused(Tree(path), str(path), "extended header of 4,294,967,296 bytes")


def test_many_long_headers(tmp_path):
    """Each is below the limit; all that come before one member, or hold for all, are not."""
    for kind in (b"x", b"g", b"L"):
        blocks = [header(b"pax", 900, kind), b"9 k=12345" * 100] * 2
        path = write(tmp_path, raw_tar(*blocks, header()))
        if kind != b"L":
            path = write(tmp_path, raw_tar(pax([(b"a", b"1" * 900)], kind) * 2, header()))
        refused(Tree(path, limits=Limits(header_bytes=1500)), str(path), "extended header of 1,8")
    # Before a member each they may be as long.
    data = raw_tar(*(pax([(b"path", b"%d" % i), (b"a", b"1" * 900)]) + header() for i in range(3)))
    assert list(content(Tree(write(tmp_path, data), limits=Limits(header_bytes=1500)))) == [
        "0", "1", "2",
    ]  # fmt: skip


@pytest.mark.slow
def test_records_that_change_nothing_are_not_kept():
    data = pax([(b"%x" % i, b"") for i in range(100_000)] + [(b"path", b"a")])[512:].rstrip(b"\0")
    tracemalloc.start()
    try:
        assert tar_stream.parse_pax(data) == {b"path": b"a"}
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("digits", [21, 4000, 900_000])
def test_sizes_of_any_number_of_digits(tmp_path, digits):
    path = write(tmp_path, raw_tar(pax([(b"size", b"9" * digits)]), header(b"a", 1), b"1"))
    refused(Tree(path), f"{path}: byte ", f"the pax header has a size of {digits:,} digits")


@pytest.mark.parametrize("character", ["n", "\u202e"])
def test_messages_do_not_grow_with_names(tmp_path, character):
    name = ("begins" + character * 100_000 + "ends").encode()
    path = write(tmp_path, raw_tar(pax([(b"path", name)]), header(b"x", kind=b"2")))
    with pytest.raises(ArchiveError, match=r"begins.* \.\.\. .*ends: it is a symbolic") as caught:
        list(Tree(path))
    assert len(str(caught.value)) < 1000
    path = write(tmp_path, zip_bytes([("n" * 60_000 + "ends/../x", b"1")]))
    with pytest.raises(ArchiveError, match="climbs") as caught:
        list(Tree(path))
    assert len(str(caught.value)) < 1000


def test_memory_for_lzma(tmp_path):
    path = write(tmp_path, lzma.compress(tar_bytes(FILES.items()), preset=9))
    refused(Tree(path, limits=Limits(lzma_memory=1 << 20)), str(path), "limit")
    path = make(tmp_path, "lzma.zip", {"a": b"0123456789" * 1000})
    refused(
        Tree(path, limits=Limits(lzma_memory=5000)), f"{path}: a: it needs 10,000 bytes of memory"
    )
    data = bytearray(path.read_bytes())
    at = data.index(b"\5\0\x5d") + 3  # The dictionary's size in the LZMA header.
    data[at : at + 4] = b"\xff" * 4  # 4 GiB are not needed for 10 kB.
    assert len(content(Tree(write(tmp_path, data)))["a"]) == 10_000


# ------------------------------------------------------------------------------------ truncated


def truncations(data, count, always=()):
    """Lengths to cut at: all for short archives, else the ends and a sample."""
    cuts = set(range(len(data))) if len(data) <= count else set(
        random.Random(0).sample(range(len(data)), count)
    )  # fmt: skip
    return sorted(cuts | {0, 1, len(data) - 1} | {c for c in always if 0 <= c < len(data)})


CUT = {"dir/one.txt": b"first " * 40, "two.bin": random.Random(3).randbytes(600), "three": b""}


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("how", ["read", "list", "open"])
def test_every_truncation_is_noticed(tmp_path, kind, how):
    data = make(tmp_path, kind, CUT).read_bytes()
    path = tmp_path / "cut.bin"
    boundaries = [b + d for b in range(0, len(data), 512) for d in (-1, 0, 1)]
    noticed = 0
    # Behind that a tar is all zeros.
    for cut in truncations(data if kind != "tar" else data[:5120], 300, boundaries):
        path.write_bytes(data[:cut])
        remembered._REMEMBERED.clear()
        got = {}
        try:
            for member in Tree(path):
                if how == "open":
                    with member.open() as file:
                        got[member.name] = b"".join(iter(lambda: file.read(100), b""))
                else:
                    got[member.name] = CUT[member.name] if how == "list" else member.read()
        except ArchiveError as e:
            assert str(path) in str(e)
            noticed += 1
        else:
            assert got == CUT, cut
            # Only zeros behind the end mark may be missing.
            assert kind == "tar" and not data[cut:].strip(b"\0"), cut
    assert noticed > 100


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.usefixtures("inflated_by")
def test_truncated_members_are_named(tmp_path, mode):
    plain = tar_bytes([("whole", b"1"), ("cut", b"2" * 5000)])
    at = plain.index(b"222") + 1000
    data = plain[:at] if mode == "w" else gzip.compress(plain[:at])
    path = write(tmp_path, data)
    refused(Tree(path), f"{path}: cut: it is truncated: 1,000 of 5,000 bytes")
    refused(Tree(path), "cut: it is truncated: 1,000 of 5,000", read=list)
    if mode == "w:gz":  # The file itself complains, not only the next step of the iteration.
        members = iter(Tree(path))
        next(members)
        refused(next(members), "1,000 of 5,000 bytes", read=lambda m: m.open().read())
    # Within the padding, and at its end.
    for length in (plain.index(b"222") + 5000, 512 * (plain.index(b"222") // 512 + 10)):
        data = plain[:length] if mode == "w" else gzip.compress(plain[:length])
        refused(Tree(write(tmp_path, data)), "without its end mark")
    compressed = gzip.compress(plain[: plain.index(b"222")] + random.Random(1).randbytes(5000))
    path = write(tmp_path, compressed[:-3000])
    refused(Tree(path), f"{path}: cut (about byte {len(compressed) - 3000:,}): ", "truncated")


def test_the_end_of_a_zip_is_missing(tmp_path):
    path = make(tmp_path, "deflated.zip")
    path.write_bytes(path.read_bytes()[:-30])
    refused(Tree(path), f"{path}: byte {path.stat().st_size:,}: ", "truncated", "Fetch it again")
    path = write(tmp_path, raw_zip([(b"a", b"1", {})], comment=b"a comment")[:-1])
    refused(Tree(path), str(path), "missing or added behind")
    path = write(tmp_path, raw_zip([(b"a", b"1", {})]) + b"\0")
    refused(Tree(path), str(path), "missing or added behind")
    path = write(tmp_path, raw_zip([(b"a", b"1", {})], comment=b"c" * 65535))
    assert content(Tree(path)) == {"a": b"1"}
    path = write(tmp_path, raw_zip([(b"a", b"1", {})], comment=b"PK\5\6" + b"c" * 40))
    assert content(Tree(path)) == {"a": b"1"}


def test_a_directory_that_is_none(tmp_path):
    for number in (0, 1):
        data = bytearray(raw_zip([(b"a", b"1", {}), (b"b", b"1", {})]))
        at = data.index(b"PK\1\2") + 47 * number
        data[at + 3] ^= 1
        path = write(tmp_path, data)
        refused(Tree(path), f"{path}: byte {at}: the central directory is damaged")
        data[at + 3] ^= 1
        struct.pack_into("<H", data, at + 28, 500)  # The name reaches behind the end.
        path = write(tmp_path, data)
        refused(Tree(path), f"{path}: byte {at}: the central directory is damaged")


def test_long_names_in_zips(tmp_path):
    files = {"n" * 600: b"1", "short": b"2", "m" * 60_000: b"3"}
    tree = Tree(make(tmp_path, "stored.zip", files))
    assert content(tree) == files
    assert {name: tree.read_member(name) for name in files} == files


def test_bytes_are_missing_within(tmp_path):
    data = make(tmp_path, "stored.zip").read_bytes()
    refused(Tree(write(tmp_path, data[:500] + data[600:])), "100 bytes are missing before")
    refused(Tree(write(tmp_path, data[:500] + data[400:])), "100 bytes are added before")
    refused(Tree(write(tmp_path, raw_zip([(b"a", b"", {})], count=2))), "announces 2")


def test_data_behind_the_end_of_a_tar(tmp_path):
    one, two = tar_bytes([("a", b"1")]), tar_bytes([("b", b"2")])
    assert content(Tree(write(tmp_path, one + bytes(50_000)))) == {"a": b"1"}
    for data in (one + two, one + bytes(300_000) + two, gzip.compress(one) + gzip.compress(two)):
        refused(Tree(write(tmp_path, data)), "corpus.bin", "follows the end")
    # What a tape drive left behind in the last record is nobody's business.
    assert content(Tree(write(tmp_path, one[:-100] + b"garbage".ljust(100)))) == {"a": b"1"}
    # One block of zeros is an end, if nothing comes after it.
    data = raw_tar(header(b"a", 1), b"1")
    assert content(Tree(write(tmp_path, data[: 1024 + 512]))) == {"a": b"1"}
    refused(Tree(write(tmp_path, data[:1024])), "byte 1,024: ", "without its end mark")
    data = raw_tar(header(b"a", 1), b"1", bytes(512), header(b"b"))
    refused(Tree(write(tmp_path, data)), "zeros stands in the middle")
    refused(Tree(write(tmp_path, raw_tar(header(b"a"), pax([(b"path", b"b")])))), "is missing")


# ------------------------------------------------------------------------------------------ damaged


FLIP = {"a/one.txt": b"some text, some text", "é.bin": bytes(range(40)), "empty": b""}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_every_flipped_bit_is_noticed_or_harmless(tmp_path, kind):
    original = bytearray(make(tmp_path, kind, FLIP).read_bytes())
    path = tmp_path / "flipped.bin"
    if kind == "tar":  # Only headers and the end mark have check sums.
        original = bytearray(tar_bytes(FLIP.items(), tar_format=tarfile.GNU_FORMAT))
        places = [*range(512), *range(1024, 1536), *range(2048, 2560), *range(2560, 3584)]
    else:
        places = range(len(original))
    bits = [(place, bit) for place in places for bit in range(8)]
    bits = random.Random(0).sample(bits, min(len(bits), 800))
    noticed = 0
    for place, bit in bits:
        original[place] ^= 1 << bit
        path.write_bytes(original)
        remembered._REMEMBERED.clear()
        original[place] ^= 1 << bit
        try:
            assert content(Tree(path)) == FLIP, (place, bit)
        except ArchiveError as e:
            assert str(path) in str(e)
            noticed += 1
    assert noticed > len(bits) / 4


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    kind=st.sampled_from([k for k in ARCHIVES if k != "tar"]),
    damage=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.integers(0, 40)),
        min_size=1,
        max_size=4,
    ),
)
def test_other_damage(tmp_path_factory, kind, damage):
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    data = bytearray(archive_bytes(kind, FLIP.items()))
    for place, value, length in damage:  # Overwrites a stretch, or removes it.
        at = int(place * len(data))
        data[at : at + length] = bytes([value]) * (length if value % 2 else 0)
    path.write_bytes(data)
    remembered._REMEMBERED.clear()
    try:
        assert content(Tree(path)) == FLIP
    except ArchiveError as e:
        assert str(path) in str(e)


@pytest.mark.parametrize("at", [-8, -4, -1])
@pytest.mark.usefixtures("inflated_by")
def test_gzip_trailer(tmp_path, at):
    files = {str(i): random.Random(i).randbytes(100_000) for i in range(9)}
    data = bytearray(tar_bytes(files.items(), "w:gz"))
    data[at] ^= 1
    tree = Tree(write(tmp_path, data))
    got = {}
    with pytest.raises(ArchiveError, match="the gzip data is damaged"):
        for member in tree:
            got[member.name] = member.read()
    # The sum comes last, after much has been given away.
    assert len(got) > 4 and got.items() <= files.items()


@pytest.mark.parametrize("kind", ZIPS)
def test_zip_check_sums(tmp_path, kind):
    data = bytearray(make(tmp_path, kind, {"good": b"1", "bad": b"22222"}).read_bytes())
    at = data.rindex(b"PK\1\2")
    data[at + 16] ^= 1
    path = write(tmp_path, data)
    refused(Tree(path), f"{path}: bad: its check sum is ")
    assert Tree(path).read_member("good") == b"1"
    with Tree(path).open_member("bad") as file, pytest.raises(ArchiveError, match="check sum"):
        file.read(5)  # Noticed with the last byte, though the end was not asked for.


def test_local_headers_have_to_agree(tmp_path):
    for local in (b"axx", b"ab", b"abcd"):
        fields = {"local": local, "packed": 1, "size": 1}
        path = write(tmp_path, raw_zip([(b"abc", b"123", fields), (b"zzz", b"1", {})]))
        refused(Tree(path), f"{path}: abc: its local header differs")
        refused(Tree(path), f"{path}: abc: its local header differs", read=list)
    path = write(tmp_path, raw_zip([(b"abc/", b"", {"local": b"abcd"}), (b"x", b"", {})]))
    refused(Tree(path), f"{path}: abc/: its local header differs")
    good = raw_zip([(b"abc", b"1", {})])
    for place in (0, 6, 8):  # Signature, encryption, method.
        bad = bytearray(good)
        bad[place + 0] ^= 1
        if place:
            refused(Tree(write(tmp_path, bad)), "abc: its local header differs")
    bad = bytearray(raw_zip([(b"abc", b"1", {}), (b"def", b"1", {})]))
    bad[bad.index(b"PK\3\4", 4)] ^= 1
    refused(Tree(write(tmp_path, bad)), "def: its local header is missing")


def test_tar_headers(tmp_path):
    for block, word in (
        (header()[:100] + b"x" + header()[101:], "check sum"),
        (header(size=b"-0000000010\0"), "negative"),
        (header(size=b"\xff" * 12), "negative"),
        (header(size=b"00000000009\0"), "no readable size"),
        (pax([(b"size", b"x")]) + header(), "no readable size"),
        (header(b"pax", 9, b"x") + b"5 a=b\n99\n".ljust(512, b"\0") + header(), "pax header"),
        (header(b"pax", 6, b"x") + b"99 a=b".ljust(512, b"\0") + header(), "broken record"),
        (header(b"pax", 6, b"x") + b"6 abc\n".ljust(512, b"\0") + header(), "broken record"),
        (header(b"pax", 6, b"x") + b"6 a=bc".ljust(512, b"\0") + header(), "broken record"),
    ):
        path = write(tmp_path, raw_tar(header(b"first"), block))
        refused(Tree(path), f"{path}: byte ", word)
    path = write(tmp_path, raw_tar(header(b"first"), header(b"pax", 6000, b"x"), end=b""))
    path.write_bytes(path.read_bytes()[:2000])
    refused(Tree(path), str(path), "stops within an extended header")


# ------------------------------------------------------------------------------------ tar dialects


LONG = "/".join(["d" * 60] * 4) + "/name"


@pytest.mark.parametrize(
    "tar_format,name",
    [
        (tarfile.USTAR_FORMAT, "d" * 100 + "/" + "n" * 100),
        (tarfile.USTAR_FORMAT, "n" * 100),
        (tarfile.GNU_FORMAT, LONG),
        (tarfile.GNU_FORMAT, "n" * 100),
        (tarfile.GNU_FORMAT, "n" * 101),
        (tarfile.PAX_FORMAT, LONG),
        (tarfile.PAX_FORMAT, "é" * 60),
    ],
)
def test_long_names(tmp_path, tar_format, name):
    data = tar_bytes([("before", b"0"), (name, b"1"), ("after", b"2")], tar_format=tar_format)
    tree = Tree(write(tmp_path, data))
    assert content(tree) == {"before": b"0", name: b"1", "after": b"2"}
    assert tree.read_member(name) == b"1"


def test_old_tars(tmp_path):
    old = {"magic": b""}
    blocks = [header(b"dir/", 0, b"\0", **old), header(b"dir/a", 1, b"\0", **old), b"1"]
    blocks += [header(b"dir/b", 1, b"7"), b"2"]
    # GNU keeps other things where POSIX has the prefix.
    blocks += [header(b"c", 1, magic=b"ustar  \0", prefix=b"12345"), b"3"]
    blocks += [header(b"caf\xc3\xa9", 1, signed=True, **old), b"4"]
    blocks += [header(b"d", 1, prefix=b"some/folder"), b"5"]
    blocks += [header(b"volume 1", 0, b"V"), header(b"listing", 600, b"D"), bytes(600)]
    blocks += [header(b"e", b"         1 \0"), b"6", header(b"f", b" " * 12)]
    assert content(Tree(write(tmp_path, raw_tar(*blocks)))) == {
        "dir/a": b"1", "dir/b": b"2", "c": b"3", "café": b"4", "some/folder/d": b"5", "e": b"6",
        "f": b"",
    }  # fmt: skip


def test_pax_records(tmp_path):
    global_path = pax([(b"comment", b"8f3a" * 10), (b"size", b"3")], b"g")
    blocks = [global_path, header(b"a", 0), b"111", pax([(b"size", b"2")]), header(b"b", 9), b"22"]
    blocks += [pax([(b"size", b"0")]), header(b"c", 9)]
    blocks += [pax([(b"path", b"d")]), pax([(b"size", b"1"), (b"mtime", b"1.5")]), header(), b"4"]
    blocks += [pax([(b"path", b"thrown away"), (b"path", b""), (b"size", b"")], b"x")]
    blocks += [header(b"e", 1), b"5"]
    blocks += [pax([(b"linkpath", b"nowhere"), (b"path", b"f\nf=g")]), header(b"", 1), b"666"]
    assert content(Tree(write(tmp_path, raw_tar(*blocks)))) == {
        "a": b"111", "b": b"22", "c": b"", "d": b"4", "e": b"5", "f\nf=g": b"666",
    }  # fmt: skip
    blocks = [pax([(b"path", b"x")], b"g"), header(b"a"), header(b"b")]
    refused(Tree(write(tmp_path, raw_tar(*blocks))), "x: this name comes twice")


def test_link_headers_before_a_file_change_nothing(tmp_path):
    blocks = [header(b"K", 6, b"K"), b"target", header(b"a", 1), b"1"]
    assert content(Tree(write(tmp_path, raw_tar(*blocks)))) == {"a": b"1"}


def test_sizes_above_8_gib(tmp_path):
    big = 3 << 33
    path = write(tmp_path, raw_tar(header(b"big", b"\x80" + big.to_bytes(11, "big")), b"1"))
    refused(Tree(path), f"{path}: big: it is truncated: 9,728 of 25,769,803,776 bytes")
    path = write(tmp_path, raw_tar(pax([(b"size", b"%d" % big)]), header(b"big", 0), b"1"))
    refused(Tree(path), "of 25,769,803,776 bytes")
    path = write(tmp_path, gzip.compress(path.read_bytes()))
    refused(Tree(path), "big: it is truncated: ", "of 25,769,803,776 bytes", read=list)
    # One that is really there, in a file with a hole.
    path = write(tmp_path, header(b"big", b"\x80" + big.to_bytes(11, "big")), "sparse.tar")
    with open(path, "r+b") as file:
        try:
            file.seek(512 + big)
            file.write(raw_tar(header(b"after", 1), b"1"))
        except OSError:
            pytest.skip("this file system has no room for holes")
    tree = Tree(path)
    assert tree.index() == {"big": big, "after": 1}
    assert tree.read_member("after") == b"1"
    with tree.open_member("big") as file:
        file.seek(-5, os.SEEK_END)
        assert file.read() == bytes(5)


# ------------------------------------------------------------------------------------ zip dialects


def test_zip64(tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    for method in ZIPS.values():
        data = zip_bytes(FILES.items(), method)
        assert b"PK\6\6" in data and b"PK\6\7" in data
        tree = Tree(write(tmp_path, data))
        assert content(tree) == FILES
        assert tree.read_member("top/sub/c.bin") == FILES["top/sub/c.bin"]
    for cut in range(len(data) - 120, len(data)):
        refused(Tree(write(tmp_path, data[:cut])), "corpus.bin")
    broken = data.replace(b"PK\6\6", b"PK\6\5")
    refused(Tree(write(tmp_path, broken)), "zip64 end record")


def test_zip64_without_its_numbers(tmp_path):
    path = write(tmp_path, raw_zip([(b"a", b"1", {"size": 0xFFFFFFFF, "extra": b"\1\0\0\0"})]))
    refused(Tree(path), f"{path}: a: its zip64 sizes are missing")
    extra = struct.pack("<2H2s2HQ", 0x5455, 2, b"xx", 1, 8, 1)  # Behind another field.
    path = write(tmp_path, raw_zip([(b"a", b"1", {"size": 0xFFFFFFFF, "extra": extra})]))
    assert content(Tree(path)) == {"a": b"1"}


def test_zip_with_sizes_behind_the_data(tmp_path):
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    for method in ZIPS.values():
        pipe = Pipe()
        with zipfile.ZipFile(pipe, "w", method) as file:
            for name, data in FILES.items():
                file.writestr(name, data)
        assert b"PK\7\x08" in pipe.data
        assert content(Tree(write(tmp_path, pipe.data))) == FILES


def test_lzma_without_an_end_mark(tmp_path):
    data = b"some text " * 50
    filters = [{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 16}]
    alone = lzma.compress(data, lzma.FORMAT_ALONE, filters=filters)
    packed = b"\x09\x14\5\0" + alone[:5] + alone[13:]
    fields = {"method": 14, "size": len(data), "crc": zlib.crc32(data), "packed": len(packed)}
    for flags in (0, 2):  # This one has the mark, announced or not.
        path = write(tmp_path, raw_zip([(b"a", packed, {**fields, "flags": flags})]))
        assert content(Tree(path)) == {"a": data}
    cut = packed[:-6]
    path = write(tmp_path, raw_zip([(b"a", cut, {**fields, "packed": len(cut), "flags": 2})]))
    refused(Tree(path), f"{path}: a: ")
    for bad in (packed[:5], b"\x09\x14\6\0" + packed[4:], packed[:4] + b"\xff" + packed[5:]):
        path = write(tmp_path, raw_zip([(b"a", bad, {**fields, "packed": len(bad)})]))
        refused(Tree(path), f"{path}: a: its LZMA header")


def test_empty_members_without_data(tmp_path):
    for method in (0, 8, 12):
        fields = {"method": method}
        assert content(Tree(write(tmp_path, raw_zip([(b"a", b"", fields)])))) == {"a": b""}
    path = write(tmp_path, raw_zip([(b"a", b"", {"crc": 1})]))
    refused(Tree(path), f"{path}: a: its check sum is 00000000, and 00000001")
    path = write(tmp_path, raw_zip([(b"a", b"12", {"size": 3})]))
    refused(Tree(path), f"{path}: a: ", "two sizes differ")


@pytest.mark.usefixtures("inflated_by")
def test_deflated_members_without_an_end_or_behind_it(tmp_path):
    fields = {"method": 8, "size": 3, "crc": zlib.crc32(b"abc")}
    packed = zlib.compress(b"abc")[2:-4]
    assert content(Tree(write(tmp_path, raw_zip([(b"a", packed, fields)])))) == {"a": b"abc"}
    path = write(tmp_path, raw_zip([(b"a", packed + b"x", fields)]))
    refused(Tree(path), f"{path}: a: its data end before")
    endless = zlib.compressobj(wbits=-15)
    packed = endless.compress(b"abc") + endless.flush(zlib.Z_SYNC_FLUSH)
    path = write(tmp_path, raw_zip([(b"a", packed, fields)]))
    refused(Tree(path), f"{path}: a: its data stop after 3 of 3 bytes")


def test_more_members_than_16_bits_count(tmp_path):
    names = [f"d/{i:05}".encode() for i in range(66_000)]
    path = write(tmp_path, raw_zip_fast(names))
    tree = Tree(path)
    assert list(tree.index()) == [n.decode() for n in names]
    assert tree.read_member("d/65999") == b""


def test_the_index_of_a_zip_is_small(tmp_path):
    path = write(tmp_path, raw_zip_fast([b"folder/%08d.wav" % i for i in range(5000)]))
    tracemalloc.start()
    tree = Tree(path)
    tree.read_member("folder/00000000.wav")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept / 5000 < 60


def raw_zip_fast(names):
    body = b"".join(
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, len(n), 0) + n for n in names
    )
    directory, at = [], 0
    for n in names:
        directory.append(struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(n), 0, 0, 0, 0, 0, at
        ) + n)  # fmt: skip
        at += 30 + len(n)
    directory = b"".join(directory)
    count = len(names) % 2**16
    return body + directory + struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0
    )  # fmt: skip


def test_finder_zips_above_4_gib(tmp_path):
    """Without zip64 all numbers are modulo 4 GiB."""
    big = (1 << 32) + 5
    inner = tar_bytes(FILES.items(), "w:gz")
    members = [
        (b"before", b"1", 0),
        (b"big", b"", 37),  # Stored, `big` zeros, in a hole of the file.
        (b"after", b"22", 37 + 33 + big),
        (b"in.tgz", inner, 37 + 33 + big + 37),
    ]
    path = tmp_path / "finder.zip"
    data = raw_zip([
        (n, d, {"offset": o % 2**32} if n != b"big" else {"offset": o, "packed": 5, "size": 5})
        for n, d, o in members
    ])  # fmt: skip
    split = data.index(b"PK\3\4", 37 + 4)
    end_at = 70 + big + 37 + 36 + len(inner)
    tail = bytearray(data[split:])
    struct.pack_into("<L", tail, len(tail) - 6, end_at % 2**32)
    with open(path, "wb") as file:
        try:
            file.write(data[:split])
            file.seek(70 + big)
            file.write(tail)
        except OSError:
            pytest.skip("this file system has no room for holes")
    tree = Tree(path)
    assert tree.index() == {"before": 1, "big": big, "after": 2, "in.tgz": len(inner)}
    assert tree.read_member("before") == b"1"
    assert tree.read_member("after") == b"22"
    assert content(tree.nested("in.tgz")) == FILES
    assert [m.name for m in tree] == ["before", "big", "after", "in.tgz"]
    assert tree.open_member("big").read(3) == bytes(3)
    with open(path, "r+b") as file:
        file.seek(70 + big)
        file.write(b"PK\4\4")
    refused(Tree(path), f"{path}: after: its local header is not found")


# ------------------------------------------------------------------------------------------ folders


def test_links_of_the_user(tmp_path):
    real = make(tmp_path, "folder")
    elsewhere = write(tmp_path, b"elsewhere", "elsewhere.txt")
    (real / "link.txt").symlink_to(elsewhere)
    (real / "more").symlink_to(real / "top" / "sub")
    (tmp_path / "corpus").symlink_to(real)
    expected = {**FILES, "link.txt": b"elsewhere"}
    expected |= {"more" + n[7:]: d for n, d in FILES.items() if n.startswith("top/sub/")}
    tree = Tree(tmp_path / "corpus")
    assert content(tree) == expected
    assert [m.name for m in tree] == sorted(expected)
    assert tree.read_member("link.txt") == b"elsewhere"
    assert tree.read_member("more/c.bin") == FILES["top/sub/c.bin"]


@pytest.mark.parametrize("target", [".", "top", ".."])
def test_links_in_circles(tmp_path, target):
    path = make(tmp_path, "folder")
    (path / "top" / "sub" / "circle").symlink_to(path / target)
    found = []
    with pytest.raises(ArchiveError) as caught:
        for member in Tree(path):
            found.append(member.name)
            assert len(found) < 100
    assert f"{path}: top/sub/circle" in str(caught.value)
    assert "above itself" in str(caught.value)


def test_broken_links(tmp_path):
    path = make(tmp_path, "folder")
    (path / "top" / "broken").symlink_to(tmp_path / "nowhere")
    refused(Tree(path), f"{path}: top/broken: No such file")
    refused(Tree(path), f"{path}: top/broken: ", read=lambda t: t.read_member("top/broken"))
    (path / "top" / "broken").unlink()
    (path / "top" / "broken").symlink_to(path / "top" / "broken")
    refused(Tree(path), f"{path}: top/broken: ")


def test_pipes_in_folders(tmp_path):
    path = make(tmp_path, "folder")
    os.mkfifo(path / "top" / "pipe")
    refused(Tree(path), f"{path}: top/pipe: it is not a regular file")
    refused(Tree(path), f"{path}: top/pipe: ", read=lambda t: t.read_member("top/pipe"))
    refused(Tree(path), f"{path}: top: it is not", read=lambda t: t.read_member("top"))
    refused(Tree(path / "top" / "pipe"), "byte 0: it is not a regular file")
    assert content(Tree(path), "top/s")  # What is not asked for does not matter.


def test_permissions(tmp_path, monkeypatch):
    path = make(tmp_path, "folder")
    scandir = os.scandir

    def denied(where):
        if str(where).endswith("deep/"):
            raise PermissionError(13, "Permission denied", where)
        return scandir(where)

    monkeypatch.setattr(os, "scandir", denied)
    refused(Tree(path), f"{path}: top/sub/deep/: Permission denied. Check")
    monkeypatch.undo()
    if os.geteuid() == 0:
        return
    (path / "top" / "b.txt").chmod(0)
    refused(Tree(path), f"{path}: top/b.txt: Permission denied")


def test_files_that_vanish_or_change(tmp_path):
    path = make(tmp_path, "folder")
    members = {m.name: m for m in Tree(path)}
    (path / "top/b.txt").unlink()
    (path / "top/sub.txt").write_bytes(b"short")
    refused(members["top/b.txt"], f"{path}: top/b.txt: No such file", read=Member.read)
    refused(members["top/b.txt"], f"{path}: top/b.txt: No such file", read=Member.open)
    refused(members["top/sub.txt"], "top/sub.txt: it is truncated: 5 of 27", read=Member.read)
    for name in ("../x", "/etc/passwd", "top/../../x"):
        refused(Tree(path), f"{path}: {name}: ", read=lambda t, n=name: t.read_member(n))


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")
def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "a").symlink_to("/proc/self/mem")  # A regular file whose first byte gives EIO.
    refused(Tree(tmp_path), f"{tmp_path}: a: Input/output error")


def test_deep_folders(tmp_path):
    deep = tmp_path
    for _ in range(150):
        deep /= "d"
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"1")
    assert content(Tree(tmp_path)) == {"d/" * 150 + "file": b"1"}


def test_an_archive_that_becomes_shorter(tmp_path):
    path = make(tmp_path, "tar", {"a": bytes(100_000), "b": b"1"})
    tree = Tree(path)
    members = list(tree)
    os.truncate(path, 5000)
    refused(members[0], str(path), "shorter while it was read", read=Member.read)


@pytest.mark.skipif(not hasattr(os, "pread"), reason="patches pread")
def test_a_disk_that_fails(tmp_path, monkeypatch):
    path = make(tmp_path, "tar", {"a": bytes(100_000)})
    pread = os.pread

    def failing(handle, count, offset):
        if offset > 600:
            raise OSError(5, "Input/output error")
        return pread(handle, count, offset)

    members = iter(Tree(path))
    member = next(members)
    monkeypatch.setattr(os, "pread", failing)
    refused(members, f"{path}: byte 100,864: Input/output error", read=next)
    file = member.open()
    file.seek(10_000)
    refused(file, f"{path}: byte 10,512: Input/output error", read=lambda f: f.read())


# ---------------------------------------------------------------------------------------- streaming


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_members_of_a_stream_expire(tmp_path, kind):
    path = make(tmp_path, kind, {"a": b"12345678", "b": b"2", "c": b"3"})
    iterator = iter(Tree(path))
    first = next(iterator)
    file = first.open()
    assert file.read(2) == b"12"
    second = next(iterator)
    for late in (
        first.read, first.open, file.read, lambda: file.read(1), lambda: file.read1(1),
        lambda: file.readinto(bytearray(1)), lambda: file.readinto1(bytearray(1)), file.readline,
        lambda: next(file), file.peek, file.readlines,
    ):  # fmt: skip
        refused(late, f"{path}: a: ", "moved on", read=lambda late: late())
    assert second.read() == b"2"
    refused(second, f"{path}: b: ", "a second time", read=Member.read)
    refused(second, f"{path}: b: ", "a second time", read=Member.open)
    third = next(iterator)
    with third.open() as file:
        file.read(1)
    refused(third, f"{path}: c: ", "a second time", read=Member.read)
    assert next(iterator, None) is None
    refused(third, f"{path}: c: ", "moved on", read=Member.read)
    iterator = iter(Tree(path))
    first = next(iterator)
    iterator.close()
    refused(first, "moved on", read=Member.read)


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_members_may_be_left_half_read(tmp_path, kind):
    files = {str(i): random.Random(i).randbytes(200_000) for i in range(6)}
    for i, member in enumerate(Tree(make(tmp_path, kind, files))):
        if i % 3 == 0:
            assert member.open().read(i * 1000 + 1) == files[member.name][: i * 1000 + 1]
        elif i % 3 == 1:
            assert member.read() == files[member.name]


def test_a_stopped_iteration_is_fine(tmp_path):
    for kind in ARCHIVES:
        for member in Tree(make(tmp_path, kind)):
            assert member.name == "top/b.txt"
            break


ROUNDS = 1600  # x 128 KiB = 200 MiB
BLOCK = bytes(1 << 17)


def large_tar_gz(path):
    size = ROUNDS * len(BLOCK)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(
            header(b"small", 1) + b"1".ljust(512, b"\0") + header(b"large", b"%011o\0" % size)
        )
        for _ in range(ROUNDS):
            file.write(BLOCK)
        file.write(bytes(1024))


def large_zip(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("small", b"1")
        with file.open("large", "w") as member:
            for _ in range(ROUNDS):
                member.write(BLOCK)


@pytest.mark.parametrize("make_large", [large_tar_gz, large_zip])
def test_memory_is_flat(tmp_path, make_large):
    make_large(tmp_path / "large")
    tracemalloc.start()
    total = 0
    for member in Tree(tmp_path / "large"):
        with member.open() as file:
            while block := file.read(1 << 16):
                total += len(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    assert len(list(Tree(tmp_path / "large"))) == 2  # Nobody reads: passed over just as well.
    _, passed = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == ROUNDS * len(BLOCK) + 1
    assert peak < 8 << 20
    assert passed < 8 << 20


def test_memory_does_not_grow_with_the_members(tmp_path):
    path = tmp_path / "many.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for i in range(5000):
            file.write(header(b"%0100d" % i, 9000) + bytes(9216))
        file.write(bytes(1024))
    tracemalloc.start()
    for member in Tree(path):
        member.read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


# -------------------------------------------------------------------------------------------- index


def test_the_index_is_kept_for_other_trees_of_the_same_file(tmp_path, monkeypatch):
    for kind, reader, method in (
        ("deflated.zip", zip_directory.Directory, "_read_index"),
        ("tar", plain_tar.PlainTar, "_entries"),
    ):
        calls = []
        original = getattr(reader, method)

        def counted(self, original=original, calls=calls):
            calls.append(1)
            return original(self)

        monkeypatch.setattr(reader, method, counted)
        path = make(tmp_path, kind)
        tree = Tree(path)
        for _ in range(3):
            tree = pickle.loads(pickle.dumps(tree))
            assert tree.read_member("top/b.txt") == FILES["top/b.txt"]
        assert len(calls) == 1
        outer = write(tmp_path, tar_bytes([("in", path.read_bytes())]), "outer.tar")
        calls.clear()
        for _ in range(3):
            tree = pickle.loads(pickle.dumps(Tree(outer).nested("in")))
            assert tree.read_member("top/b.txt") == FILES["top/b.txt"]
        assert len(calls) == (1 if kind != "tar" else 2), "nested archives have an index too"
        path.unlink()
        make(tmp_path, kind, {"top/b.txt": b"another archive"})
        assert Tree(path).read_member("top/b.txt") == b"another archive"
    for i in range(30):
        path = tmp_path / f"{i}.zip"
        path.write_bytes(zip_bytes([("a", b"1")]))
        content(Tree(path))
    assert 1 < len(remembered._REMEMBERED) <= remembered._REMEMBER


def test_the_index_of_unpacked_archives_is_not_mixed_up(tmp_path):
    # The inner zips lie at the same place of archives that are equal in all but content.
    trees = {}
    for name in ("one", "two"):
        inner = zip_bytes([(name, b"1")], zipfile.ZIP_STORED)
        middle = zip_bytes([("in.zip", inner)], zipfile.ZIP_STORED)
        path = write(tmp_path, zip_bytes([("mid.zip", middle)]), name)
        trees[name] = Tree(path).nested("mid.zip").nested("in.zip")
    assert [tree.read_member(name) for name, tree in trees.items()] == [b"1", b"1"]


# ------------------------------------------------------------------- against the standard library


NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\\:\0"), min_size=1, max_size=12
).filter(lambda name: name not in (".", ".."))
LAYOUTS = st.dictionaries(
    # Hypothesis also draws texts that stand in the code, such as names of system files.
    st.lists(NAMES, min_size=1, max_size=4).map("/".join).filter(lambda n: not is_system_file(n)),
    st.binary(max_size=1500) | st.integers(0, 20_000).map(bytes),
    max_size=8,
)
_SETTINGS = settings(
    derandomize=True,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)


@_SETTINGS
@given(
    files=LAYOUTS,
    mode=st.sampled_from(list(TARS.values())),
    tar_format=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    folders=st.booleans(),
)
def test_tars_like_tarfile(tmp_path_factory, files, mode, tar_format, folders):
    members = []
    for name, data in files.items():
        if folders and "/" in name:
            members.append((tar_info(name.rpartition("/")[0], type=tarfile.DIRTYPE), b""))
        members.append((name, data))
    path = tmp_path_factory.getbasetemp() / "layout.tar"
    path.write_bytes(tar_bytes(members, mode, tar_format))
    remembered._REMEMBERED.clear()
    if mode == "w" and not members:
        return
    with tarfile.open(path) as tar:
        theirs = [(m.name, tar.extractfile(m).read()) for m in tar if m.isfile()]
    tree = Tree(path)
    assert list(content(tree).items()) == theirs == list(files.items())
    assert tree.index() == {name: len(data) for name, data in files.items()}
    if tree.random_access:
        assert {name: tree.read_member(name) for name in files} == files


@_SETTINGS
@given(
    files=LAYOUTS,
    methods=st.lists(st.sampled_from(list(ZIPS.values())), min_size=8, max_size=8),
    # With the mark of its own end in the comment, `zipfile` takes a zip for none.
    comment=st.binary(max_size=50).filter(lambda comment: b"PK\5\6" not in comment),
)
def test_zips_like_zipfile(tmp_path_factory, files, methods, comment):
    path = tmp_path_factory.getbasetemp() / "layout.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.comment = comment
        for (name, data), method in zip(files.items(), methods, strict=False):
            if "/" in name:
                folder = name.rpartition("/")[0] + "/"
                if folder not in file.NameToInfo:
                    file.writestr(folder, b"")
            file.writestr(name, data, compress_type=method)
    with zipfile.ZipFile(path) as file:
        remembered._REMEMBERED.clear()
        theirs = [(i.filename, file.read(i)) for i in file.infolist() if not i.is_dir()]
    tree = Tree(path)
    assert list(content(tree).items()) == theirs == list(files.items())
    assert tree.index() == {name: len(data) for name, data in files.items()}
    assert {name: tree.read_member(name) for name in files} == files
