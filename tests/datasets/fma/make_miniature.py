"""Makes dummy_data/fma: 26 tracks of tones, with made-up facts about them in the published tables.

Each root genre is a tone of its own pitch, so that a model learns something from them. Run it as a
script after a change: `python tests/datasets/fma/make_miniature.py`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import pathlib
import sys
import zipfile
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

from tfds_extra.datasets.fma import genres, metadata
from tfds_extra.formats import mp3

_URL = "https://os.unil.cloud.switch.ch/fma/{}.zip"
_SETS = {"small": ["small"], "medium": ["small", "medium"], "large": ["small", "medium", "large"]}
_GENRES = {int(genre["genre_id"]): genre for genre in genres.rows()}
_ROOTS = [i for i, genre in _GENRES.items() if genre["parent"] == "0"]


# ------------------------------------------------------------------------------------ recordings


def mp3_frame(sample_rate: int, channels: int, bit_rate: int, line: int | None = None) -> bytes:
    """One MP3 frame.

    Args:
      sample_rate: In Hz.
      channels: 1 or 2.
      bit_rate: In bit/s.
      line: Spectral line of a tone, (line + 0.5) / 1152 of the sample rate; None for silence.
    """
    version = 3 if sample_rate >= 32000 else 2 if sample_rate >= 16000 else 0
    head = next(
        head
        for third in range(256)
        for head in [bytes([0xFF, 0xE3 | version << 3, third, 0xC0 if channels == 1 else 0])]
        if (found := mp3.parse_header(head)) is not None
        and (found.sample_rate, found.bit_rate) == (sample_rate, bit_rate)
    )
    granules = 2 if version == 3 else 1
    if version == 3:  # Where the main data begin, private bits, sharing of scale factors.
        side = "0" * (9 + (5 if channels == 1 else 3) + 4 * channels)
    else:
        side = "0" * (8 + channels)
    main = ""
    for _ in range(granules * channels):
        # Pairs of lines in Huffman table 1: (0, 0) is 1, and (1, 0) is 01 and a sign.
        code = "" if line is None else "1" * (line // 2) + "01" + "0"
        pairs = 0 if line is None else line // 2 + 1
        side += f"{len(code):012b}{pairs:09b}{204:08b}" + "0" * (4 if version == 3 else 9)
        side += "0" + f"{1:05b}" * 3 + "0" * 7  # Long blocks; all regions in table 1.
        side += "0" * (3 if version == 3 else 2)
        main += code
    bits = side + main
    bits += "0" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big")
    size = mp3.parse_header(head).size
    if len(head + body) > size:
        raise ValueError(f"{len(head + body)} bytes do not fit into {size}")
    return (head + body).ljust(size, b"\0")


def info_frame(
    num_frames: int, num_bytes: int, sample_rate: int, channels: int, bit_rate: int
) -> bytes:
    """The frame that ffmpeg puts before a stream that it copies."""
    frame = bytearray(mp3_frame(sample_rate, channels, bit_rate))
    frame[4:] = bytes(len(frame) - 4)
    mpeg_1 = sample_rate >= 32000
    at = 4 + {(True, 2): 32, (True, 1): 17, (False, 2): 17, (False, 1): 9}[mpeg_1, channels]
    num_bytes += len(frame)
    info = b"Info" + b"".join(n.to_bytes(4, "big") for n in (15, num_frames, num_bytes))
    info += bytes(n * 256 // 100 for n in range(100)) + bytes(4) + b"Lavf".ljust(36, b"\0")
    frame[at : at + len(info)] = info
    return bytes(frame)


def id3(title: str, padding: int = 0) -> bytes:
    """An ID3v2.4 tag as ffmpeg writes it."""
    frames = b""
    for name, text in (("TIT2", title), ("TSSE", "Lavf57.56.100")):
        content = b"\3" + text.encode() + b"\0"
        frames += name.encode() + len(content).to_bytes(4, "big") + b"\0\0" + content
    frames += bytes(padding)
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\4\0\0" + size + frames


class Track(NamedTuple):
    """One track.

    Attributes:
      id: Its id.
      subset: The smallest set with it.
      split: As published.
      genres: As published.
      seconds: Length of the full recording.
      told: Its length as the website has it; None for the true one.
      clip: "", or what is wrong with the clip: tags, info, page.
      clip_seconds: Length of the clip; None for that of the full recording.
      form: Sample rate, channels and bit rates, which take turns.
    """

    id: int
    subset: str
    split: str
    genres: tuple[int, ...]
    seconds: float = 0.5
    told: int | None = None
    clip: str = ""
    clip_seconds: float | None = None
    form: tuple = (44100, 2, 32000)

    @property
    def title(self) -> str:
        return "NA" if self.id == 140 else f'Track "{self.id}", päрт {self.id % 7}'

    @property
    def duration(self) -> int:
        return round(self.seconds) if self.told is None else self.told

    @property
    def roots(self) -> list[int]:
        return sorted({int(_GENRES[genre]["top_level"]) for genre in self.genres})

    def genres_all(self) -> list[int]:
        found = []
        for genre in self.genres:
            while genre:
                if genre not in found:
                    found.append(genre)
                genre = int(_GENRES[genre]["parent"])
        return found[::-1]

    def recording(self, full: bool) -> bytes:
        """The published mp3."""
        if self.clip == "page":
            return b"<html><body>No such file</body></html>\n" * 3
        if not full and self.clip == "tags":
            return id3(self.title, padding=1000)
        sample_rate, channels, *bit_rates = self.form
        if not full and self.clip == "info":
            return id3(self.title) + info_frame(0, 0, sample_rate, channels, 128000)
        seconds = self.clip_seconds if not full and self.clip_seconds else self.seconds
        line = 8 + 6 * _ROOTS.index(self.roots[0]) if self.roots else 4
        frames = [mp3_frame(sample_rate, channels, rate, line) for rate in bit_rates]
        number = round(seconds * sample_rate / mp3.parse_header(frames[0]).samples)
        stream = b"".join(itertools.islice(itertools.cycle(frames), number))
        if full:  # As some encoder wrote it, with a tag at the end.
            return stream + b"TAG" + self.title.encode("latin-1", "replace")[:30].ljust(125, b"\0")
        rate = 128000 if sample_rate >= 32000 else 64000
        return (
            id3(self.title) + info_frame(number, len(stream), sample_rate, channels, rate) + stream
        )


_FEW_BYTES = (11025, 1, 8000)  # For long recordings.
TRACKS = [
    Track(2, "small", "training", (21,), seconds=31, told=31, clip_seconds=29.9885),
    Track(5, "small", "training", (21,)),
    Track(10, "small", "validation", (10, 76)),
    Track(140, "small", "training", (17,), form=(48000, 2, 32000, 40000)),
    Track(141, "small", "training", (17,), form=(22050, 1, 8000)),
    Track(197, "small", "test", (1235,)),
    Track(200, "medium", "training", (3,)),
    Track(201, "medium", "validation", (4,)),
    Track(202, "medium", "test", (5, 441)),
    Track(203, "large", "training", ()),
    Track(204, "large", "validation", (15, 12, 25), form=(44100, 1, 32000)),
    Track(1486, "medium", "training", (12,), seconds=14.4, told=90, clip="tags", form=_FEW_BYTES),
    Track(2624, "large", "training", (38,), seconds=1, told=18350, clip="info"),
    Track(3284, "large", "test", (15,), clip="page"),
    Track(20000, "large", "training", (13,), told=0),
    Track(20001, "small", "training", (12,)),
    Track(20002, "small", "training", (2,)),
    Track(
        98565, "small", "training", (1,), seconds=17, told=158, clip_seconds=1.6, form=_FEW_BYTES
    ),
    Track(
        98566, "medium", "training", (32,), seconds=18, told=148, clip_seconds=6.2, form=_FEW_BYTES
    ),
    Track(99134, "small", "training", (456,), seconds=3, told=308, clip="tags"),
    Track(
        108924, "medium", "test", (20,), seconds=28, told=187, clip_seconds=27.4, form=_FEW_BYTES
    ),
    Track(130169, "medium", "training", (9,)),
    Track(133297, "small", "validation", (15,), seconds=4, told=600, clip="info"),
    Track(140000, "small", "test", (2,)),
    Track(155066, "large", "test", (763,)),
    Track(155320, "large", "validation", (810, 21)),
]


# ---------------------------------------------------------------------------------------- tables


def _cell(kind: str, name: str, seed: int, number: int) -> str:
    """A made-up cell; every fifth or so is missing."""
    value = seed * 31 + number * 7
    if kind == "int":
        return str(value % 5000 if value % 5 else -1)
    if value % 5 == 0:
        return "[]" if kind in ("ints", "texts") else ""
    if kind == "real":
        return repr(value % 18000 / 100 - 90)
    if kind == "texts":
        return repr(["don't", f"{name} {seed % 4}", 'a "b"'][: value % 4])
    if name.startswith(("date", "active")):
        return f"20{value % 17:02}-{1 + value % 12:02}-{1 + value % 28:02} 00:00:00"
    if name in ("bio", "information"):
        return f'<p>Line one, "quoted".\nLine two of {seed}</p>\r\n'
    return f"{name}, {value % 3}" if value % 2 else f"{name} {value % 3}"


def columns(table: str) -> list[dict[str, str]]:
    """What columns.tsv says of a table."""
    return list(metadata.columns(table))


def tracks_rows() -> list[list[str]]:
    described = columns("tracks.csv")
    header = [["", *(c["group"] for c in described)], ["", *(c["name"] for c in described)]]
    rows = [*header, ["track_id"] + [""] * len(described)]
    for track in TRACKS:
        known = {
            ("set", "split"): track.split,
            ("set", "subset"): track.subset,
            ("track", "duration"): str(track.duration),
            ("track", "genre_top"): (
                _GENRES[track.roots[0]]["title"] if len(track.roots) == 1 else ""
            ),
            ("track", "genres"): repr(list(track.genres)),
            ("track", "genres_all"): repr(track.genres_all()),
            ("track", "title"): track.title,
            ("album", "id"): str(-1 if track.id == 204 else track.id % 50),
        }
        row = [str(track.id)]
        for number, c in enumerate(described):
            # What belongs to the artist is the same for all tracks of one.
            seed = track.id % 4 if c["group"] == "artist" else track.id
            made = _cell(c["kind"], c["name"], seed, number)
            row.append(known.get((c["group"], c["name"]), made))
        rows.append(row)
    return rows


_RAW = (
    "album_id album_title album_url artist_id artist_name artist_url artist_website"
    " license_image_file license_image_file_large license_parent_id license_title license_url tags"
    " track_bit_rate track_comments track_composer track_copyright_c track_copyright_p"
    " track_date_created track_date_recorded track_disc_number track_duration track_explicit"
    " track_explicit_notes track_favorites track_file track_genres track_image_file"
    " track_information track_instrumental track_interest track_language_code track_listens"
    " track_lyricist track_number track_publisher track_title track_url"
).split()


def raw_tracks_rows() -> list[list[str]]:
    rows = [["track_id", *_RAW]]
    # The raw table has tracks that were left out later.
    for track_id in sorted([1, 3, 20003, *(track.id for track in TRACKS)]):
        row = [_cell("text", name, track_id, number) for number, name in enumerate(_RAW)]
        row[_RAW.index("license_url")] = "" if track_id == 5 else f"http://licence/{track_id % 3}"
        row[_RAW.index("track_url")] = f"http://archive/track/{track_id}"
        row[_RAW.index("license_parent_id")] = "5.0" if track_id % 2 else ""
        rows.append([str(track_id), *row])
    return rows


def features_rows() -> list[list[str]]:
    names = [
        (name, statistic, f"{number:02}")
        for name, (size, _) in metadata.LIBROSA.items()
        for statistic in metadata.STATISTICS
        for number in range(1, size + 1)
    ]
    levels = ("feature", "statistics", "number")
    rows = [[level, *(name[i] for name in names)] for i, level in enumerate(levels)]
    rows.append(["track_id"] + [""] * len(names))
    for track in TRACKS:
        values = np.arange(len(names)) // 12 % 5 + np.float32(track.id % 100) / 7
        cells = [f"{value:.10e}" for value in values.astype(np.float32).tolist()]
        if track.id == 3284:  # What could not be computed.
            cells = [""] * len(names)
        rows.append([str(track.id), *cells])
    return rows


def echonest_rows() -> list[list[str]]:
    described = columns("echonest.csv")
    temporal = [f"{number:03}" for number in range(224)]
    groups = [c["group"] for c in described] + ["temporal_features"] * 224
    names = [c["name"] for c in described] + temporal
    rows = [["", *["echonest"] * 249], ["", *groups], ["", *names], ["track_id"] + [""] * 249]
    for track_id in (2, 10, 197, 20001, 98566, 155066):
        cells = []
        for number, c in enumerate(described):
            value = (track_id * 31 + number * 7) % 100 / 99
            text = f"{c['name']} {track_id % 4}" if number % 4 else ""
            cells.append(f"{value:.10f}" if c["kind"] == "real" and value else text)
            if c["kind"] == "real" and not value:
                cells[-1] = ""
        cells += [f"{(number % 9 - track_id % 7) / 3:.10f}" for number in range(224)]
        rows.append([str(track_id), *cells])
    return rows


def genres_rows(raw: bool) -> list[list[str]]:
    """The real ones: class names are the same in the miniature."""
    if raw:
        header = "genre_id genre_color genre_handle genre_parent_id genre_title".split()
        names = ["genre_id", "color", "handle", "raw_parent", "title"]
    else:
        header = ["genre_id", "#tracks", "parent", "title", "top_level"]
        names = ["genre_id", "tracks", "parent", "title", "top_level"]
    rows = [[genre[name] for name in names] for genre in _GENRES.values()]
    return [header, *(row for row in rows if raw or row[1])]


def csv_bytes(rows: list[list[str]]) -> bytes:
    """A table as pandas writes it."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


