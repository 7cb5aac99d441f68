"""Prepared data that is not whole: named, never read, and prepared anew when asked for."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
import tensorflow_datasets as tfds

from tfds_extra import cli, core

_NAME = "free_spoken_digit"
_CONFIG = f"{_NAME}/v1.0.8"


@pytest.fixture
def folder(data_dir) -> pathlib.Path:
    """Of the prepared miniature."""
    builder(data_dir).download_and_prepare()
    return pathlib.Path(builder(data_dir).data_dir)


def builder(data_dir, **kwargs):
    return tfds.builder(_CONFIG, data_dir=data_dir, miniature=True, **kwargs)


def edit(path: pathlib.Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def reversed_lines(path: pathlib.Path) -> None:
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))


def shorter_shard(info):
    info["splits"][0]["shardLengths"] = ["8"]


def other_file_names(info):
    info["splits"][0]["filepathTemplate"] = "{DATASET}.{SPLIT}"


def hostile(features):
    content = features["featuresDict"]["features"]["audio"]
    content["pythonClassName"] = "antigravity.Feature"


# What is done to which file, and what is said of it.
_DAMAGE = {
    f"{how} {file}": (file, damage, said)
    for file in ("metadata.json", "dataset_info.json", "features.json", "label.labels.txt")
    for how, damage, said in (
        ("no", pathlib.Path.unlink, "is missing"),
        ("empty", lambda path: path.write_text(""), ""),
        ("garbage in", lambda path: path.write_bytes(b"\xff{[\x00"), ""),
        ("a list in", lambda path: path.write_text("[]"), ""),
    )
} | {
    "edited shard length": (
        "dataset_info.json",
        lambda path: edit(path, shorter_shard),
        "8 examples in split train, and 0 missing ones",
    ),
    "unknown file format": (
        "dataset_info.json",
        lambda path: edit(path, lambda info: info.update(alternativeFileFormats=[["rubbish"]])),
        "no file format is called ['rubbish']",
    ),
    "other file names": ("dataset_info.json", lambda p: edit(p, other_file_names), "{SPLIT}"),
    "other version": (
        "dataset_info.json",
        lambda path: edit(path, lambda info: info.update(version="9.0.0")),
        "'9.0.0'",
    ),
    "no digests": (
        "metadata.json",
        lambda path: edit(path, lambda metadata: metadata.pop("order_digest")),
        "order_digest",
    ),
    "other variant": (
        "metadata.json",
        lambda path: edit(path, lambda metadata: metadata.update(variant="complete")),
        "'complete'",
    ),
    "reversed names": ("label.labels.txt", reversed_lines, "not the names of this version"),
    "a feature less": (
        "features.json",
        lambda path: edit(path, lambda f: f["featuresDict"]["features"].pop("accent")),
        "not the features of this version",
    ),
    "a class of somebody else": ("features.json", lambda p: edit(p, hostile), "antigravity"),
    "no shard": (f"{_NAME}-train.tfrecord-00000-of-00001", pathlib.Path.unlink, "is missing"),
}


@pytest.mark.parametrize("what", _DAMAGE)
def test_what_is_not_whole_is_named_and_prepared_anew(folder, data_dir, capfd, what):
    file, damage, said = _DAMAGE[what]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(folder / file)

    damaged = builder(data_dir)
    assert not damaged.is_prepared()
    for read in (
        damaged.download_and_prepare,
        lambda: damaged.as_dataset(split="train"),
        lambda: damaged.as_data_source("train"),
        lambda: tfds.load(
            _CONFIG, data_dir=data_dir, builder_kwargs={"miniature": True}, download=False
        ),
    ):
        with pytest.raises(core.CorpusError, match="--overwrite") as caught:
            read()
        assert str(folder) in str(caught.value) and file in str(caught.value)
        assert said in str(caught.value)

    for corpus in ([_CONFIG, "--miniature"], []):  # All that is prepared here, if none is named.
        capfd.readouterr()
        assert cli.main(["validate", *corpus, f"--data_dir={data_dir}"]) == 1
        printed = capfd.readouterr()
        (wrong,) = [line for line in printed.out.splitlines() if line.startswith("  WRONG")]
        assert str(folder) in wrong and file in wrong and said in wrong
        assert "Traceback" not in printed.err

    assert cli.main(["build", _CONFIG, "--miniature", f"--data_dir={data_dir}"]) == 1
    overwrite = ["build", _CONFIG, "--miniature", "--overwrite", f"--data_dir={data_dir}"]
    assert cli.main(overwrite) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert cli.main(["validate", f"--data_dir={data_dir}"]) == 0


def test_edited_lengths_of_shards(data_dir, capsys):
    config = tfds.download.DownloadConfig(num_shards=2)
    builder(data_dir).download_and_prepare(download_config=config)
    folder = pathlib.Path(builder(data_dir).data_dir)

    def move_one(info):
        first, second = info["splits"][0]["shardLengths"]
        info["splits"][0]["shardLengths"] = [str(int(first) - 1), str(int(second) + 1)]

    edit(folder / "dataset_info.json", move_one)
    assert cli.main(["validate", _CONFIG, "--miniature", f"--data_dir={data_dir}"]) == 1
    assert "the lengths of its shards are others" in capsys.readouterr().out


def test_empty_folder_of_a_version(data_dir):
    folder = pathlib.Path(builder(data_dir).data_dir)
    folder.mkdir(parents=True)
    assert not builder(data_dir).is_prepared()
    tfds.load(_CONFIG, data_dir=data_dir, builder_kwargs={"miniature": True})
    assert builder(data_dir).is_prepared()


def test_duplicates_are_not_ignored(data_dir, tmp_path):
    """The number of examples is checked all the same, and what is missing is written down."""
    config = tfds.download.DownloadConfig(ignore_duplicates=True)
    builder(data_dir).download_and_prepare(download_config=config)
    plain = builder(tmp_path / "plain")
    plain.download_and_prepare()
    assert builder(data_dir).info.metadata == plain.info.metadata


def test_in_a_bucket(data_dir, monkeypatch):
    """TFDS writes there by itself; the counts are checked, and the metadata is written."""
    from tfds_extra.core.builders import preparing

    monkeypatch.setattr(preparing, "_is_local", lambda folder: False)
    builder(data_dir).download_and_prepare()
    monkeypatch.undo()
    metadata = builder(data_dir).info.metadata
    assert metadata["variant"] == "miniature" and metadata["missing"] == {"train": 0, "test": 0}
    assert cli.main(["validate", _CONFIG, "--miniature", f"--data_dir={data_dir}"]) == 0


def test_validate_says_that_nothing_is_prepared(data_dir, capsys):
    assert cli.main(["validate", f"--data_dir={data_dir}"]) == 1
    assert "Nothing is prepared here" in capsys.readouterr().out


# ------------------------------------------------------------------------------------ folders


def test_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert builder("~/a").data_dir.startswith(str(tmp_path / "a"))
    tfds.load(_CONFIG, data_dir="~/a", builder_kwargs={"miniature": True})
    assert cli.main(["build", _CONFIG, "--miniature", "--data_dir=~/b"]) == 0
    show = ["show", _CONFIG, "--miniature", "--data_dir=~/b", "--output=~/picture.png"]
    assert cli.main(show) == 0
    config = tfds.download.DownloadConfig(manual_dir="~/m", extract_dir="~/e")
    (tmp_path / "m").mkdir()
    corpus = tfds.builder(_CONFIG, data_dir="~/a")
    corpus._make_download_manager("~/d", config)
    assert corpus._manual_dir == tmp_path / "m"
    made = {path.name for path in tmp_path.iterdir()}
    assert {"a", "b", "m", "picture.png"} <= made and "~" not in made


def test_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    data_dir = tmp_path / "file" / "data"
    with pytest.raises(core.CorpusError, match="cannot be made .*Choose another data_dir"):
        builder(data_dir).download_and_prepare()


def test_picture_that_cannot_be_written(folder, data_dir, tmp_path, capsys):
    arguments = ["show", _CONFIG, "--miniature", f"--data_dir={data_dir}"]
    assert cli.main([*arguments, f"--output={tmp_path / 'none' / 'x.png'}"]) == 1
    assert "Choose --output" in capsys.readouterr().err


# --------------------------------------------------------------------------------- the command


def test_version(capsys):
    import tfds_extra

    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"tfds_extra {tfds_extra.__version__}\n"


def test_control_c(monkeypatch, data_dir, capsys):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    cls = type(builder(data_dir))
    monkeypatch.setattr(cls, "_split_generators", stopped)
    status = cli.main(["build", _CONFIG, "--miniature", f"--data_dir={data_dir}"])
    errors = capsys.readouterr().err
    assert status == 130
    assert errors.endswith("tfds-extra: stopped. The same command goes on from here.\n")
    assert "Traceback" not in errors


@pytest.mark.slow
def test_broken_pipe(data_dir, repository):
    command = f"{sys.executable} -m tfds_extra list --data_dir={data_dir} | true"
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment)
    assert "BrokenPipe" not in done.stderr and "Traceback" not in done.stderr
