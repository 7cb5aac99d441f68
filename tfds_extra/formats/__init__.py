"""Published file formats, one in each module: functions of bytes that do not depend on TFDS.

Every public function or method that reads published bytes is marked with `parser`. Any error that
the libraries under it raise on a damaged file then becomes a `FormatError`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

# Messages are cut to so many characters: they may quote a text that is as long as the file.
_MAX_MESSAGE = 500
# These errors are not caused by the file, but by a bug, a missing library or a lack of memory. No
# parser asks for memory that its file cannot fill, so that a lack of memory is no sign of damage.
_NOT_THE_FILE = (ImportError, MemoryError, NameError)


class FormatError(ValueError):
    """Bytes that are not what their format demands; the message says what and at which offset."""


# By module and name below this package, such as "npy.parse".
PARSERS: dict[str, Callable[..., Any]] = {}

_Function = TypeVar("_Function", bound=Callable[..., Any])


def parser(function: _Function) -> _Function:
    """Marks a function, generator or method that reads published bytes.

    An error that the function, or a library under it, raises on a damaged file becomes a
    `FormatError` with a message of limited length. Two kinds of errors pass unchanged: errors about
    the file itself (from this package's archives, or with a number of the operating system), and
    mistakes of the caller, such as a missing argument.

    Args:
      function: A function; a generator is guarded until its end.

    Returns:
      The guarded function, which is also entered into `PARSERS`.
    """
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return (yield from function(*args, **kwargs))
            except Exception as e:
                _raise_ours(e)
                raise

    else:

        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as e:
                _raise_ours(e)
                raise

    module = function.__module__.removeprefix(f"{__name__}.")
    PARSERS[f"{module}.{function.__qualname__}"] = guarded
    return guarded  # type: ignore[return-value]


class reading:
    """Does the same as `parser` for a block of code; the message begins with a place.

    with reading(f"image {i}: its name"):
        ...
    """

    def __init__(self, place: str):
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, Exception):
            _raise_ours(error, self._place)


def _raise_ours(error: Exception, place: str = "") -> None:
    """Raises a `FormatError` in place of an error; returns if the error should pass unchanged."""
    if isinstance(error, FormatError):
        text = str(error)
        if not place and len(text) <= _MAX_MESSAGE:
            return
    elif isinstance(error, _NOT_THE_FILE):
        return
    elif isinstance(error, OSError) and error.errno is not None:
        return
    elif isinstance(error, ValueError) and _is_of_this_project(type(error)):
        return  # The archive that the bytes come from raised it.
    elif error.__traceback__ is not None and error.__traceback__.tb_next is None and not place:
        return  # The call itself raised it, because its arguments do not fit the function.
    else:
        text = " ".join(str(error).split())
        if not isinstance(error, ValueError) or not text:
            text = f"{type(error).__name__}: {text}".removesuffix(": ")
    raise FormatError(_cut(f"{place}: {text}" if place else text)) from error


def _is_of_this_project(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def _cut(text: str) -> str:
    """Returns a message, without its middle if it is long: its end says what was expected."""
    if len(text) <= _MAX_MESSAGE:
        return text
    return f"{text[: _MAX_MESSAGE - 105]} ... {text[-100:]}"
