"""Reads the members of a published archive, in the one way that all builders share.

It tries these rules on each member, in this order:

1.  A file that an operating system left is passed over (`archives.system_files`).
2.  A member that the builder asks for is read, compared with its published digest if that is known,
    and made into examples. If its digest differs, the message also says what the parser finds.
3.  Any other member with a known digest is compared with it too, unless the corpus is a part.
4.  Members that the archive is known to have, and that no example is made of, are passed over.
5.  Any other member (a stranger) is refused by name.

At the end, a member that was asked for and is missing is an error, unless the corpus is a part.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from tfds_extra.core import archives, digests
from tfds_extra.core.errors import CorpusError, located
from tfds_extra.core.pieces import Chunk, in_chunks

GET_AGAIN = "Get the published archive again, or remove what does not belong to it."
# The remedy if published files are missing.
IF_PARTIAL = (
    "If you have only a part and mean to prepare that, pass builder_kwargs={'partial': True}, or"
    " --partial."
)
_IN_MEMORY = 64 << 20  # Bytes of members that wait for their companion; more wait on disk.

T = TypeVar("T")
Make = Callable[[str, bytes], Iterable[T]]


class Raw(NamedTuple):
    """A member that was read, and is still to be verified.

    Attributes:
      name: Its name.
      content: Its content.
      digest: Its published digest; empty if nobody listed it.
      is_wanted: Whether examples are made of it.
    """

    name: str
    content: bytes
    digest: str
    is_wanted: bool


@dataclasses.dataclass(frozen=True)
class Members:
    """The members of an archive that a builder wants, with all that is known about the others.

    Attributes:
      tree: The archive, or the extracted folder.
      wanted: Names of the members that are asked for. Each must be there, unless `is_part`.
      digests: Published digests by name: sha256, sha1 or md5, as their length tells; empty for a
        member that is known, but whose digest nobody listed.
      pattern: Members with a matching name are asked for, too, but need not be there.
      others: Patterns (see `fnmatch`) of the members that are of no use.
      prefix: Only members whose name begins with it are looked at.
      what: What messages call the wanted members; or a function that takes the names of the missing
        ones and returns what to call them.
      is_part: Whether the corpus may be a part.
      checks_rest: Whether members that are not asked for are compared with their digests.
      is_skipped: Tells by its name whether a member that is asked for is passed over all the same.
      stops_early: Whether the rest of the archive is left when all `wanted` have come; the rest is
        then not looked at. It is read if there is a `pattern`.
    """

    tree: archives.Tree
    wanted: Collection[str] = ()
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    pattern: re.Pattern[str] | None = None
    others: Collection[str] = ()
    prefix: str = ""
    what: str | Callable[[Collection[str]], str] = "files"
    is_part: bool = False
    checks_rest: bool = True
    is_skipped: Callable[[str], bool] | None = None
    stops_early: bool = False

    def make(self, make: Make[T]) -> Iterator[T]:
        """Yields what `make` makes of the members that are asked for, one after the other.

        Args:
          make: Takes the name and the content of a member. A `ValueError` from it, or from
            iterating over its result, becomes a `CorpusError` with file and member.

        Raises:
          CorpusError: A member is damaged, altered or unknown, or one is missing.
        """
        for member in self._read():
            yield from _made(self.tree, member, make)

    def chunks(self) -> Iterator[Chunk]:
        """Yields the members that have to be read, for `make_of_chunk`, which verifies them.

        Raises:
          CorpusError: A member cannot be read or is unknown, or one is missing.
        """
        return in_chunks(
            self._read(),
            lambda member: len(member.content),
            lambda member: member.name,
            one_by_one=self.stops_early,
        )

    def _read(self) -> Iterator[Raw]:
        missing = dict.fromkeys(self.wanted)
        for member in self.tree.members(self.prefix):
            name = member.name
            with located(self.tree, name, GET_AGAIN):
                is_wanted = name in missing or bool(self.pattern and self.pattern.fullmatch(name))
                if not is_wanted and not self._is_checked(name):
                    continue
                missing.pop(name, None)
                if is_wanted and self.is_skipped is not None and self.is_skipped(name):
                    continue
                content = member.read()
            yield Raw(name, content, self.digests.get(name, ""), is_wanted)
            if self.stops_early and not missing and self.pattern is None:
                return
        what = self.what if isinstance(self.what, str) else self.what(missing) if missing else ""
        _check_none_missing(self.tree, self.prefix.rstrip("/"), missing, what, self.is_part)

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yields name and content of the members that are asked for."""
        return self.make(lambda name, content: [(name, content)])

    def parsed(self, parse: Callable[[bytes], T]) -> dict[str, T]:
        """Returns all members that are asked for, each parsed, by name."""
        return dict(self.make(lambda name, content: [(name, parse(content))]))

    def _is_checked(self, name: str) -> bool:
        """Returns whether a member that is not asked for has to be read, if only to verify it.

        Raises:
          CorpusError: The member is unknown.
        """
        if name in self.digests:
            return bool(self.digests[name]) and self.checks_rest and not self.is_part
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.others):
            raise stranger(self.tree, name)
        return False


