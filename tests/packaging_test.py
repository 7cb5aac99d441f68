"""The package as users get it: sdist and wheel, installed where nothing else is."""

from __future__ import annotations

import email
import importlib.metadata
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap
import zipfile

import pytest
from readme_renderer import markdown

import tfds_extra
from tfds_extra import registry

_MAIN_JOB = """
    import pathlib, sys
    import tensorflow_datasets as tfds
    import tfds_extra

    checkout = pathlib.Path(sys.argv[1])
    assert not pathlib.Path(tfds_extra.__file__).is_relative_to(checkout), tfds_extra.__file__
    ds, info = tfds.load(
        "free_spoken_digit", split="train", as_supervised=True, with_info=True,
        data_dir=sys.argv[2], builder_kwargs={"miniature": True},
    )
    audio, label = next(iter(ds))
    assert audio.dtype.name == "int16" and audio.shape[0] > 200, audio
    assert info.splits["train"].num_examples == 60
    assert "free_spoken_digit" in tfds.list_builders()
    assert len(tfds.builder_cls("free_spoken_digit").url_infos) == 11
"""


@pytest.fixture(scope="module")
def distributions(repository, tmp_path_factory) -> pathlib.Path:
    """Folder with the sdist and the wheel that is built from it."""
    if not (repository / "setup.cfg").exists():
        pytest.skip("no checkout to build from")
    folder = tmp_path_factory.mktemp("distributions")
    # A copy: building leaves files behind.
    source = folder / "source"
    leave_out = shutil.ignore_patterns(
        ".git", ".venv*", "build", "dist", "*.egg-info", "__pycache__"
    )
    shutil.copytree(repository, source, ignore=leave_out)
    run(sys.executable, "-m", "build", "--outdir", str(folder), str(source))
    return folder


def run(*command: str, cwd: pathlib.Path | None = None) -> str:
    """Output of a command, which must succeed."""
    hidden = "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    # pip compiles nothing (its option no-compile wants a "no" for that): what is imported is
    # compiled then, and that is a small part of what is installed.
    environment["PIP_NO_COMPILE"] = "no"
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def expected_files(repository: pathlib.Path) -> set[str]:
    """What users need, as it is called inside the installed package."""
    files = {"tfds_extra/py.typed", "tfds_extra/cli.py"}
    for name in registry.names():
        files.add(f"tfds_extra/checksums/{name}.tsv")
        folder = repository / "tfds_extra" / "datasets" / name
        files |= {f"tfds_extra/datasets/{name}/{p.name}" for p in folder.iterdir() if p.is_file()}
        miniature = repository / "dummy_data" / name
        files |= {
            f"tfds_extra/{p.relative_to(repository).as_posix()}"
            for p in miniature.rglob("*")
            if p.is_file()
        }
    return files


def test_suite_runs_on_the_installed_package():
    files = importlib.metadata.files("tfds_extra")
    assert files, "tfds_extra is not installed: pip install '.[test]'"
    installed = {str(file.locate().resolve()) for file in files}
    editable = any("__editable__" in str(file) for file in files)
    assert editable or str(pathlib.Path(tfds_extra.__file__).resolve()) in installed
    assert importlib.metadata.version("tfds_extra") == tfds_extra.__version__


@pytest.mark.slow
def test_wheel_carries_everything(distributions, repository):
    (wheel,) = distributions.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert len(expected_files(repository)) > 20
    assert not expected_files(repository) - held
    assert not [name for name in held if name.startswith(("tests", "checksums", "dummy_data"))]


@pytest.mark.slow
def test_sdist_carries_everything(distributions, repository):
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    moved = {
        re.sub(r"^tfds_extra/(checksums|dummy_data)/", r"\1/", f)
        for f in expected_files(repository)
    }
    assert not moved - held
    tests = {f"tests/{p.name}" for p in (repository / "tests").glob("*.py")}
    assert tests and not tests - held
    assert {"README.md", "LICENSE", "setup.cfg", "examples/spoken_digit.py"} <= held


@pytest.mark.slow
def test_an_index_would_take_both_and_show_the_readme(distributions, repository):
    files = sorted(map(str, [*distributions.glob("*.whl"), *distributions.glob("*.tar.gz")]))
    assert len(files) == 2
    said = run(sys.executable, "-m", "twine", "check", "--strict", *files)
    assert said.count("PASSED") == 2
    (wheel,) = distributions.glob("*.whl")
    content = zipfile.ZipFile(wheel).read(f"tfds_extra-{tfds_extra.__version__}.dist-info/METADATA")
    metadata = email.message_from_bytes(content)
    assert metadata["Author"] == "The tfds_extra authors"
    assert metadata["Description-Content-Type"] == "text/markdown"
    rendered = markdown.render(metadata.get_payload(decode=True).decode("utf-8"))
    assert rendered.count("<table>") and rendered.count("<h1") == 1
    assert rendered.count("<tr>") > len(registry.names())


