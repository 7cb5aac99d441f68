"""The `tfds-extra` command, as a user types it."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from matplotlib import image

from tfds_extra import cli, core, registry
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
    header, *rows = output.partition("\n\n")[0].splitlines()
    assert status == 0
    assert header.split() == ["NAME", "WHAT", "KIND", "COUNT", "FETCH", "DISK", "LICENCE"]
    assert [row[3:].split()[0] for row in rows] == list(registry.names())
    assert all(len(line) <= 80 for line in output.splitlines())
    (row,) = [row for row in rows if f" {_NAME} " in row]
    assert row.split() == [
        _NAME, "spoken", "digits", "audio", "3.0k", "15M", "~21M", "CC", "BY-SA", "4.0",
    ]  # fmt: skip
    extra("build", f"{_NAME}/v1.0.8", "--miniature")
    (row,) = [r for r in extra("list")[1].splitlines() if f" {_NAME} " in r]
    assert row.startswith("*  ")


def test_list_imports_no_tensorflow():
    script = "import sys; from tfds_extra import cli; cli.main(['list']); cli.main(['info', 'fma'])"
    script += "; print({'tensorflow', 'apache_beam', 'pandas', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()", done.stderr


def test_list_says_what_comes_by_hand(extra, monkeypatch):
    cls = registry.builder_cls(_NAME)
    by_hand = core.Archive(core.ManualFile("a.zip", "https://example.org/form"))
    assert "\n h free_spoken_digit" not in extra("list")[1]
    files = cls.published_files
    monkeypatch.setattr(cls, "published_files", lambda self: {**files(self), "by_hand": by_hand})
    monkeypatch.setattr(cls, "url_infos", {})
    assert "\n h free_spoken_digit" in extra("list")[1]


def test_info(extra):
    status, output, _ = extra("info", f"{_NAME}/v1.0.8")
    assert status == 0
    assert "Folds: 8, as published" in extra("info", "ballroom/dedup")[1]
    assert "Folds:" not in output
    for part in (
        f"{_NAME}/v1.0.8/1.0.0: spoken digits (audio, speech)",
        "Examples: train 1,350, test 150",
        "Licence: CC BY-SA 4.0",
        "Other names: fsdd",
        "Prepared: no",
        "Disk: about 10.44 MiB",
        "Download: 6.49 MiB",
        "  free-spoken-digit-dataset-1.0.8.tar.gz  6.49 MiB  to fetch  https://",
        "as_supervised: (audio, label)",
        "  v1.0.9: 2,500 recordings of five speakers. train 2,250, test 250.",
        "  label (10): 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "  audio  Audio int16 (None,)",
        "@misc{",
    ):
        assert part in output
    for name, feature in registry.builder_cls(_NAME)().info.features.items():
        assert any(line.split()[:1] == [name] for line in output.splitlines())
        assert feature.doc.desc in " ".join(output.split())
    extra("build", f"{_NAME}/v1.0.7", "--miniature")
    assert "Prepared as well: v1.0.7-miniature" in extra("info", _NAME)[1]


def test_info_of_many_configs_and_classes(extra):
    output = extra("info", "fashion_mnist_corrupted")[1]
    assert "shot_noise_1..5" in output and "shot_noise_2" not in output
    listed = output.partition("Configs:")[2].partition("Classes:")[0]
    assert len(listed.splitlines()) < 16
    listed = extra("info", "librispeech_extended")[1].partition("Configs:")[2]
    assert "\n  clean_100: 100 hours of clean speech" in listed
    assert "\n  with the same splits: mini_pcm, mini_aligned," in listed
    assert listed.count("28,539") == 4  # Of 112 configs, 14 have splits of their own.
    classes = extra("info", "fma")[1].partition("Classes:")[2].partition("Features:")[0]
    (genres,) = [line for line in classes.splitlines() if line.startswith("  genres (")]
    assert genres.endswith(", ...") and len(genres) <= 80
    assert "\n  genre_top (16): International, Blues, Jazz, Classical, ...\n" in classes


def test_build_default_config_only(extra, data_dir):
    assert extra("build", _NAME, "--miniature")[0] == 0
    configs = [p.name for p in (data_dir / _NAME).iterdir() if not p.name.startswith(".")]
    assert configs == ["v1.0.10-miniature"]


def test_build_says_what_it_does_and_no_more(data_dir):
    """In a process of its own, since libraries warn when they are imported, and once."""
    command = [sys.executable, "-m", "tfds_extra", "build", _NAME, "--miniature"]
    command.append(f"--data_dir={data_dir}")
    environment = {**os.environ, "TFDS_DISABLE_PROGRESS_BAR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    folder = data_dir / _NAME / "v1.0.10-miniature" / "1.0.0"
    name = f"{_NAME}/v1.0.10-miniature/1.0.0"
    first, *_, last = done.stdout.strip().splitlines()
    size = tfds.builder(f"{_NAME}/v1.0.10", data_dir=data_dir, miniature=True).info.dataset_size
    assert first.startswith(f"Preparing {name} from the miniature that comes along (")
    assert first.endswith(f", in {folder}")
    assert last == f"{name}: train 60, test 60 examples, {size}"
    for alarming in ("WARNING", "Unknown", "apitools", "deprecated", "DatasetInfo(", "Dl Size"):
        assert alarming not in done.stdout + done.stderr
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.stderr == ""
    assert again.stdout.splitlines()[0] == f"{name} is prepared already, in {folder}"


def test_sizes_are_said_before_a_corpus_is_fetched(data_dir, capsys):
    tfds.builder(f"{_NAME}/v1.0.8", data_dir=data_dir)._log_download_bytes()
    printed = capsys.readouterr().out
    assert "from 6.49 MiB of published files, which takes about 10.44 MiB, in " in printed


@pytest.mark.slow
def test_load_warns_of_nothing(data_dir):
    script = """
