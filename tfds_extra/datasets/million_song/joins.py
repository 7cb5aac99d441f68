"""Reads what lists and other data sets say about the tracks, to join it to them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from tfds_extra import core
from tfds_extra.datasets.million_song import features
from tfds_extra.formats import msd_lists

# Ids of one folder of the archives share so many letters, TR included. The tracks of one folder are
# held in memory at once.
_SHARED_LETTERS = 4
_SIDES = ("train", "test")


def read_list(content: core.Content, parse: Any) -> Any:
    """Parses a list; errors name the file."""
    with core.located(content, "", core.GET_AGAIN):
        return parse(content.read())


class Lists:
    """The official lists of tracks and artists.

    Attributes:
      mismatched_songs: Ids of songs in sid_mismatches.txt.
    """

    def __init__(self, files: Mapping[str, core.Content]):
        """Reads the lists that there are, some megabytes.

        Args:
          files: The lists by their names in `published.LISTS`. Lists that a config does not use, or
            that a part lacks, are absent.
        """

        def parsed(name: str, parse: Any) -> Iterable[Any]:
            return read_list(files[name], parse) if name in files else ()

        self._sides = {
            task: {
                artist: side
                for side in _SIDES
                for artist in parsed(f"{task}_{side}", msd_lists.artist_ids)
            }
            for task in ("tagging", "year")
        }
        pairs = parsed("mismatches", msd_lists.mismatches)
        self._mismatched = {track for _, track in pairs}
        self.mismatched_songs = {song for song, _ in pairs}
        self._groups = {
            track: number
            for number, tracks in enumerate(parsed("duplicates", msd_lists.duplicates))
            for track in tracks
        }
        self._covers = {
            cover.track_id: (side, cover)
            for side in _SIDES
            for cover in parsed(f"shs_{side}", msd_lists.covers)
        }

    def side(self, task: str, artist_id: str) -> str:
        """Returns the side of an artist in the official split for a task: train, test or none."""
        return self._sides[task].get(artist_id, "none")

    def of_track(self, track_id: str) -> dict[str, Any]:
        """Returns the values of `features.of_track`."""
        return {
            "song_track_mismatch": track_id in self._mismatched,
            "duplicate_group": self._groups.get(track_id, -1),
        }

    def of_song(self, track_id: str, artist_id: str, latitude: float) -> dict[str, Any]:
        """Returns the values of `features.of_lists`."""
        side, cover = self._covers.get(track_id, ("none", None))
        return {
            "has_location": latitude == latitude,
            "tagging_split": self.side("tagging", artist_id),
            "year_split": self.side("year", artist_id),
            **self.of_track(track_id),
            "shs_split": side,
            "shs_clique": cover.clique if cover else -1,
            "shs_works": list(cover.works) if cover else [],
            "shs_performance": cover.performance if cover else -1,
        }


class Enrichments:
    """Other data sets of the same tracks, with some thousand tracks of each in memory."""

    def __init__(self, trees: Mapping[str, core.Tree], names: Iterable[str]):
        """Names the data sets.

        Args:
          trees: The archives that there are: those of Last.fm begin with `lastfm`, the others are
            `mxm_train`, `mxm_test`, `cd1`, `cd2` and `cd2c`.
          names: Names of the enrichments that are asked for.
        """
        self._trees = trees
        self._names = tuple(names)
        self._near = functools.lru_cache(2)(self._read)

    def of(self, track_id: str) -> dict[str, Any]:
        """Returns the values of `features.of_enrichments` for a track."""
        tables = self._near(track_id[:_SHARED_LETTERS])
        return {name: tables[name].get(track_id) or nothing(name) for name in self._names}

    def _read(self, begin: str) -> dict[str, dict[str, Any]]:
        readers = {
            "lastfm": self._last_fm, "musixmatch": self._lyrics, "tagtraum": self._genres
        }  # fmt: skip
        return {name: readers[name](begin) for name in self._names}

    def _last_fm(self, begin: str) -> dict[str, Any]:
        found = {}
        folder = "/".join(begin[2:]) + "/"
        for tree in (tree for name, tree in self._trees.items() if name.startswith("lastfm")):
            for member in tree.members(folder):
                with core.located(tree, member.name, core.GET_AGAIN):
                    row = msd_lists.last_fm(member.read())
                    track = row.pop("track_id")
                    if not member.name.endswith(f"/{track}.json"):
                        raise ValueError(f"it is of track {track}")
                tags, similars = row.pop("tags"), row.pop("similars")
                found[track] = {
                    **row,
                    "matched": True,
                    "tags": {"name": [t for t, _ in tags], "count": [n for _, n in tags]},
                    "similars": {
                        "track_id": [t for t, _ in similars], "score": [s for _, s in similars]
                    },
                }  # fmt: skip
        return found

    def _lyrics(self, begin: str) -> dict[str, Any]:
        found = {}
        for side in _SIDES:
            if tree := self._trees.get(f"mxm_{side}"):
                for track, words in lyrics(tree, side, begin):
                    found[track] = {"matched": True, "split": side, **words}
        return found

    def _genres(self, begin: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in ("cd1", "cd2", "cd2c"):
            if tree := self._trees.get(name):
                for track, genre, minority in genres(tree, name):
                    if track.startswith(begin):
                        row = found.setdefault(track, nothing("tagtraum"))
                        row[name] = genre
                        if f"{name}_minority" in row:
                            row[f"{name}_minority"] = minority
        return found


@functools.lru_cache(None)
def _names_of(enrichment: str) -> tuple[str, ...]:
    return tuple(features.of_enrichments()[enrichment])


def nothing(enrichment: str) -> dict[str, Any]:
    """Returns the values of a track that an enrichment does not have."""
    if enrichment == "lastfm":
        return {
            "matched": False, "artist": "", "title": "", "timestamp": "",
            "tags": {"name": [], "count": []}, "similars": {"track_id": [], "score": []},
        }  # fmt: skip
    if enrichment == "musixmatch":
        return {
            "matched": False, "split": "none", "mxm_id": -1, "words": [], "word_ids": [],
            "word_counts": [],
        }  # fmt: skip
    return dict.fromkeys(_names_of(enrichment), "")


def lyrics(tree: core.Tree, side: str, begin: str = "") -> Iterable[tuple[str, dict[str, Any]]]:
    """Yields tracks of a file of musiXmatch, with the values of `features._of_words`.

    Args:
      tree: The archive that the file is in.
      side: Train or test.
      begin: What ids of the tracks begin with.
    """
    name = f"mxm_dataset_{side}.txt"
    with core.find_member(tree, name) as member, core.located(tree, name, core.GET_AGAIN):
        with member.open() as file:
            parsed = msd_lists.Lyrics(file)
            for track in parsed.tracks(begin):
                yield (
                    track.track_id,
                    {
                        "mxm_id": track.mxm_id,
                        "words": [parsed.words[word] for word in track.words.tolist()],
                        "word_ids": track.words,
                        "word_counts": track.counts,
                    },
                )


def genres(tree: core.Tree, edition: str) -> list[tuple[str, str, str]]:
    """Returns the track, genre and genre of the minority of an edition (cd1, cd2, cd2c)."""
    name = f"msd_tagtraum_{edition}.cls"
    with core.find_member(tree, name) as member, core.located(tree, name, core.GET_AGAIN):
        return msd_lists.genres(member.read())
