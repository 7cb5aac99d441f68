"""What corpora take on the disk, and how it is removed."""

from __future__ import annotations

import json
import threading

import preparing
import pytest

from tfds_extra import cleaning, cli
from tfds_extra.core import locks

_CORPUS, _CONFIG, _OTHER = "free_spoken_digit", "v1.0-miniature", "v1.0.1-miniature"
_URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.tar.gz"


@pytest.fixture
def there(data_dir):
    """Prepared data of two configs, unfinished work, downloads, and what is nobody's business."""
    for config in ("v1.0", "v1.0.1"):
        preparing.prepared(f"{_CORPUS}/{config}", data_dir, miniature=True, num_workers=1)
    downloads = data_dir / "downloads"
    files = {
        data_dir / _CORPUS / _CONFIG / "unfinished.1.0.0" / "journal": b"12345",
        data_dir / _CORPUS / _OTHER / "incomplete.ABC_1.0.0" / "shard": b"123",
        downloads / "a.tar.gz": b"x" * 1000,
        downloads / "a.tar.gz.INFO": json.dumps({"dataset_names": [_CORPUS]}).encode(),
        downloads / "shared.csv": b"shared",
        downloads / "shared.csv.INFO": json.dumps({"dataset_names": [_CORPUS, "fma"]}).encode(),
        downloads / "mnist.gz": b"of TFDS",
        downloads / "mnist.gz.INFO": json.dumps({"dataset_names": ["mnist"]}).encode(),
        downloads / "b.tar.gz.partial": b"x" * 20,
        downloads / "b.tar.gz.partial.json": json.dumps({"url": "https://a.org/?"}).encode(),
        downloads / "yelp_open" / "joined-0123.sqlite": b"rows",
        downloads / "yelp_open" / "seen_first.tsv": b"a pin",
        downloads / "manual" / "mine.tar.gz": b"by hand",
        data_dir / "mnist" / "3.0.1" / "shard": b"of TFDS",
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return files


@pytest.fixture
def clean(data_dir, capsys):
    def run(*options: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return (cli.main(["clean", f"--data_dir={data_dir}", *options]), *capsys.readouterr())

    return run


def all_files(data_dir) -> set[str]:
    return {str(p.relative_to(data_dir)) for p in data_dir.rglob("*") if p.is_file()}


def test_what_is_there(there, clean, data_dir):
    before = all_files(data_dir)
    status, output, _ = clean()
    assert status == 0 and "Nothing was removed." in output
    rows = {line.split("  ")[0]: line for line in output.splitlines() if line[:1].strip()}
    assert "8 bytes" in rows[_CORPUS] and rows[_CORPUS].split()[-1] == "KiB"
    assert "24 bytes" not in rows["yelp_open"] and "4 bytes" in rows["yelp_open"]
    assert "(not known)" in rows and "mnist" not in rows
    prepared = sum(
        p.stat().st_size
        for c in (_CONFIG, _OTHER)
        for p in (data_dir / _CORPUS / c / "1.0.0").iterdir()
    )
    items = cleaning.find(data_dir, data_dir / "downloads")
    assert sum(i.size for i in items if i.kind == cleaning.PREPARED) == prepared
    status, output, _ = clean(f"{_CORPUS}/{_CONFIG}")
    assert f"unfinished: {data_dir / _CORPUS / _CONFIG / 'unfinished.1.0.0'}" in output
    assert _OTHER not in output and "yelp_open" not in output
    assert all_files(data_dir) == before


@pytest.mark.parametrize(
    "options, problem",
    [
        (["--prepared"], "--prepared of which corpora?"),
        (["--unfinished", "--all", "fma"], "not both"),
        (["--downloads", "fma/small"], "Downloads belong to a corpus"),
        (["--prepared", "free_spoken_digits"], "Did you mean 'free_spoken_digit'?"),
    ],
)
def test_what_it_is_not_told_is_not_removed(there, clean, data_dir, options, problem):
    before = all_files(data_dir)
    status, _, errors = clean(*options)
    assert status == 1 and problem in errors and all_files(data_dir) == before


def test_dry_run(there, clean, data_dir):
    before = all_files(data_dir)
    status, output, _ = clean("--all", "--prepared", "--unfinished", "--downloads", "--dry_run")
    lines = output.splitlines()
    assert status == 0 and all_files(data_dir) == before
    assert all(line.startswith("would remove ") for line in lines) and len(lines) == 8
    status, output, _ = clean(_CORPUS, "--downloads", "--dry_run")
    assert status == 1 and "kept, fma uses it, too: " in output


def test_removing(there, clean, data_dir):
    before = all_files(data_dir)
    status, output, _ = clean(f"{_CORPUS}/{_CONFIG}", "--prepared")
    assert status == 0 and output.startswith("removed ") and len(output.splitlines()) == 1
    gone = before - all_files(data_dir)
    folder = f"{_CORPUS}/{_CONFIG}/1.0.0/"
    assert gone == {name for name in before if name.startswith(folder)} and gone
    status, output, _ = clean(_CORPUS, "--downloads")
    assert status == 1 and "kept, fma uses it, too: " in output  # Named, and not as chosen.
    left = all_files(data_dir)
    assert "downloads/a.tar.gz" not in left and "downloads/a.tar.gz.INFO" not in left
    assert {"downloads/shared.csv", "downloads/mnist.gz", "downloads/manual/mine.tar.gz"} <= left
    status, _, _ = clean("--all", "--prepared", "--unfinished", "--downloads")
    assert status == 0
    assert all_files(data_dir) == {
        "downloads/mnist.gz", "downloads/mnist.gz.INFO", "downloads/manual/mine.tar.gz",
        "downloads/yelp_open/seen_first.tsv", "mnist/3.0.1/shard",
    }  # fmt: skip
    assert not (data_dir / _CORPUS).exists()
    assert clean("--all", "--prepared")[1] == "There is nothing of it.\n"


def test_what_another_process_works_on_is_kept(there, clean, data_dir):
    before = all_files(data_dir)
    held, done = threading.Event(), threading.Event()

    def work() -> None:
        with locks.alone(data_dir / _CORPUS / _CONFIG / "1.0.0.lock", lambda seconds: None):
            held.set()
            done.wait(30)

    worker = threading.Thread(target=work)
    worker.start()
    held.wait(30)
    try:
        for options in (["--dry_run"], []):
            status, output, _ = clean(
                f"{_CORPUS}/{_CONFIG}", "--prepared", "--unfinished", *options
            )
            assert status == 1 and output.count("kept, another process works on it: ") == 2
    finally:
        done.set()
        worker.join()
    assert all_files(data_dir) == before
