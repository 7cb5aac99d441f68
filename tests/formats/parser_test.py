"""Every parser turns what libraries throw into its own error; the mark that does it is on all of them."""

from __future__ import annotations

import importlib
import inspect
import io
import pkgutil

import pytest

from tfds_extra import core, formats
from tfds_extra.core import archives
from tfds_extra.formats import FormatError

_MODULES = [
    importlib.import_module(f"{formats.__name__}.{module.name}")
    for module in pkgutil.iter_modules(formats.__path__)
]
# What makes bytes rather than reads them, or is about values that were read.
_WRITERS = {"coco_rle.encode", "coco_rle.from_dense", "coco_rle.to_dense"}


def _public(module) -> dict[str, object]:
    """Functions of a module, and those methods that say what they raise, by name."""
    name = module.__name__.rpartition(".")[2]
    found = {}
    for key, value in vars(module).items():
        if key.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if inspect.isfunction(value):
            found[f"{name}.{key}"] = value
        elif inspect.isclass(value):
            for method, function in vars(value).items():
                if inspect.isfunction(function) and "Raises:" in (function.__doc__ or ""):
                    found[f"{name}.{key}.{method}"] = function
    return found


@pytest.mark.parametrize("module", _MODULES, ids=lambda m: m.__name__.rpartition(".")[2])
def test_every_public_function_is_marked(module):
    public = _public(module)
    unmarked = [name for name in public if name not in formats.PARSERS and name not in _WRITERS]
    assert not unmarked, f"put @parser of tfds_extra.formats before {', '.join(unmarked)}"
    assert public, "a module without a parser"
    for name in public.keys() - _WRITERS:
        assert formats.PARSERS[name] is public[name]


def test_writers_are_there():
    assert _WRITERS <= {name for module in _MODULES for name in _public(module)}


class LibraryError(Exception):
    pass


def _thrown(error: BaseException):
    def read(content: bytes):
        """Reads nothing."""
        raise error

    return formats.parser(read)


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """What tests mark does not stay."""
    monkeypatch.setattr(formats, "PARSERS", dict(formats.PARSERS))


@pytest.mark.parametrize(
    "error, message",
    [
        (LibraryError("no good"), "LibraryError: no good"),
        (LibraryError(), "LibraryError"),
        (TypeError("no good\n  at all"), "TypeError: no good at all"),
        (OverflowError("int too large"), "OverflowError: int too large"),
        (RecursionError("depth"), "RecursionError: depth"),
        (SyntaxError("line"), "SyntaxError: line"),
        (AssertionError(), "AssertionError"),
        (StopIteration(3), "StopIteration: 3"),
        (OSError("file signature not found"), "OSError: file signature not found"),
        (ValueError("negative dimensions"), "negative dimensions"),
        (ValueError(), "ValueError"),
        (io.UnsupportedOperation("seek"), "seek"),
        (FormatError("byte 5: cut off"), "byte 5: cut off"),
    ],
)
def test_errors_of_libraries(error, message):
    with pytest.raises(FormatError) as caught:
        _thrown(error)(b"")
    assert str(caught.value) == message
    assert caught.value is error or caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        core.CorpusError("file", "member", "another file"),
        archives.ArchiveError("file: member: damaged. Fetch it again."),
        OSError(28, "No space left on device"),
        PermissionError(13, "Permission denied"),
        MemoryError(),
        ImportError("no module named h5py"),
        NameError("a bug"),
        KeyboardInterrupt(),
    ],
    ids=lambda e: type(e).__name__,
)
def test_what_is_not_the_format(error):
    """It passes as it is: it says where by itself, or is not the file's fault."""
    with pytest.raises(type(error)) as caught:
        _thrown(error)(b"")
    assert caught.value is error


def test_mistakes_of_the_caller():
    with pytest.raises(TypeError, match="missing 1 required"):
        _thrown(ValueError())()

    @formats.parser
    def generator(content):
        yield content

    with pytest.raises(TypeError, match="unexpected keyword"):
        next(generator(b"", levels=1))


def test_generators_and_methods():
    class Rows:
        @formats.parser
        def __init__(self, first):
            self._first = int(first)

        @formats.parser
        def __iter__(self):
            """Counts."""
            yield self._first
            raise LibraryError("in the second row")

    with pytest.raises(FormatError, match="invalid literal"):
        Rows("x")
    rows = iter(Rows("3"))
    assert next(rows) == 3
    with pytest.raises(FormatError, match="LibraryError: in the second row"):
        next(rows)
    assert inspect.isgeneratorfunction(Rows.__iter__) and Rows.__iter__.__doc__ == "Counts."


def test_places():
    with pytest.raises(FormatError, match="^image 3: its name: LibraryError: no good$"):
        with formats.reading("image 3"), formats.reading("its name"):
            raise LibraryError("no good")
    with formats.reading("image 3"):
        pass


@pytest.mark.parametrize("error", [ValueError, FormatError, LibraryError])
def test_messages_do_not_grow(error):
    text = "byte 5: " + "9" * 100_000 + " is not expected"
    with pytest.raises(FormatError) as caught:
        _thrown(error(text))(b"")
    message = str(caught.value)
    assert "byte 5: 99" in message and message.endswith("99 is not expected")
    assert len(message) <= 500
    with pytest.raises(FormatError) as caught, formats.reading("x" * 1000):
        raise error(text)
    assert len(str(caught.value)) <= 500
