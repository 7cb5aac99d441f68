"""A sample of `benchmarks/fuzz.py`, which reads damaged files, and that it sees what goes wrong."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import signal
import sys
import time

import pytest

from tfds_extra import formats
from tfds_extra.core.archives import ArchiveError

_SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz.py"
_INPUTS = 150  # Of each target; the script reads a million.


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz", _SCRIPT)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    module._scratch(os.getpid()).unlink()
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def targets(fuzz):
    return fuzz.targets()


def _failures(fuzz, target, seed=0, inputs=_INPUTS):
    tally = fuzz.Tally()
    with fuzz.limited():
        for number in range(inputs):
            fuzz.read_one(target, seed, number, tally)
    assert tally.inputs == inputs
    return tally.failures


def test_damaged_files(fuzz, targets):
    failures = {name: _failures(fuzz, target) for name, target in targets.items()}
    assert not {name: found for name, found in failures.items() if found}


def test_samples_are_good(targets):
    """A sample that nobody can read tests nothing; the parsers that a target names are run."""
    missed = {}
    for target in targets.values():
        run = set()
        profile = sys.getprofile()
        sys.setprofile(lambda frame, event, argument: run.add(frame.f_code))
        try:
            for sample in target.samples:
                target.read(sample)
        finally:
            sys.setprofile(profile)
        for name in target.parsers:
            if formats.PARSERS[name].__wrapped__.__code__ not in run:
                missed[name] = target.name
    assert not missed


def test_inputs_depend_on_seed_and_number(fuzz, targets):
    again = fuzz.targets()
    for name, target in targets.items():
        found = [fuzz.damaged(target, 0, number) for number in range(5)]
        assert found == [fuzz.damaged(again[name], 0, number) for number in range(5)]
        assert found != [fuzz.damaged(target, 1, number) for number in range(5)]


def test_a_parser_without_a_target(fuzz, monkeypatch, capsys):
    monkeypatch.setattr(formats, "PARSERS", dict(formats.PARSERS))

    def parse(content: bytes) -> None:
        """Reads a new format."""

    parse.__module__ = f"{formats.__name__}.newcomer"
    parse.__qualname__ = "parse"
    formats.parser(parse)
    with pytest.raises(LookupError, match=r"'newcomer\.parse'.*Give each parser a Target"):
        fuzz.targets()
    assert fuzz.main(["--seconds", "0"]) == 1
    assert "newcomer.parse" in capsys.readouterr().err
    del formats.PARSERS["newcomer.parse"], formats.PARSERS["npy.parse"]
    with pytest.raises(LookupError, match=r"that are gone: \['npy\.parse'\]"):
        fuzz.targets()


def _other_error(content):
    raise KeyError("x")


def _long_message(content):
    raise formats.FormatError("x" * 2000)


def _empty_message(content):
    raise ArchiveError


def _much_memory(content):
    return bytes(2 << 30)


def _no_end(content):
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize(
    "read, error, problem",
    [
        (_other_error, formats.FormatError, "KeyError in fuzz_test.py:_other_error"),
        (_long_message, formats.FormatError, "a message of 2,000 characters"),
        (_empty_message, ArchiveError, "a message of 0 characters"),
        (_much_memory, formats.FormatError, "MemoryError in fuzz_test.py:_much_memory"),
        (_no_end, formats.FormatError, "_TooSlow in "),
    ],
)
def test_what_goes_wrong_is_seen(fuzz, monkeypatch, read, error, problem):
    monkeypatch.setattr(fuzz, "_SECONDS", 0.1)
    target = fuzz.Target("wrong", [b"sample"], read, error=error)
    ((what, (number, count, _)),) = _failures(fuzz, target, inputs=2).items()
    assert what.startswith(problem)
    assert (number, count) == (0, 2)


def test_script(fuzz, capfd):
    assert fuzz.main(["--seconds", "0.5", "--only", "beats", "--processes", "2"]) == 0
    assert "beats.parse" in capfd.readouterr().out


def test_a_process_that_dies(fuzz):
    """As a bug of a C library ends it: the input is named, and the others are read all the same."""

    def read(content):
        if content == fuzz.damaged(target, 0, 3):
            os.kill(os.getpid(), signal.SIGKILL)

    target = fuzz.Target("fatal", [b"sample of a file"], read)
    (tally,) = fuzz.run([target], 0, 1.5, 2)
    ((what, (number, count, _)),) = tally.failures.items()
    assert what == "the process ended with -9" and number == 3
    assert tally.values > 100
