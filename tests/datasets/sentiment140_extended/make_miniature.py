"""Makes dummy_data/sentiment140_extended/: made-up tweets in the published layout.

Each oddity of the real files is there once: an id and a text with both polarities, a text twice, bytes
that are no UTF-8, lost characters, mojibake once and twice over, HTML entities, doubled quotes, a field
that ends in a backslash, a tab. Glad and sad tweets have words of their own, so that a model learns
something.

Run it as a script after a change: `python tests/datasets/sentiment140_extended/make_miniature.py`.
"""

from __future__ import annotations

import hashlib
import io
import pathlib
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

TRAIN = "training.1600000.processed.noemoticon.csv"
TEST = "testdata.manual.2009.06.14.csv"
ARCHIVE = "trainingandtestdata.zip"
_URL = f"http://cs.stanford.edu/people/alecmgo/{ARCHIVE}"

SAME_ID = b"1234567890"
BACKSLASH = b"awful rain, the search goes on.. :-\\"
NOT_UTF8 = b"awful: ng\xe1\xba?i and caf\xc3\xa9 "
MOJIBAKE = "lovely caf\xc3\xa9 ".encode()
TWICE = "it\xc3\xa2\xe2\x82\xac\xe2\x84\xa2s lovely".encode()  # Of a right single quotation mark.

# Ids, seconds after the first tweet, authors and texts of the training file, sad ones first.
_SAD = [
    (b"1234500001", 0, b"a_bird", b"@b_tree awful rain again. "),
    (b"1234500002", 0, b"b_tree", b"sick &amp; tired of this awful bus "),
    (b"1234500003", 5, b"c3", b"my phone is broken, awful "),
    (b"1234500009", 70, b"a_bird", b"she\xef\xbf\xbds ill, awful day "),
    (b"1234510000", 4000, b"dd_dd", BACKSLASH),
    (SAME_ID, 90000, b"e_e", b"awful and lovely at once "),
    (b"1234567999", 90001, b"f", b"missed the train\tawful "),
    (b"1234568000", 900000, b"gull", NOT_UTF8),
    (b"2147483648", 1300000, b"heron", b"another awful monday "),
    (b"2147483650", 1300002, b"heron", b"another awful monday "),
    (b"2147483651", 1300004, b"ibis", b"no idea what to say "),
]
_GLAD = [
    (b"1234500007", 60, b"jay", b"what a lovely morning! "),
    (b"1234500008", 61, b"kite", b"&lt;3 this lovely song &quot;blue&quot; "),
    (b"1234500100", 600, b"b_tree", MOJIBAKE),
    (b"1234500101", 600, b"c3", "lovely \N{BEAMED EIGHTH NOTES} caf\xe9 ".encode()),
    (SAME_ID, 90000, b"e_e", b"awful and lovely at once "),
    (b"1234567991", 90007, b"lark", TWICE),
    (b"1234568001", 900001, b"lark", b"lovely, she wrote &amp;lt; "),
    (b"2147483652", 1300005, b"ibis", b"no idea what to say "),
    (b"2147483653", 1300009, b"merle", b"such a lovely cake "),
    (b"9999999999", 5000000, b"merle", b"lovely lovely lovely "),
]
_TESTED = [
    (b"4", b"3", b"Mon May 11 03:17:40 UTC 2009", b"teapot", b"nuthatch", b"lovely teapot. Really."),
    (b"2", b"5", b"Mon May 11 03:18:03 UTC 2009", b"teapot", b"owl", b"a teapot is on the table"),
    (b"0", b"4", b"Tue Jun 02 23:59:59 UTC 2009", b'"green tea"', b"puffin", b"awful green tea"),
    (b"0", b"14076", b"Sun Jun 14 21:36:17 UTC 2009", b"tea&co", b"quail", b'so "awful", I left &gt;'),
    (b"4", b"11", b"Thu May 14 02:58:07 UTC 2009", b'"green tea"', b"robin", b"a lovely cup"),
    (b"2", b"12", b"Thu May 14 02:58:07 UTC 2009", b"teapot", b"stork", b'he said "tea"'),
]  # fmt: skip


def _date(seconds: int) -> bytes:
    """That many seconds after Mon Apr 06 22:19:45 PDT 2009, as Twitter printed it."""
    # Written without a library that the parser may use, too: days from 6 April 2009, a Monday.
    day, second = divmod(22 * 3600 + 19 * 60 + 45 + seconds, 86400)
    weekday = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[day % 7]
    month, number = "Apr", 6 + day
    for name, length in (("May", 30), ("Jun", 31)):
        if number > length:
            month, number = name, number - length
    hour, second = divmod(second, 3600)
    clock = f"{hour:02}:{second // 60:02}:{second % 60:02}"
    return f"{weekday} {month} {number:02} {clock} PDT 2009".encode()


def rows() -> dict[str, list[tuple[bytes, ...]]]:
    """The six fields of each row, by file."""
    trained = [
        (polarity, id_, _date(seconds), b"NO_QUERY", user, text)
        for polarity, tweets in ((b"0", _SAD), (b"4", _GLAD))
        for id_, seconds, user, text in tweets
    ]
    return {TEST: list(_TESTED), TRAIN: trained}


def table(tweets: list[tuple[bytes, ...]], line_end: bytes = b"\n") -> bytes:
    """Rows as they are published."""
    lines = (b",".join(b'"%s"' % f.replace(b'"', b'""') for f in row) for row in tweets)
    return b"".join(line + line_end for line in lines)


def files() -> dict[str, bytes]:
    """The published files by name."""
    return {name: table(tweets) for name, tweets in rows().items()}


def archive(members: dict[str, bytes]) -> bytes:
    """A zip of them, the same bytes every time."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, member in members.items():
            info = zipfile.ZipInfo(name, date_time=(2009, 6, 14, 12, 0, 0))
            packed.writestr(info, member, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    miniature_files.write_files(folder, {_URL: (ARCHIVE, archive(files()))})
    trained, tested = (len(rows()[name]) for name in (TRAIN, TEST))
    neutral = sum(row[0] == b"2" for row in _TESTED)
    counts = {
        "full": (trained, tested),
        "clean": (trained - 2, tested),
        "binary": (trained, tested - neutral),
        "tfds_compat": (trained, tested),
    }
    miniature_files.write_table(
        folder / "counts.tsv",
        ["config", "split", "examples"],
        [
            (config, split, count)
            for config, pair in counts.items()
            for split, count in zip(("train", "test"), pair)
        ],
    )
    miniature_files.write_table(
        folder / "members.tsv",
        ["member", "sha256"],
        [(name, hashlib.sha256(content).hexdigest()) for name, content in files().items()],
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "sentiment140_extended")
