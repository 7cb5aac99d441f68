"""Published file formats, one a module: functions of bytes that know nothing of TFDS.

Every public function that reads published bytes is marked with `parser`, and so is every method that
goes on reading them: whatever the libraries under it throw on a damaged file is then a `FormatError`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

# Of a message. Longer ones come from what they quote, which may be as long as the file.
_MAX_MESSAGE = 500
# Not a matter of the file: a bug, a missing library, or a machine without memory. No parser asks for
# memory that its file cannot fill, so a lack of it is no sign of damage.
_NOT_THE_FILE = (ImportError, MemoryError, NameError)


class FormatError(ValueError):
    """Bytes that are not what their format demands; the message says what and at which offset."""


# By module and name below this package, such as "npy.parse".
PARSERS: dict[str, Callable[..., Any]] = {}

_Function = TypeVar("_Function", bound=Callable[..., Any])


def parser(function: _Function) -> _Function:
    """Marks a function, generator or method that reads published bytes.

    What it raises on a damaged file, and what any library under it raises, becomes a `FormatError`
    with a message of limited length. Errors that say by themselves what is wrong with the file
    below (ours, and those that the operating system gives a number) pass, and so do mistakes of the
    caller, such as a missing argument.

    Args:
      function: A function; a generator is guarded until its end.

    Returns:
      It, guarded, and entered into `PARSERS`.
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
    """As `parser`, for a block of code: what it raises is a `FormatError` that begins with a place.

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
    """Raises what stands for an error; returns if it shall pass as it is."""
    if isinstance(error, FormatError):
        text = str(error)
        if not place and len(text) <= _MAX_MESSAGE:
            return
    elif isinstance(error, _NOT_THE_FILE):
        return
    elif isinstance(error, OSError) and error.errno is not None:
        return
    elif isinstance(error, ValueError) and _is_of_this_project(type(error)):
        return  # Of the archive that the bytes come from.
    elif error.__traceback__ is not None and error.__traceback__.tb_next is None and not place:
        return  # Raised by the call itself, which does not fit the function.
    else:
        text = " ".join(str(error).split())
        if not isinstance(error, ValueError) or not text:
            text = f"{type(error).__name__}: {text}".removesuffix(": ")
    raise FormatError(_cut(f"{place}: {text}" if place else text)) from error


def _is_of_this_project(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def _cut(text: str) -> str:
    """A message without its middle if it is long; what was expected stands at the end."""
    if len(text) <= _MAX_MESSAGE:
        return text
    return f"{text[: _MAX_MESSAGE - 105]} ... {text[-100:]}"