# -------------------------------------------------------------------------------------- archives


def archive(root: str, files: dict[str, bytes]) -> bytes:
    """A zip with bzip2 members in the published order, `checksums` among them."""
    sums = "".join(f"{hashlib.sha1(c).hexdigest()}  {name}\n" for name, c in files.items())
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        readme = b"A miniature of the published archive: tones, and made-up facts.\n"
        for name, data in {"README.txt": readme, "checksums": sums.encode(), **files}.items():
            member = zipfile.ZipInfo(f"{root}/{name}", (2017, 4, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o100444 << 16
            target.writestr(member, data, zipfile.ZIP_BZIP2, 9)
    return content.getvalue()


def metadata_files() -> dict[str, bytes]:
    """Content of fma_metadata.zip."""
    index = [["album_id", "album_title"]], [["artist_id", "artist_name"]]
    return {
        # Never to be unpickled: it asks for a module that does not exist.
        "not_found.pickle": b"\x80\x03cmust_not_be_unpickled\nat_all\n.",
        "raw_genres.csv": csv_bytes(genres_rows(raw=True)),
        "raw_albums.csv": csv_bytes([*index[0], ["1", "Album"]]),
        "raw_artists.csv": csv_bytes([*index[1], ["1", "Artist"]]),
        "raw_tracks.csv": csv_bytes(raw_tracks_rows()),
        "tracks.csv": csv_bytes(tracks_rows()),
        "genres.csv": csv_bytes(genres_rows(raw=False)),
        "raw_echonest.csv": csv_bytes(echonest_rows()),
        "echonest.csv": csv_bytes(echonest_rows()),
        "features.csv": csv_bytes(features_rows()),
    }


def recordings(name: str) -> dict[str, bytes]:
    """Content of the recordings of one set."""
    subsets = _SETS.get(name, _SETS["large"])
    return {
        f"{track.id // 1000:03}/{track.id:06}.mp3": track.recording(full=name == "full")
        for track in TRACKS
        if track.subset in subsets
    }


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    tables = metadata_files()
    archives = {"fma_metadata": archive("fma_metadata", tables)}
    for name in (*_SETS, "full"):
        archives[f"fma_{name}"] = archive(f"fma_{name}", recordings(name))
    miniature_files.write_files(
        folder,
        {_URL.format(name): (f"{name}.zip", content) for name, content in archives.items()},
    )
    counts = []
    for name in (*_SETS, "full", "metadata"):
        for suffix in ("", "_features"):
            for split in ("training", "validation", "test"):
                subsets = _SETS.get(name, _SETS["large"])
                n = sum(track.subset in subsets and track.split == split for track in TRACKS)
                counts.append((name + suffix, "train" if split == "training" else split, n))
    miniature_files.write_table(folder / "counts.tsv", ["config", "split", "examples"], counts)
    headers = {"tracks.csv": 3, "raw_tracks.csv": 1, "features.csv": 4, "echonest.csv": 4}
    rows = []
    for name, lines in headers.items():
        parsed = list(csv.reader(io.StringIO(tables[name].decode(), newline="")))
        rows.append((name, len(parsed) - lines))
    miniature_files.write_table(folder / "tables.tsv", ["table", "rows"], rows)
    # As of the published ones, of some the sha256 is known, too.
    sums = [
        (
            name,
            hashlib.sha1(content).hexdigest(),
            hashlib.sha256(content).hexdigest()[: 64 * (i % 2)],
        )
        for i, (name, content) in enumerate(tables.items())
    ]
    miniature_files.write_table(folder / "metadata_members.tsv", ["member", "sha1", "sha256"], sums)
    defects = []
    for track in TRACKS:
        length = 0 if track.clip else track.clip_seconds
        if track.told and track.told > track.seconds and length is not None:
            defects.append((track.id, "clip", f"{length:g}", f"a clip of {length:g} s"))
            defects.append((track.id, "full", f"{track.seconds:g}", "not as long as it is said"))
    defects.append((130169, "clip", "", "nearly silent (reported by one user)"))
    miniature_files.write_table(
        folder / "defects.tsv", ["track_id", "recording", "seconds", "report"], defects
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "fma")
