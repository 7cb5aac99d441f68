"""Reads pickled dicts of plain values and NumPy arrays, without running anything that they name.

A pickle is a program: it may name any function of any module and have it called. Here only the few
names of a pickled array of numbers are known, and none of them leads to the real function.
Stand-ins record their arguments, and arrays are made from these after all of them are checked. The
operations are checked before the first one is run, since some can exhaust memory (an entry at a
huge index) or the stack (a tuple in a tuple in a tuple ..., as a key) without naming anything.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from tfds_extra.formats import FormatError, parser, reading

_OPERATIONS = frozenset(
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1"
    " BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8"
    " BINUNICODE SHORT_BINUNICODE BINUNICODE8"
    " EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS"
    " EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3"
    " BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD".split()
)
_CONTAINERS = frozenset("EMPTY_LIST EMPTY_DICT EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3".split())
# A batch of CIFAR has 30,000 operations, most of them labels and file names.
_MAX_OPERATIONS = 500_000
_MAX_CONTAINERS = 1_000
_MAX_CALLS = 1_000
_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


@parser
def load_dict(content: bytes) -> dict[str, Any]:
    """Reads a pickled dict, written by Python 2 or 3 in protocol 2 to 5.

    Args:
      content: The pickle.

    Returns:
      Its values by name: read-only NumPy arrays of numbers, and other values as Python's own. A
        `str`
      of Python 2 becomes bytes.

    Raises:
      FormatError: The pickle is damaged, is no such dict, or names or does anything else.
    """
    _check_operations(content)
    with reading("this pickle cannot be read"):
        try:
            value = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        except (ImportError, MemoryError) as e:  # The pickle states a length that it does not have.
            raise FormatError(str(e)) from e
    if type(value) is not dict:
        raise FormatError(f"a pickled {type(value).__name__}, not a dict")
    return {_name(key): _finished(item) for key, item in value.items()}


def _check_operations(content: bytes) -> None:
    """Raises if there is an operation, or a number of operations, that no such dict needs."""
    containers = calls = 0
    end = -1
    try:
        for count, found in enumerate(pickletools.genops(content)):
            operation, argument, at = found
            name, position = operation.name, at or 0
            if name not in _OPERATIONS:
                raise FormatError(f"byte {position}: operation {name} is refused")
            containers += name in _CONTAINERS
            calls += name in ("REDUCE", "BUILD")
            if max(containers / _MAX_CONTAINERS, calls / _MAX_CALLS, count / _MAX_OPERATIONS) > 1:
                raise FormatError(f"byte {position}: this pickle does too much, and is refused")
            if name == "LONG_BINPUT" and (argument or 0) > _MAX_OPERATIONS:
                raise FormatError(f"byte {position}: entry {argument} of the memo is refused")
            end = position + 1
    except (UnicodeDecodeError, OverflowError) as e:
        raise FormatError(f"after byte {end}: not a pickle ({e})") from e
    if end != len(content):
        raise FormatError(f"byte {end}: {len(content) - end:,} bytes after the end of the pickle")


class _Unpickler(pickle.Unpickler):
    """An unpickler with stand-ins for the names that pickled arrays of numbers have."""

    def __init__(self, file: io.BytesIO, **kwargs: Any):
        super().__init__(file, **kwargs)
        self._array_class = _StandIn(_refuse_call)
        self._to_encode = len(file.getbuffer())
        self._known = {
            ("numpy", "ndarray"): self._array_class,
            ("numpy", "dtype"): _StandIn(_Dtype),
        }
        for module in _ARRAY_MODULES:
            self._known[module, "_reconstruct"] = _StandIn(self._reconstruct)
        self._known["_codecs", "encode"] = _StandIn(self._encode)

    def find_class(self, module: str, name: str) -> _StandIn:
        if (module, name) not in self._known:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is refused")
        return self._known[module, name]

    def persistent_load(self, pid: object) -> None:
        raise pickle.UnpicklingError("it names an object outside of it, which is refused")

    def _reconstruct(self, cls: object, shape: object, code: object) -> _Array:
        """Returns an array that is still empty."""
        if cls is not self._array_class or shape != (0,) or code != b"b":
            raise FormatError("not an array as NumPy pickles it")
        return _Array()

    def _encode(self, text: object, codec: object) -> bytes:
        """Stands for `_codecs.encode`, with which Python 3 writes bytes for Python 2."""
        if type(text) is not str or codec not in ("latin1", b"latin1"):
            raise FormatError("not bytes as Python pickles them")
        # Without this limit, one long text could be encoded again and again.
        self._to_encode -= len(text)
        if self._to_encode < 0:
            raise FormatError("more bytes than the file has")
        return text.encode("latin1")


class _StandIn:
    """Stands for a function or class that a pickle names; nothing can be set on it."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]):
        self._call = call

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)

    def __setstate__(self, state: Any) -> None:
        raise FormatError("it alters a class or a function, which is refused")


def _refuse_call(*args: object) -> None:
    raise FormatError("it makes an array as NumPy's pickles do not")


class _Dtype:
    """The stand-in for a dtype."""

    __slots__ = ("_code", "order")

    def __init__(self, code: object, align: object, copy: object):
        self._code: Any = code.decode() if type(code) is bytes else code
        self.order: Any = ""

    def __setstate__(self, state: Any) -> None:
        _, order, *others = state
        # A type of numbers has no names of fields, no subarrays and the like.
        if others[:3] != [None, None, None]:
            raise FormatError("an array of something else than numbers")
        self.order = order.decode() if type(order) is bytes else order

    def dtype(self) -> np.dtype:
        if self._code not in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"):
            raise FormatError("an array of something else than numbers")
        if self.order not in ("<", ">", "|"):
            raise FormatError("numbers of an unknown byte order")
        return np.dtype(self._code).newbyteorder(self.order)


class _Array:
    """The stand-in for an array."""

    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, by_columns, content = state
        if type(dtype) is not _Dtype or type(content) is not bytes or type(by_columns) is not bool:
            raise FormatError("not an array as NumPy pickles it")
        if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
            raise FormatError("an array without a shape")
        # reshape allocates nothing, and raises unless there are as many numbers as the shape says.
        flat = np.frombuffer(content, dtype.dtype())
        self.array = flat.reshape(shape, order="F" if by_columns else "C")


def _name(key: object) -> str:
    if type(key) is bytes:
        return key.decode("latin1")
    if type(key) is not str:
        raise FormatError("a dict with keys that are no names")
    return key


def _finished(value: object) -> Any:
    """Returns a value of the dict, with arrays in place of their stand-ins."""
    if type(value) is _Array and value.array is not None:
        return value.array
    if type(value) not in (list, tuple, dict, str, bytes, int, bool, type(None)):
        raise FormatError("an unfinished array, or a name without a use")
    return value
