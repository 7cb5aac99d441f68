"""Million Song Dataset: metadata and audio analysis of a million songs, and what is joined to them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.million_song import features, folders, joins, published
from tfds_extra.formats import million_song, msd_lists

_HOMEPAGE = "http://millionsongdataset.com/"
# A few copies have other folders, so that only the name of the file counts.
_SONG = re.compile(r"(?:[^/]+/)*(?P<track>TR[A-Z0-9]{16})\.h5")
_SLICE = 8192  # Songs of a summary that one process reads at a time.
_BLOCK = 1024  # Songs of a summary that are in memory at a time, at 5.5 kB each.


@dataclasses.dataclass
class SongConfig(tfds.core.BuilderConfig):
    """A kind of example, with the data sets joined to it.

    Attributes:
      rows: Kind of the examples: `songs`, `summary`, or another data set.
      is_subset: Whether songs are the 10,000 of the subset.
      joined: Names of the enrichments that are joined to each song.
    """

    rows: str = "songs"
    is_subset: bool = False
    joined: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Piece:
    """The data that one call of `_generate_examples` reads.

    Attributes:
      name: Name of the published file, as in `published_files`.
      files: All published files of the config, by name.
      prefix: For songs, the beginning of the members' names.
      start: For a summary, the first row.
      stop: For a summary, the row after the last; None for all that follow.
    """

    name: str
    files: Mapping[str, Any]
    prefix: str = ""
    start: int = 0
    stop: int | None = None


_ALL = ("lastfm", "musixmatch", "tagtraum")


class Builder(core.Builder):
    """Million Song Dataset."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        SongConfig(name="subset", is_subset=True, description="10,000 songs, all fields."),
        SongConfig(name="full", description="1,000,000 songs, all fields."),
        SongConfig(
            name="summary", rows="summary", description="1,000,000 songs, without their arrays."
        ),
        SongConfig(
            name="subset_summary",
            rows="summary",
            is_subset=True,
            description="10,000 songs, without their arrays.",
        ),
        SongConfig(
            name="subset_lastfm",
            is_subset=True,
            joined=("lastfm",),
            description="10,000 songs, all fields, with tags and similar tracks of Last.fm.",
        ),
        SongConfig(
            name="subset_joined",
            is_subset=True,
            joined=_ALL,
            description="10,000 songs, all fields, with Last.fm, words of the lyrics, and genres.",
        ),
        SongConfig(
            name="full_joined",
            joined=_ALL,
            description="1,000,000 songs, all fields, with Last.fm, words of the lyrics, and genres.",
        ),
        SongConfig(
            name="musixmatch", rows="musixmatch", description="Words of the lyrics, by track."
        ),
        SongConfig(
            name="second_hand_songs", rows="second_hand_songs", description="Covers, by track."
        ),
        *(
            SongConfig(
                name=f"tagtraum_{cd}", rows=cd, description=f"Genres of tagtraum, {cd.upper()}."
            )
            for cd in ("cd1", "cd2", "cd2c")
        ),
        SongConfig(
            name="taste_profile",
            rows="taste_profile",
            description="Which songs a million users played how often.",
        ),
    ]
    DRAWN_SEGMENTS = core.Segments(
        "segments_start",
        ("segments_pitches", "segments_timbre"),
        ("beats_start", "bars_start", "sections_start"),
        "duration",
    )
    DRAWN_FIRST = ("artist_name", "title", "year", "tempo", "duration", "artist_terms")

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        made = {
            "songs": lambda: {
                **features.of_tables(),
                **features.of_arrays(),
                **features.of_lists(),
                **features.of_files(),
            },
            "summary": lambda: {**features.of_tables(), **features.of_lists()},
            "musixmatch": features.of_lyrics,
            "second_hand_songs": features.of_covers,
            "taste_profile": features.of_plays,
        }.get(config.rows, features.of_genres)()
        for name in config.joined:
            made[name] = features.of_enrichments()[name]
        return self.dataset_info(
            features=made,
            homepage=_HOMEPAGE,
            license="Terms of The Echo Nest's API, for research; SecondHandSongs, musiXmatch, Last.fm,"
            " the Taste Profile and tagtraum each have terms of their own (README)",
        )

    # ------------------------------------------------------------------------- published files

    def published_files(self) -> dict[str, core.Archive | core.File]:
        config = self.builder_config
        files: dict[str, core.Archive | core.File] = {}
        if config.rows == "songs":
            files |= self._archives_of_songs()
        elif config.rows == "summary":
            files = {"summary": self._summary()}
        elif config.rows == "taste_profile":
            return {"plays": published.PLAYS, "mismatches": published.LISTS["mismatches"]}
        elif config.rows == "musixmatch":
            files = {name: published.ENRICHMENTS[name] for name in ("mxm_train", "mxm_test")}
        elif config.rows == "second_hand_songs":
            files = {name: published.LISTS[name] for name in ("shs_train", "shs_test")}
        else:
            files = {config.rows: published.ENRICHMENTS[config.rows]}
        about_songs = config.rows in ("songs", "summary")
        files |= {
            name: published.LISTS[name]
            for name in (published.OF_SONGS if about_songs else published.OF_TRACKS)
        }
        files |= {name: published.ENRICHMENTS[name] for name in self._joined_files()}
        if self.variant not in (core.PARTIAL, core.PEEK):
            return files
        # A part reads letters, and joins data sets that are not on GitHub, only if they are there.
        letters = files.keys() & set(published.LETTERS)
        optional = {"duplicates", *self._joined_files(), *letters}
        if self.variant == core.PEEK:  # Its examples have all that they have in the whole corpus.
            optional = letters
        here = {n: file for n, file in files.items() if n not in optional or self.is_here(file)}
        return files if letters and not letters & here.keys() else here

    def _archives_of_songs(self) -> dict[str, core.Archive]:
        if not self.builder_config.is_subset:
            return {letter: published.letter(letter) for letter in published.LETTERS}
        has_original = self.is_here(published.ORIGINAL_SUBSET, only_packed=True)
        has_current = self.is_here(published.SUBSET, only_packed=True)
        return {
            "songs": published.ORIGINAL_SUBSET
            if has_original and not has_current
            else published.SUBSET
        }

    def _summary(self) -> core.Archive | core.File:
        if not self.builder_config.is_subset:
            return published.SUMMARY
        if self.is_here(published.ORIGINAL_SUBSET, only_packed=True):
            return published.ORIGINAL_SUBSET
        return published.SUMMARY_OF_SUBSET

    def _joined_files(self) -> list[str]:
        """Returns the names of the data sets that are joined."""
        last_fm = (
            ["lastfm_subset"] if self.builder_config.is_subset else ["lastfm_train", "lastfm_test"]
        )
        files = {
            "lastfm": last_fm,
            "musixmatch": ["mxm_train", "mxm_test"],
            "tagtraum": ["cd1", "cd2", "cd2c"],
        }
        return [name for enrichment in self.builder_config.joined for name in files[enrichment]]

    # ------------------------------------------------------------------------------ the pieces

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        for name, content in files.items():
            if isinstance(content, core.Content):
                self._check_list(name, content)
        pieces = list(self._pieces(files))
        # The other files are tables, which take little time.
        read = self._songs if self.builder_config.rows == "songs" else self._generate_examples
        return core.by_split(self.expected_counts, pieces, read)

    def splits_of(self, piece):
        side = piece.name.removeprefix("mxm_").removeprefix("shs_")
        return (side,) if side in self.expected_counts else super().splits_of(piece)

    def _check_list(self, name: str, content: core.Content) -> None:
        """Raises if a list that was not downloaded is not the published one."""
        (url,) = self.published_files()[name].urls
        info = self.url_infos[url]
        if info.checksum and name in published.LISTS:
            found = hashlib.sha256(content.read()).hexdigest()
            if found != info.checksum:
                problem = f"altered: its sha256 is {found}, not {info.checksum}"
                raise core.CorpusError(content, "", problem, core.GET_AGAIN)

    def _pieces(self, files: Mapping[str, Any]) -> Iterator[Piece]:
        config = self.builder_config
        if config.rows == "songs":
            for name in ("songs", *published.LETTERS):
                if name in files:
                    copy = self.extracted().get(name)
                    letter = "" if name == "songs" else name
                    for prefix in folders.prefixes(copy, letter) if copy else [""]:
                        yield Piece(name, files, prefix)
        elif config.rows == "summary" and isinstance(files["summary"], core.Content):
            with folders.open_summary(files["summary"]) as songs:
                count = len(songs)
            for start in range(0, count, _SLICE) or [0]:
                yield Piece("summary", files, start=start, stop=min(start + _SLICE, count))
        elif config.rows == "second_hand_songs":
            yield from (Piece(name, files) for name in ("shs_train", "shs_test"))
        else:
            yield from (Piece(name, files) for name in files if name not in published.LISTS)

    # ---------------------------------------------------------------------------- the examples

    def _generate_examples(self, piece: Piece) -> Iterator[core.Rows | core.SplitExample]:
        """Yields what a piece holds."""
        readers: dict[str, core.ReadPiece[Piece]] = {
            "songs": self._songs,
            "summary": self._summaries,
            "musixmatch": self._lyrics,
            "second_hand_songs": self._covers,
            "taste_profile": self._plays,
        }
        yield from readers.get(self.builder_config.rows, self._genres)(piece)

    @functools.cached_property
    def _read(self) -> dict[tuple[str, ...], Any]:
        """Lists that this process has read, by their files."""
        return {}

    def _lists(self, piece: Piece) -> joins.Lists:
        files = {name: piece.files[name] for name in published.LISTS if name in piece.files}
        key = tuple(map(str, files.values()))
        if key not in self._read:
            self._read[key] = joins.Lists(files)
        return self._read[key]

    def _enrichments(self, piece: Piece) -> joins.Enrichments:
        trees = {name: piece.files[name] for name in self._joined_files() if name in piece.files}
        key = ("joined", *map(str, trees.values()))
        if key not in self._read:
            self._read[key] = joins.Enrichments(trees, self.builder_config.joined)
        return self._read[key]

    @functools.cached_property
    def _digests(self) -> dict[str, str]:
        """Known MD5 digests of the songs' files, by track."""
        return {row["track_id"]: row["md5"] for row in self.read_facts("digests.tsv")}

    def _split_of(self, tagging_split: str) -> str:
        """Returns the official split for tagging; the subset has no artist of its test side."""
        return "test" if tagging_split == "test" and "test" in self.expected_counts else "train"

    @property
    def _songs(self) -> core.Chunked[Piece]:
        return core.Chunked(self._read_songs, self._make_songs)

    def _read_songs(self, piece: Piece) -> Iterator[core.Chunk]:
        tree = piece.files[piece.name]
        return self.members(piece.name, tree, pattern=_SONG, prefix=piece.prefix).chunks()

    def _make_songs(self, piece: Piece, chunk: core.Chunk) -> Iterator[core.SplitExample]:
        lists, enrichments = self._lists(piece), self._enrichments(piece)

        def make(name: str, content: bytes) -> Iterator[core.SplitExample]:
            named = _SONG.fullmatch(name)
            assert named  # Only such members are asked for.
            track = named["track"]
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            song = million_song.read_song(content)
            if song["track_id"] != track.encode():
                raise ValueError(f"it is of track {song['track_id'].decode('ascii', 'replace')}")
            if md5 != self._digests.get(track, md5):
                raise ValueError(f"altered: its md5 is {md5}, not {self._digests[track]}")
            artist = song["artist_id"].decode("utf-8", "replace")
            joined = lists.of_song(track, artist, song["artist_latitude"])
            example = {**song, **joined, "file_md5": md5, "source_path": name}
            if self.builder_config.joined:
                example |= enrichments.of(track)
            yield (self._split_of(joined["tagging_split"]), track), example

        return core.make_of_chunk(piece.files[piece.name], chunk, make)

    def _summaries(self, piece: Piece) -> Iterator[core.Rows]:
        lists, file = self._lists(piece), piece.files["summary"]
        member = f"{published.ADDITIONAL}/{published.SUBSET_SUMMARY}"
        if isinstance(file, core.Content):
            with folders.open_summary(file) as songs:
                yield from self._rows_of(songs, lists, piece, str(file), "")
        else:
            with core.find_member(file, member) as found:
                content = io.BytesIO(found.read())
            with core.located(file, member, core.GET_AGAIN):
                with million_song.open_file(content) as songs:
                    yield from self._rows_of(songs, lists, piece, file, member)

    def _rows_of(
        self, songs: million_song.Songs, lists: joins.Lists, piece: Piece, file: object, place: str
    ) -> Iterator[core.Rows]:
        stop = len(songs) if piece.stop is None else piece.stop
        for start in range(piece.start, stop, _BLOCK):
            with core.located(file, place or f"song {start:,}", core.GET_AGAIN):
                columns = songs.read(start, min(start + _BLOCK, stop))
                texts = {n: c.tolist() for n, c in columns.items() if c.dtype.kind == "S"}
                tracks = [track.decode("ascii") for track in texts["track_id"]]
                artists = [artist.decode("ascii") for artist in texts["artist_id"]]
            latitudes = columns["artist_latitude"].tolist()
            rows = [lists.of_song(*row) for row in zip(tracks, artists, latitudes)]
            by_split: dict[str, list[int]] = {}
            for i, row in enumerate(rows):
                by_split.setdefault(self._split_of(row["tagging_split"]), []).append(i)
            for split, places in by_split.items():
                found: dict[str, Any] = {n: c[places] for n, c in columns.items() if n not in texts}
                found |= {n: [column[i] for i in places] for n, column in texts.items()}
                found |= {n: [rows[i][n] for i in places] for n in rows[0]}
                yield core.Rows(split, [tracks[i] for i in places], found)

    def _lyrics(self, piece: Piece) -> Iterator[core.SplitExample]:
        lists, side = self._lists(piece), piece.name.removeprefix("mxm_")
        for track, words in joins.lyrics(piece.files[piece.name], side):
            yield (side, track), {"track_id": track, **words, **lists.of_track(track)}

    def _covers(self, piece: Piece) -> Iterator[core.SplitExample]:
        lists, side = self._lists(piece), piece.name.removeprefix("shs_")
        for cover in joins.read_list(piece.files[piece.name], msd_lists.covers):
            row = dataclasses.asdict(cover)
            yield (side, cover.track_id), {**row, **lists.of_track(cover.track_id)}

    def _genres(self, piece: Piece) -> Iterator[core.SplitExample]:
        lists = self._lists(piece)
        for track, genre, minority in joins.genres(piece.files[piece.name], piece.name):
            row = {"track_id": track, "genre": genre, "minority_genre": minority}
            yield ("train", track), {**row, **lists.of_track(track)}

    def _plays(self, piece: Piece) -> Iterator[core.Rows]:
        mismatched = {song.encode() for song in self._lists(piece).mismatched_songs}
        (name,), tree = published.PLAYS.holds, piece.files[piece.name]
        with core.find_member(tree, name) as member, core.located(tree, name, core.GET_AGAIN):
            with member.open() as file:
                for plays in msd_lists.taste_profile(file):
                    songs = plays.songs.tolist()
                    wrong = [song in mismatched for song in songs]
                    parts = list(zip(plays.starts.tolist(), plays.starts[1:].tolist()))
                    columns = {
                        "user_id": plays.users,
                        "song_ids": [songs[start:stop] for start, stop in parts],
                        "play_counts": [plays.counts[start:stop] for start, stop in parts],
                        "song_mismatch": [wrong[start:stop] for start, stop in parts],
                    }
                    yield core.Rows("train", plays.users, columns)