def check_fresh_environment(python: str, distributions, repository, folder: pathlib.Path) -> None:
    """Installs the wheel where nothing is, and does the main jobs from another folder."""
    run(python, "-m", "venv", str(folder / "venv"))
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    (wheel,) = distributions.glob("*.whl")
    run(str(scripts / "python"), "-m", "pip", "install", "--quiet", str(wheel))
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    script = elsewhere / "main_job.py"
    script.write_text(textwrap.dedent(_MAIN_JOB))
    data_dir = str(folder / "data")
    run(str(scripts / "python"), str(script), str(repository), data_dir, cwd=elsewhere)
    run(
        str(scripts / "tfds"), "build", "free_spoken_digit/v1.0.8/miniature=True",
        "--imports=tfds_extra", f"--data_dir={data_dir}", cwd=elsewhere,
    )  # fmt: skip
    command = str(scripts / "tfds-extra")
    listed = run(command, "list", f"--data_dir={data_dir}", cwd=elsewhere)
    assert re.findall(r"^\* +(\w+)", listed.split("\n\n")[0], re.MULTILINE) == ["free_spoken_digit"]
    described = run(command, "info", "free_spoken_digit", f"--data_dir={data_dir}", cwd=elsewhere)
    assert "Prepared as well: v1.0.10-miniature, v1.0.8-miniature\n" in described


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_wheel_in_a_fresh_environment(version, distributions, repository, tmp_path):
    python = shutil.which(f"python{version}")
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        python = sys.executable
    if python is None or subprocess.run([python, "--version"], capture_output=True).returncode:
        pytest.skip(f"no python{version} here")
    check_fresh_environment(python, distributions, repository, tmp_path)


_LIGHT = """
    import sys
    import tensorflow_datasets as tfds
    import tfds_extra
    from tfds_extra import registry

    for name in registry.names():
        source = tfds.data_source(
            name, data_dir=sys.argv[1], builder_kwargs={"miniature": True}
        )
        for split in source.values():
            assert len(split) and split[0] and len(split[len(split) - 1]) == len(split[0])
        print(name)

    builder = tfds.builder("free_spoken_digit", data_dir=sys.argv[1], miniature=True)
    config = tfds.download.DownloadConfig(beam_runner="DirectRunner")
    other = tfds.builder("free_spoken_digit/v1.0", data_dir=sys.argv[1], miniature=True)
    for use in (
        lambda: builder.as_dataset(split="train"),
        lambda: other.download_and_prepare(download_config=config),
    ):
        try:
            use()
        except ImportError as e:
            print(e)
"""


@pytest.mark.slow
def test_light_environment(distributions, repository, tmp_path):
    """What the README installs without TensorFlow prepares and reads every corpus."""
    run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    (wheel,) = distributions.glob("*.whl")
    pip = [str(scripts / "python"), "-m", "pip", "install", "--quiet"]
    run(*pip, "--no-deps", str(wheel))
    readme = (repository / "README.md").read_text(encoding="utf-8")
    packages = re.search(r"pip install (tensorflow-datasets .*)", readme)[1].split()
    if sys.version_info >= (3, 13):
        packages.append("audioop-lts")
    run(*pip, *packages)
    for heavy in ("tensorflow", "apache_beam", "matplotlib", "mlcroissant"):
        find = f"import importlib.util; print(importlib.util.find_spec({heavy!r}))"
        assert run(str(scripts / "python"), "-c", find).strip() == "None"
    script = tmp_path / "light.py"
    script.write_text(textwrap.dedent(_LIGHT))
    printed = run(str(scripts / "python"), str(script), str(tmp_path / "data"), cwd=tmp_path)
    lines = printed.splitlines()
    assert [line for line in lines if line in registry.names()] == list(registry.names())
    missing = [line for line in lines if "python -m pip install" in line]
    assert len(missing) == 2, printed
    assert "python -m pip install tensorflow" in missing[0]
    assert "python -m pip install apache-beam" in missing[1]
    command = str(scripts / "tfds-extra")
    options = [f"--data_dir={tmp_path / 'built'}", "--miniature"]
    run(command, "build", "qmnist", "--file_format=array_record", *options, cwd=tmp_path)
    run(command, "validate", "qmnist/qmnist", *options, cwd=tmp_path)
    shown = subprocess.run(
        [command, "show", "qmnist", *options], cwd=tmp_path, capture_output=True, text=True
    )
    assert shown.returncode == 1 and "python -m pip install" in shown.stderr
    assert "Traceback" not in shown.stderr