import sys
import tensorflow_datasets as tfds
import tfds_extra
kwargs = {"miniature": True}
ds = tfds.load("free_spoken_digit", split="train", data_dir=sys.argv[1], builder_kwargs=kwargs)
list(ds.as_numpy_iterator())
ds = tfds.load("cifar10_extended", split="test", data_dir=sys.argv[1], builder_kwargs=kwargs)
list(ds.as_numpy_iterator())
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(data_dir)], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "WARNING:absl" not in done.stderr and "deprecated" not in done.stderr
    assert "Dl Size" not in done.stderr and "Unknown size" not in done.stdout


def test_build_several_with_options_of_tfds(extra, data_dir):
    status, _, _ = extra(
        "build", f"{_NAME}/v1.0.8", f"{_NAME}/v1.0.9:1.0.0", "--miniature",
        "--file_format=array_record",
    )  # fmt: skip
    assert status == 0
    for config in ("v1.0.8", "v1.0.9"):
        builder = tfds.builder(f"{_NAME}/{config}", data_dir=data_dir, miniature=True)
        assert builder.is_prepared() and builder.info.file_format.value == "array_record"


def test_arguments_in_the_name_of_a_corpus(extra, data_dir):
    assert extra("build", f"{_NAME}/miniature=True,num_workers=1")[0] == 0
    assert extra("build", f"{_NAME}:1.0.0", "--miniature", "--config=v1.0.8")[0] == 0
    assert extra("build", f"{_NAME}/v1.0.7:1.0.0/num_workers=1", "--miniature")[0] == 0
    assert extra("validate", f"{_NAME}/v1.0.7-miniature/1.0.0")[0] == 0  # As it is printed.
    found = sorted(path.name for path in (data_dir / _NAME).glob("v*"))
    assert found == ["v1.0.10-miniature", "v1.0.7-miniature", "v1.0.8-miniature"]


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
    for module, name in ((pool, "_Worker"), (engines, "prepare_on_beam")):
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
    assert calls == [{"workers": "_Worker", "beam": "prepare_on_beam"}[engine]]


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
    "written, meant",
    [
        ("free_spoken_digits", _NAME),
        ("mnits/config", "qmnist"),
        ("urban_sounds:1.0.0", "urban_sound_8k"),
        ("nothing_like_it", None),
    ],
)
@pytest.mark.parametrize("command", ["info", "build", "show", "validate", "fetch"])
def test_misspelt_corpus(extra, command, written, meant):
    status, _, errors = extra(command, written)
    name = written.partition("/")[0].partition(":")[0]
    question = f" Did you mean {meant!r}?" if meant else ""
    assert status == 1
    assert f"no corpus {name!r}.{question} `tfds-extra list` shows them all." in errors


@pytest.mark.parametrize(
    "written, name",
    [("fsdd", _NAME), ("UrbanSound8K", "urban_sound_8k"), ("urbansound8k", "urban_sound_8k")],
)
def test_other_names(extra, written, name):
    status, output, errors = extra("info", written)
    assert status == 0 and output.startswith(f"{name}/")
    assert errors == f"tfds-extra: {written} is called {name} here\n"
    assert extra("validate", f"{written}/miniature=True")[2].count("is called") == 1


def test_other_name_with_config_is_built(extra, data_dir):
    assert extra("build", "FSDD/v1.0.8", "--miniature")[0] == 0
    assert (data_dir / _NAME / "v1.0.8-miniature" / "1.0.0" / "dataset_info.json").exists()