def make_of_chunk(tree: archives.Tree, chunk: Chunk, make: Make[T]) -> Iterator[T]:
    """Yields what `make` makes of the members of a chunk, as `Members.make` does.

    Args:
      tree: The archive that the chunk is from.
      chunk: One of `Members.chunks`.
      make: As in `Members.make`.

    Raises:
      CorpusError: A member is damaged or altered.
    """
    for member in chunk.content:
        yield from _made(tree, member, make)


def _made(tree: archives.Tree, member: Raw, make: Make[T]) -> Iterator[T]:
    """Verifies a member, and yields what is made of it."""
    name, content, digest, is_wanted = member
    with located(tree, name, GET_AGAIN):
        if problem := digest and digests.altered(content, digest):
            raise ValueError(problem + (_found_by(make, name, content) if is_wanted else ""))
        if is_wanted:
            yield from make(name, content)


def stranger(tree: archives.Tree, name: str) -> CorpusError:
    """Returns the error for a member that is not one of the published files."""
    return CorpusError(tree, name, "it is not one of the published files", GET_AGAIN)


def _found_by(make: Make[Any], name: str, content: bytes) -> str:
    """Returns what the parser says of an altered member, which often tells what happened to it."""
    try:
        for _ in make(name, content):
            pass
    except ValueError as e:
        return f" ({str(e).rstrip('.')})"
    return ""


@contextlib.contextmanager
def find_member(tree: archives.Tree, name: str) -> Iterator[archives.Member]:
    """Yields a member of an archive that may only be readable from its beginning.

    Args:
      tree: The archive, or the extracted folder.
      name: Name of the member.

    Raises:
      CorpusError: There is no such member.
    """
    with contextlib.closing(tree.members(name)) as members:
        member = next((member for member in members if member.name == name), None)
        if member is None:
            raise CorpusError(tree, name, "there is no such file", GET_AGAIN)
        yield member


def _check_none_missing(
    file: object, place: str, missing: Collection[str], what: str, is_part: bool
) -> None:
    """Raises if published files are missing, unless the corpus may be a part.

    Args:
      file: The archive or folder.
      place: The folder in it where the files should be.
      missing: Names of the missing files.
      what: What messages call them.
      is_part: Whether the corpus may be a part.

    Raises:
      CorpusError: Some are missing.
    """
    if missing and not is_part:
        problem = f"{len(missing):,} published {what} are missing, the first is {min(missing)}"
        raise CorpusError(file, place, problem, IF_PARTIAL)


def with_companions(
    members: Iterable[tuple[str, bytes]],
    group_of: Callable[[str], str],
    is_companion: Callable[[str], bool],
    *,
    in_memory: int = _IN_MEMORY,
) -> Iterator[tuple[str, bytes, bytes | None]]:
    """Joins each member with the companion of its group, in whatever order they come.

    LibriSpeech has one transcript (the companion) for all recordings of a chapter (the group),
    which may stand before, among or behind them. Recordings that come before their transcript wait
    for it, on disk when there are many.

    Args:
      members: Names and contents, from `Members.contents`.
      group_of: Takes a name, and returns the group. A group has one companion, which is small.
      is_companion: Takes a name, and tells whether it is the companion of its group.
      in_memory: Bytes that may wait in memory. More than that goes to an unnamed temporary file.

    Yields:
      Name and content of each member that is no companion, and the content of the companion of its
      group, as soon as both have come. Members whose companion never came follow at the end, with
      None.

    Raises:
      CorpusError: A group has two companions.
    """
    companions: dict[str, bytes] = {}
    waiting: dict[str, list[tuple[str, int, int]]] = {}  # By group: name, start and size in `held`.
    with tempfile.SpooledTemporaryFile(max_size=in_memory) as held:

        def released(group: str) -> Iterator[tuple[str, bytes, bytes | None]]:
            for name, start, size in waiting.pop(group, ()):
                held.seek(start)
                yield name, held.read(size), companions.get(group)

        for name, content in members:
            group = group_of(name)
            if is_companion(name):
                if group in companions:
                    raise CorpusError("", name, f"{group} has two files of this kind", GET_AGAIN)
                companions[group] = content
                yield from released(group)
                if not waiting:
                    held.truncate(0)
            elif group in companions:
                yield name, content, companions[group]
            else:
                start = held.seek(0, 2)
                held.write(content)
                waiting.setdefault(group, []).append((name, start, len(content)))
        for group in list(waiting):
            yield from released(group)
