"""The `tfds-extra` command, as a user types it."""

from __future__ import annotations

import functools
import json
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from matplotlib import image

from tfds_extra import cli, registry
from tfds_extra.core import engines
from tfds_extra.core.downloads import transfer
from tfds_extra.core.engines import pool

_NAME = "free_spoken_digit"
_ROOT = "free-spoken-digit-dataset-1.0.8"


@pytest.fixture
def extra(data_dir, capsys):
    """Runs the command with a data folder of its own; returns status, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = cli.main([*arguments, f"--data_dir={data_dir}"])
        return (status, *capsys.readouterr())

    return run


def test_list(extra):
    status, output, _ = extra("list")
    header, *rows = output.splitlines()
    assert status == 0
    assert header.split() == ["NAME", "DOWNLOAD", "LICENCE", "MANUAL?", "PREPARED?"]
    rows = {row.split("  ")[0]: row for row in rows}
    assert list(rows) == list(registry.names())
    row = rows[_NAME]
    assert "14.88 MiB" in row and "CC BY-SA 4.0" in row and row.endswith("no")
    extra("build", f"{_NAME}/v1.0.8", "--miniature")
    (row,) = [r for r in extra("list")[1].splitlines() if r.startswith(f"{_NAME} ")]
    assert row.endswith("v1.0.8-miniature")


def test_info(extra):
    status, output, _ = extra("info", f"{_NAME}/v1.0.8")
    assert status == 0
    for part in (
        f"{_NAME}/v1.0.8/1.0.0",
        "Examples: train 1,350, test 150",
        "Licence: CC BY-SA 4.0",
        "Prepared: no",
        "Download: 6.49 MiB",
        "@misc{",
    ):
        assert part in output
    for name, feature in registry.builder_cls(_NAME)().info.features.items():
        (line,) = [l for l in output.splitlines() if l.split()[:1] == [name]]
        assert feature.doc.desc in line
    assert all(c.description in output for c in registry.builder_cls(_NAME).BUILDER_CONFIGS)


def test_build_default_config_only(extra, data_dir):
    assert extra("build", _NAME, "--miniature")[0] == 0
    configs = [p.name for p in (data_dir / _NAME).iterdir() if not p.name.startswith(".")]
    assert configs == ["v1.0.10-miniature"]


def test_build_several_with_options_of_tfds(extra, data_dir):
    status, _, _ = extra(
        "build", f"{_NAME}/v1.0.8", f"{_NAME}/v1.0.9:1.0.0", "--miniature",
        "--file_format=array_record",
    )  # fmt: skip
    assert status == 0
    for config in ("v1.0.8", "v1.0.9"):
        builder = tfds.builder(f"{_NAME}/{config}", data_dir=data_dir, miniature=True)
        assert builder.is_prepared() and builder.info.file_format.value == "array_record"


def test_build_all_configs_and_config_option(extra, data_dir):
    assert extra("build", _NAME, "--miniature", "--config=v1.0.7")[0] == 0
    assert [p.name for p in (data_dir / _NAME).glob("v*")] == ["v1.0.7-miniature"]
    assert extra("build", _NAME, "--miniature", "--all_configs")[0] == 0
    assert len(list((data_dir / _NAME).glob("v*-miniature/1.0.0/dataset_info.json"))) == 11


@pytest.mark.parametrize(
    "option, engine", [("--num_workers=2", "workers"), ("--beam_pipeline_options=", "beam")]
)
def test_engine_is_chosen_on_the_command_line(extra, data_dir, monkeypatch, option, engine):
    """Serial, workers and Beam leave the same files; each option chooses its engine."""
    calls = []
    for module, name in ((pool, "Pool"), (engines, "prepare_on_beam")):
        function = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, f=function, n=name, **k: calls.append(n) or f(*a, **k)
        )
    folder = data_dir / _NAME / "v1.0.8-miniature" / "1.0.0"

    def build(*options):
        assert extra("build", f"{_NAME}/v1.0.8", "--miniature", "--overwrite", *options)[0] == 0
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    serial = build("--num_workers=1")
    assert calls == []
    if engine == "beam":
        option += "direct_running_mode=in_memory,direct_num_workers=1"
    assert build(option) == serial
    assert calls == [{"workers": "Pool", "beam": "prepare_on_beam"}[engine]]


@pytest.mark.slow
def test_tfds_build_on_beam(data_dir):
    """The standard command, as a user types it."""
    command = [
        sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build",
        f"{_NAME}/v1.0.8-miniature", "--imports=tfds_extra", f"--data_dir={data_dir}",
        "--beam_pipeline_options=direct_running_mode=multi_processing,direct_num_workers=2",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    folder = data_dir / _NAME / "v1.0.8-miniature" / "1.0.0"
    metadata = json.loads((folder / "metadata.json").read_text())
    serial = tfds.builder(f"{_NAME}/v1.0.8", data_dir=data_dir / "serial", miniature=True)
    serial.download_and_prepare()
    assert metadata == serial.info.metadata


def test_build_partial(extra, data_dir, tmp_path):
    """Recordings whose digests are known can only be real ones; without any, there is no part."""
    (tmp_path / "manual" / _ROOT / "recordings").mkdir(parents=True)
    status, _, errors = extra(
        "build", f"{_NAME}/v1.0.8", "--partial", f"--manual_dir={tmp_path / 'manual'}"
    )
    assert status == 1
    assert errors.splitlines()[-1].startswith(
        f"tfds-extra: {_NAME}/v1.0.8-partial/1.0.0: not a single example"
    )


def test_build_help_shows_both_kinds_of_options(extra, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["build", "--help"])
    assert stopped.value.code == 0
    output = capsys.readouterr().out
    assert "--miniature" in output and "--max_examples_per_split" in output


@pytest.mark.parametrize(
    "command", [["info", "mnits"], ["build", "mnits"], ["show", "mnits"], ["validate", "mnist"]]
)
def test_unknown_corpus(extra, command):
    status, _, errors = extra(*command)
    assert status == 1
    assert f"no corpus '{command[1]}'; `tfds-extra list` shows them all" in errors


def test_bad_usage(capsys):
    for arguments in ([], ["frobnicate"], ["info", _NAME, "--miniature", "--partial"]):
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        assert stopped.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err


def test_fetch_says_what_it_would_do(extra, tmp_path):
    status, output, _ = extra("fetch", f"{_NAME}/v1.0.8", "--dry-run", f"--manual_dir={tmp_path}")
    assert status == 0
    row = next(line for line in output.splitlines() if line.startswith("free-spoken-digit"))
    assert row.split("  ")[:3] == ["free-spoken-digit-dataset-1.0.8.tar.gz", "6.49 MiB", "to fetch"]
    assert "To download: 6.49 MiB. Free disk: " in output
    (tmp_path / _ROOT).mkdir()
    output = extra("fetch", f"{_NAME}/v1.0.8", "--dry-run", f"--manual_dir={tmp_path}")[1]
    assert f"{tmp_path / _ROOT}: used as it is" in output and "To download: 0 bytes." in output


def test_sizes_that_nobody_states_exactly(extra):
    status, output, _ = extra("fetch", "fma/full", "--dry-run")
    assert status == 0 and "To download: about 879.33 GiB. Free disk: " in output
    assert "fma_full.zip      about 879.00 GiB  to fetch" in output
    assert "Download: about 879.33 GiB" in extra("info", "fma/full")[1]
    rows = {row.split("  ")[0]: row for row in extra("list")[1].splitlines()}
    assert "  about 1.35 GiB  " in rows["ballroom"] and "  7.49 GiB  " in rows["fma"]


def test_fetch_what_is_there(extra, data_dir):
    status, output, _ = extra("fetch", f"{_NAME}/v1.0.8", "--miniature")
    archive = registry.builder_cls(_NAME).miniature_dir() / "free-spoken-digit-dataset-1.0.8.tar.gz"
    assert status == 0 and f"free-spoken-digit-dataset-1.0.8.tar.gz: {archive}" in output
    assert not list(data_dir.rglob("dataset_info.json"))


@pytest.mark.parametrize("command", [["fetch"], ["build", "--download_only"], ["build"]])
def test_without_network(extra, monkeypatch, data_dir, command):
    """One clear error: what to bring, and where to put it."""

    def refuse(*args, **kwargs):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    impatient = functools.partial(transfer.Policy, backoff=0.01)
    monkeypatch.setattr(transfer, "Policy", impatient)
    status, _, errors = extra(command[0], f"{_NAME}/v1.0.8", *command[1:])
    assert status == 1
    for part in (
        "tfds-extra: free-spoken-digit-dataset-1.0.8.tar.gz: cannot be downloaded",
        f"Put into {data_dir / 'downloads' / 'manual'}",
        "09f9fe40c1589dc6e1d1170a261c0c83339b55a58077873f522dd0a669c4a9f2",
        _ROOT,
    ):
        assert part in errors
    assert not list(data_dir.rglob("dataset_info.json"))


def test_show(extra, tmp_path):
    extra("build", _NAME, "--miniature")
    output = tmp_path / "picture.png"
    arguments = ("show", _NAME, "--miniature", "--number=3", f"--output={output}")
    status, printed, _ = extra(*arguments, "--split=test")
    assert (status, printed.strip()) == (0, str(output))
    picture = image.imread(output)
    assert picture.shape[1] == 1200
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 100
    test = picture.copy()
    extra(*arguments)
    assert not np.array_equal(image.imread(output), test)


def test_show_what_is_not_prepared(extra):
    status, _, errors = extra("show", f"{_NAME}/v1.0.8", "--miniature")
    assert status == 1
    assert f"First run: tfds-extra build {_NAME}/v1.0.8 --miniature" in errors


class TestValidate:
    def test_nothing_there(self, extra):
        status, output, _ = extra("validate", f"{_NAME}/v1.0.8")
        assert status == 1
        assert "not prepared" in output and "Nothing of it is prepared here." in output
        assert "free-spoken-digit-dataset-1.0.8.tar.gz: not here" in output

    def test_miniature(self, extra):
        extra("build", f"{_NAME}/v1.0.8", "--miniature")
        status, output, _ = extra("validate", f"{_NAME}/v1.0.8", "--miniature")
        assert status == 0
        marks = [line.split()[0] for line in output.splitlines()[1:]]
        assert marks == ["ok", "ok", "ok"]
        assert "(9 examples)" in output

    @pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
    def test_prepared_file_altered(self, extra, data_dir, file_format):
        extra("build", f"{_NAME}/v1.0.8", "--miniature", f"--file_format={file_format}")
        (shard,) = data_dir.rglob(f"*train.{file_format}*")
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
        status, output, _ = extra("validate", f"{_NAME}/v1.0.8", "--miniature")
        assert status == 1
        wrong = [line for line in output.splitlines() if line.startswith("  WRONG")]
        assert len(wrong) == 1 and " train: " in wrong[0] and shard.name in wrong[0]

    def test_prepared_file_short_or_foreign(self, extra, data_dir):
        for config in ("v1.0.8", "v1.0.7"):
            extra("build", f"{_NAME}/{config}", "--miniature")
        old, new = (next(data_dir.glob(f"*/{c}-*/*/*train*")) for c in ("v1.0.7", "v1.0.8"))
        whole = new.read_bytes()
        new.write_bytes(whole[:-100])
        assert (
            "cannot be read after 8 examples"
            in extra("validate", f"{_NAME}/v1.0.8", "--miniature")[1]
        )
        new.write_bytes(old.read_bytes())
        assert (
            "altered: its records are not" in extra("validate", f"{_NAME}/v1.0.8", "--miniature")[1]
        )
        length = int.from_bytes(whole[:8], "little") + 16
        new.write_bytes(whole[length:])
        assert (
            "8 examples, 9 were prepared" in extra("validate", f"{_NAME}/v1.0.8", "--miniature")[1]
        )

    def test_archive(self, extra, tmp_path):
        archive = tmp_path / "free-spoken-digit-dataset-1.0.8.tar.gz"
        manual = f"--manual_dir={tmp_path}"
        archive.write_bytes(b"short")
        status, output, _ = extra("validate", f"{_NAME}/v1.0.8", manual)
        assert status == 1 and f"{archive}: short: 5 bytes of 6,808,749" in output
        archive.write_bytes(bytes(6_808_749))
        assert f"{archive}: altered" in extra("validate", f"{_NAME}/v1.0.8", manual)[1]
        archive.write_bytes(bytes(6_808_750))
        assert f"{archive}: too long" in extra("validate", f"{_NAME}/v1.0.8", manual)[1]

    def test_extracted_folder(self, extra, tmp_path):
        recordings = tmp_path / _ROOT / "recordings"
        recordings.mkdir(parents=True)
        (recordings / "0_theo_0.wav").write_bytes(b"other")
        status, output, _ = extra("validate", f"{_NAME}/v1.0.8", f"--manual_dir={tmp_path}")
        assert status == 1
        assert f"{recordings / '0_theo_0.wav'}: altered" in output
        assert output.count(": missing\n") == 1499

    def test_real_folder(self, extra, shared):
        partial = shared / "real" / _NAME / "partial_1.0.6"
        status, output, _ = extra("validate", f"{_NAME}/v1.0.6", f"--manual_dir={partial}")
        assert status == 1
        assert output.count(": missing\n") == 2000 - 15 and "altered" not in output

    def test_all_configs(self, extra):
        extra("build", f"{_NAME}/v1.0.8", "--miniature")
        status, output, _ = extra("validate", _NAME, "--miniature")
        assert status == 0 and output.count("not prepared") == 10


def test_metadata_says_what_was_prepared(extra, data_dir):
    extra("build", f"{_NAME}/v1.0.8", "--miniature")
    folder = data_dir / _NAME / "v1.0.8-miniature" / "1.0.0"
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["variant"] == "miniature"
    assert metadata["missing"] == {"train": 0, "test": 0}
    assert all(len(digest) == 64 for digest in metadata["order_digest"].values())
    info = json.loads((folder / "dataset_info.json").read_text())
    assert info["configName"] == "v1.0.8-miniature" and "MINIATURE" in info["description"]