@pytest.mark.parametrize(
    "corpus, message",
    [
        (f"{_NAME}/v1.0.99", "has no config 'v1.0.99'. Did you mean 'v1.0.9'?"),
        (f"{_NAME}/v1.0.9-minature", "Did you mean 'v1.0.9-miniature'?"),
        (f"{_NAME}/v1.0.9-part", "Did you mean 'v1.0.9-partial'?"),
        (f"{_NAME}/miniature=yes", "miniature is True or False, not 'yes'."),
        (f"{_NAME}/minature=True", "has no argument 'minature'. Did you mean 'miniature'?"),
        ("qmnist/x", "qmnist has no config 'x'. There are: qmnist, qmnist_mnist, nist."),
        ("fashion_mnist_corrupted/x", "motion_blur, shear, scale, rotate, brightness, translate"),
        (f"{_NAME}:2.0.0", f"{_NAME} has no version 2.0.0. There is: 1.0.0."),
        (f"{_NAME}:new", f"'{_NAME}:new' is not written NAME[/CONFIG][:VERSION]"),
        (f"{_NAME}/v1.0.8/x/1.0.0", f"'{_NAME}/v1.0.8/x/1.0.0' is not written NAME[/CONFIG]"),
    ],
)
def test_wrong_config_or_argument(extra, corpus, message):
    for command in ("info", "build"):
        status, _, errors = extra(command, corpus)
        assert status == 1 and message in errors


def test_bad_usage(capsys):
    wrong = ([], ["frobnicate"], ["build"], ["info", _NAME, "--miniature", "--partial"])
    for arguments in wrong:
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        assert stopped.value.code == 2
    errors = capsys.readouterr().err
    assert "not allowed with argument" in errors and "build: error: which corpus?" in errors


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
    rows = {row.split()[0]: row for row in extra("list")[1].splitlines() if row}
    assert " ~1.4G " in rows["ballroom"] and " 7.5G " in rows["fma"]


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


def test_show_prepares_from_manual_dir(extra, tmp_path):
    folder = registry.builder_cls(_NAME).miniature_dir()
    arguments = ("show", f"{_NAME}/v1.0.8", "--miniature", f"--output={tmp_path / 'a.png'}")
    assert extra(*arguments, f"--manual_dir={folder}")[0] == 0
    assert (tmp_path / "a.png").exists()
    # The corpus itself, of which nothing is there: what to bring, and where to.
    (tmp_path / "manual" / _ROOT / "recordings").mkdir(parents=True)
    status, _, errors = extra(
        "show", f"{_NAME}/v1.0.8", "--partial", f"--manual_dir={tmp_path / 'manual'}"
    )
    assert status == 1 and "not a single example" in errors


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_show_random_and_as_text(extra, file_format):
    extra("build", _NAME, "--miniature", f"--file_format={file_format}")
    arguments = ("show", _NAME, "--miniature", "--split=train[10:40]", "--text")

    def shown(*options: str) -> list[str]:
        status, output, errors = extra(*arguments, *options)
        assert status == 0, errors
        assert all(len(line) <= 80 for line in output.splitlines())
        title, *lines = output.splitlines()
        assert title.startswith(f"{_NAME}/v1.0.10-miniature/1.0.0, train[10:40]")
        return [line for line in lines if line.startswith("audio/filename: ")]

    everything = shown("--number=100")
    assert len(everything) == len(set(everything)) == 30
    assert shown() == everything[:6] and shown("--number=2") == everything[:2]
    chosen = [shown("--random", f"--seed={seed}") for seed in range(4)]
    assert all(len(set(some)) == 6 and set(some) <= set(everything) for some in chosen)
    assert len(set(map(tuple, chosen))) > 1 and shown("--random", "--seed=2") == chosen[2]
    assert sorted(shown("--random", "--number=99")) == sorted(everything)
    # Without a seed, the title has the one that was taken.
    title, *lines = extra(*arguments, "--random")[1].splitlines()
    names = [line for line in lines if line.startswith("audio/filename: ")]
    assert shown("--random", title.rpartition(" ")[2]) == names
    text = extra(*arguments)[1]
    assert "\naudio: " in text and " samples, 0.0" in text and " s at 8,000 Hz\n" in text
    assert extra(*arguments, "--seed=1")[2] == "tfds-extra: --seed goes with --random.\n"
    assert "from 1, not 0" in extra(*arguments, "--number=0")[2]
    assert "leave --output out" in extra(*arguments, "--output=x.png")[2]


def test_show_names_the_splits(extra, tmp_path):
    extra("build", _NAME, "--miniature")
    status, _, errors = extra("show", _NAME, "--miniature", "--split=tran")
    assert status == 1 and "Unknown split 'tran'. Should be one of [" in errors


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
