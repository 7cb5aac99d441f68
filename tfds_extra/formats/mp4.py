"""Reads the headers of MP4 files (.m4a) with one sound track.

Source: ISO/IEC 14496-12 (the boxes) and 14496-14 (sound in them). A file is a sequence of boxes,
each with a size, a name of four letters and content; some hold further boxes. `mdat` has the
packets, and `moov` describes them: below `trak` stand the codec (`stsd`), the size of each packet
(`stsz`) and its duration (`stts`). `mdhd` says how many units of duration make a second. An edit
list (`elst`) says where the sound begins, because encoders of AAC put some samples before it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from tfds_extra.formats import FormatError, parser

AAC = "mp4a"
_SIDES = ("edts", "mdia", "minf", "stbl")  # Boxes that hold the boxes that describe a track.
_MAX_BOXES = 10_000
_MAX_SAMPLES = 1 << 40


class Sound(NamedTuple):
    """The description of the sound track.

    Attributes:
      codec: Name of four letters, such as `AAC`.
      channels: Number of channels.
      sample_rate: Samples of one channel a second.
      packets: Number of packets.
      num_samples: Length in samples of one channel, without the samples before the sound that an
        edit list tells to leave out; as FFmpeg counts them.
    """

    codec: str
    channels: int
    sample_rate: int
    packets: int
    num_samples: int


@parser
def is_mp4(content: bytes) -> bool:
    """Returns whether a file begins as MP4 does."""
    return content[4:8] == b"ftyp"


@parser
def parse(content: bytes) -> Sound:
    """Reads the headers, and compares the sizes that they state with the bytes that are there.

    Args:
      content: The whole file.

    Raises:
      FormatError: It is no MP4 file, is cut short, or has not exactly one track, of sound.
    """
    view = memoryview(content)
    if not is_mp4(content):
        raise FormatError(f"byte 0: no MP4 file but {bytes(view[:12])!r}")
    tracks: list[dict[str, memoryview]] = []
    room = 0  # Number of bytes in `mdat` boxes.
    for name, box in _boxes(view, 0, len(view)):
        if name == "mdat":
            room += len(box)
        elif name == "moov":
            for inner, content_of in _boxes(box, 0, len(box)):
                if inner == "trak":
                    tracks.append(dict(_described(content_of)))
    if len(tracks) != 1:
        raise FormatError(f"{len(tracks)} tracks, where one of sound was expected")
    track = tracks[0]
    for name in ("mdhd", "stsd", "stts", "stsz"):
        if name not in track:
            raise FormatError(f"no {name} box, which describes the track")
    (timescale,) = struct.unpack_from(">I", track["mdhd"], 20 if track["mdhd"][0] == 1 else 12)
    codec, channels, sample_rate = _sample_entry(track["stsd"])
    packets, ticks = _times(track["stts"])
    ticks = max(0, ticks - _first_tick(track.get("elst")))
    count, size = _sizes(track["stsz"])
    if count != packets:
        raise FormatError(f"stts has {packets:,} packets, and stsz {count:,}")
    if size > room:
        raise FormatError(f"cut short: packets of {size:,} bytes, and {room:,} are there")
    if not timescale or not sample_rate or not channels:
        raise FormatError(f"{channels} channels at {sample_rate} Hz in units of 1/{timescale} s")
    num_samples = ticks * sample_rate // timescale
    if num_samples > _MAX_SAMPLES:
        raise FormatError(f"a sound of {num_samples:,} samples")
    return Sound(codec, channels, sample_rate, packets, num_samples)


def _boxes(view: memoryview, start: int, end: int) -> Iterator[tuple[str, memoryview]]:
    """Yields name and content of consecutive boxes."""
    for _ in range(_MAX_BOXES):
        if start == end:
            return
        if end - start < 8:
            raise FormatError(f"cut short: {end - start} bytes where a box of 8 or more stands")
        size, name = struct.unpack_from(">I4s", view, start)
        head = 8
        if size == 1 and end - start >= 16:
            (size,) = struct.unpack_from(">Q", view, start + 8)
            head = 16
        elif size == 0:  # The box goes to the end of the file.
            size = end - start
        if size < head or size > end - start:
            raise FormatError(
                f"cut short: a box {name!r} of {size:,} bytes, and {end - start:,} are left"
            )
        yield name.decode("latin-1"), view[start + head : start + size]
        start += size
    raise FormatError(f"more than {_MAX_BOXES:,} boxes")


def _described(box: memoryview) -> Iterator[tuple[str, memoryview]]:
    """Yields name and content of the boxes below a track that describe it."""
    for name, inner in _boxes(box, 0, len(box)):
        if name in _SIDES:
            yield from _described(inner)
        else:
            yield name, inner


def _sample_entry(box: memoryview) -> tuple[str, int, int]:
    """Returns the codec, channels and sample rate."""
    (entries,) = struct.unpack_from(">I", box, 4)
    if entries != 1:
        raise FormatError(f"{entries} codecs in one track")
    codec, channels, rate = struct.unpack_from(">4s16xH6xI", box, 12)
    return codec.decode("latin-1"), channels, rate >> 16


def _times(box: memoryview) -> tuple[int, int]:
    """Returns the number of packets and their total duration."""
    (entries,) = struct.unpack_from(">I", box, 4)
    if entries > (len(box) - 8) // 8:
        raise FormatError(f"cut short: stts with {entries:,} entries in {len(box):,} bytes")
    rows = list(struct.iter_unpack(">II", box[8 : 8 + 8 * entries]))
    return sum(count for count, _ in rows), sum(count * each for count, each in rows)


def _sizes(box: memoryview) -> tuple[int, int]:
    """Returns the number of packets and their total number of bytes."""
    each, count = struct.unpack_from(">II", box, 4)
    if each:
        return count, each * count
    if count > (len(box) - 12) // 4:
        raise FormatError(f"cut short: stsz with {count:,} sizes in {len(box):,} bytes")
    return count, sum(struct.unpack_from(f">{count}I", box, 12))


def _first_tick(box: memoryview | None) -> int:
    """Returns where the sound begins; 0 unless there is an edit list with one entry."""
    if box is None or struct.unpack_from(">I", box, 4) != (1,):
        return 0
    _, start = struct.unpack_from(">Qq" if box[0] == 1 else ">Ii", box, 8)
    return max(0, start)
