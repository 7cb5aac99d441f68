"""Makes dummy_data/twenty_newsgroups: made-up messages in three editions, with the oddities of the real ones.

Run it as a script after a change: `python tests/datasets/twenty_newsgroups/make_miniature.py`.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

_HOMEPAGE = "http://qwone.com/~jason/20Newsgroups/"
_STUDY = (
    "https://raw.githubusercontent.com/cleanlab/label-errors/"
    "6d5d6b31a13216290afc40e5c6319399c4d15c06/"
)

# What each group is about, so that a model learns something.
WORDS = {
    "alt.atheism": "belief argument evidence atheist",
    "comp.graphics": "polygon raytracer pixel image",
    "comp.os.ms-windows.misc": "window driver swap desktop",
    "comp.sys.ibm.pc.hardware": "motherboard controller jumper bios",
    "comp.sys.mac.hardware": "quadra nubus centris powerbook",
    "comp.windows.x": "widget server xterm motif",
    "misc.forsale": "sale offer shipping price",
    "rec.autos": "car engine clutch dealer",
    "rec.motorcycles": "bike helmet rider countersteer",
    "rec.sport.baseball": "pitcher inning batter homer",
    "rec.sport.hockey": "goalie puck playoff period",
    "sci.crypt": "cipher key escrow clipper",
    "sci.electronics": "resistor voltage circuit amplifier",
    "sci.med": "doctor symptom dose patient",
    "sci.space": "orbit shuttle lunar payload",
    "soc.religion.christian": "church grace scripture prayer",
    "talk.politics.guns": "rifle permit statute holster",
    "talk.politics.mideast": "border treaty village ceasefire",
    "talk.politics.misc": "senate budget tax ballot",
    "talk.religion.misc": "sect ritual prophecy koan",
}
_TRAIN, _TEST = ("101", "102"), ("103",)
# Header fields that bydate lacks.
_REMOVED = {
    "path", "newsgroups", "message-id", "date", "references", "sender", "xref", "followup-to",
    "approved",
}  # fmt: skip

_ATHEISM, _GRAPHICS, _MAC = "alt.atheism", "comp.graphics", "comp.sys.mac.hardware"
# Header fields that replace or follow the usual ones, as they are in the file.
_FIELDS = {
    f"{_ATHEISM}/101": {
        "Path": "news.example!relay.example\n !uucp.example!not-for-mail",
        "From": "Ann Author <ann@host.example>",
        "Newsgroups": "alt.atheism,talk.religion.misc,alt.example",
    },
    f"{_ATHEISM}/102": {"From": "bare@host.example", "Lines": "0"},
    f"{_GRAPHICS}/101": {
        "References": "<1@host.example>  <2@host.example><3@host.example>\n\t<4@cut.exam",
        "Sender": "news@host.example (The News)",
        "Xref": "host.example comp.graphics:101 alt.example:7",
        "Followup-To": "comp.graphics",
        "Approved": "mod@host.example",
        "In-reply-to": "ann@host.example's message of 5 Apr 93",
    },
    f"{_GRAPHICS}/102": {"Nntp-Posting-Host-[nntpd-23809]": "host.example"},
    f"{_MAC}/101": {"Organization": "Made up,\r Inc.", "NNTP-Posting-Host": "mac.example"},
    "comp.windows.x/101": {"Lines": "8\n <5@host.example>", "Keywords": "made, up"},
    "comp.windows.x/102": {"Lines": "many", "Summary": "two\n lines\n\tand a third"},
    "misc.forsale/101": {"From": "NO ADDRESS", "Date": "21 Apr 93 10:09:58"},
    "misc.forsale/102": {"From": "(Only A. Name)", "Date": "Mon, 12 Apr 1993 23:59 MET"},
    "misc.forsale/103": {"From": "", "Organization": "", "Date": "the other day"},
    "rec.autos/101": {
        "Newsgroups": "rec.autos,rec.motorcycles,sci.electronics,rec.autos",
        "Date": "Mon, 5 Apr 1993 18:00:01 -0400",
        "X-Newsreader": "made up 1.0",
        "Distribution": "world",
    },
    "rec.autos/102": {"Newsgroups": "alt.example", "Reply-To": "other@host.example"},
    "sci.med/101": {"Lines": "3", "LINES": "99", "Date": "5 Apr 93 1:02:03 PDT"},
}
_BODIES = {
    f"{_ATHEISM}/102": "",
    f"{_GRAPHICS}/101": (
        "In article <2@host.example> ann@host.example (Ann Author) writes:\n"
        ">A polygon has many corners.\n> > Says who?\n"
        "\nThe raytracer says so. :-)\n: and so does the pixel\n:-) not a quote\n| nor is this one not\n"
        "AB> an image\n\n-- \nA. Reader\nanswers to all\n"
    ),
    f"{_GRAPHICS}/102": (
        "In article <3@host.example>, bob@host.example (Bob)\nwrites:\n\n> image\nNo pixel.\n--\n"
        + "".join(f"row {number}: raytracer polygon image\n" for number in range(25))
    ),
    f"{_MAC}/101": "quadra\x0bnubus\x0c\r\ncentris \x1c powerbook\x85\r\nThe Mac\xd5s caf\x8e\n",
    "comp.windows.x/103": "\n\nwidget\n---\nxterm\n----\n\n\n",
    "sci.space/101": "My orbit:\nPath: to the lunar shuttle\nDate: no payload yet\nso it is.\n",
    # The same body with other headers, in both halves and in two groups.
    "comp.os.ms-windows.misc/101": "Which driver, window or jumper?\n",
    "comp.sys.ibm.pc.hardware/103": "Which driver, window or jumper?\n",
}
# The same message in three groups, which edition bydate has dropped from all of them.
_COPIES = ("talk.politics.guns/104", "talk.politics.misc/104", "talk.religion.misc/104")
_NOT_IN_18828 = "misc.forsale/102"

# By message of the test set: what a model took it for, and what five people chose.
VOTES = {
    "comp.graphics/103": ("comp.windows.x", {"given": 1, "guessed": 3, "neither": 0, "both": 1}),
    "sci.med/103": ("sci.space", {"given": 3, "guessed": 1, "neither": 1, "both": 0}),
    "rec.autos/103": ("rec.motorcycles", {"given": 1, "guessed": 1, "neither": 0, "both": 3}),
}


def _body(group: str, number: str) -> str:
    words = WORDS[group].split()
    first, second, third, fourth = words[int(number) % 4 :] + words[: int(number) % 4]
    return (
        f"The {first} and the {second} are here.\n\n> Is the {third} there?\nNo {fourth} without"
        f" a {first}.\n\n--\nwriter {number} of {group}\n"
    )


def messages() -> dict[str, bytes]:
    """The messages of edition 19997 by group and number."""
    found = {}
    for place, group in enumerate(WORDS):
        for number in (*_TRAIN, *_TEST):
            found[f"{group}/{number}"] = _message(group, number, f"{place}.{number}")
    copy = _message("talk.politics.misc", "104", "copied")
    copy = copy.replace(
        b"Newsgroups: talk.politics.misc",
        b"Newsgroups: talk.politics.misc,talk.politics.guns,talk.religion.misc",
    )
    return found | dict.fromkeys(_COPIES, copy)


def _message(group: str, number: str, message_id: str) -> bytes:
    key = f"{group}/{number}"
    body = _BODIES.get(key, _body(group, number))
    fields = {
        "Path": "news.example!not-for-mail",
        "From": f"writer{number}@host.example (Writer {number})",
        "Newsgroups": group,
        "Subject": f"Re: {WORDS[group].split()[0]}",
        "Message-ID": f"<{message_id}@host.example>",
        "Date": f"Tue, {int(number) % 100 + 3} Apr 1993 03:21:41 GMT",
        "Organization": f"Friends of {group}",
        "Lines": str(body.count("\n")),
    } | _FIELDS.get(key, {})
    header = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return f"{header}\n{body}".encode("latin-1")


def bydate(key: str, message: bytes) -> bytes:
    """A message without the header fields that edition bydate lacks."""
    header, _, body = message.decode("latin-1").partition("\n\n")
    fields = re.split(r"\n(?![ \t])", header)
    kept = [field for field in fields if field.partition(":")[0].lower() not in _REMOVED]
    if key == f"{_ATHEISM}/101":  # The second line of Path was left.
        kept.insert(0, fields[0].partition("\n")[2])
    if key == "sci.space/101":  # Lines of the body that look like such fields went, too.
        body = re.sub("(?m)^(?:Path|Date): .*\n", "", body)
    return "\n".join([*kept, "", body]).encode("latin-1")


def only_from_and_subject(message: bytes) -> bytes:
    """A message as it is in edition 18828."""
    header, _, body = message.decode("latin-1").partition("\n\n")
    kept = [line for line in header.split("\n") if line.startswith(("From:", "Subject:"))]
    return "\n".join([*kept, "", body]).encode("latin-1")


def editions() -> dict[str, dict[str, bytes]]:
    """The files of each edition by path."""
    original = messages()
    dated = {key: bydate(key, one) for key, one in original.items() if key not in _COPIES}
    folders = {key: "test" if key.endswith(_TEST) else "train" for key in dated}
    return {
        "19997": {f"20_newsgroups/{key}": one for key, one in original.items()},
        "bydate": {f"20news-bydate-{folders[key]}/{key}": one for key, one in dated.items()},
        "18828": {
            f"20news-18828/{key}": only_from_and_subject(original[key])
            for key in dated
            if key != _NOT_IN_18828
        },
    }


def test_order() -> list[str]:
    """Group and number of the messages of the test set as scikit-learn shuffles them."""
    keys = [f"{group}/{number}" for group in sorted(WORDS) for number in _TEST]
    for seed in (0, 42):
        order = np.random.RandomState(seed).permutation(len(keys))
        keys = [keys[i] for i in order]
    return keys


def probabilities() -> np.ndarray:
    """What a model thought of each message of the test set."""
    groups = list(WORDS)
    found = np.full((len(groups), len(groups)), 0.01)
    for row, key in enumerate(test_order()):
        group = key.partition("/")[0]
        guess = VOTES[key][0] if key in VOTES else group
        found[row, groups.index(group)] += 0.3
        found[row, groups.index(guess)] += 0.5
    return found


def judged() -> bytes:
    """The file of votes."""
    groups, order = list(WORDS), test_order()
    entries = []
    for key in sorted(VOTES, key=order.index):
        group, (guess, votes) = key.partition("/")[0], VOTES[key]
        entry = {
            "id": order.index(key),
            "url": f"https://labelerrors.example/{order.index(key)}.txt",
            "given_original_label": groups.index(group),
            "given_original_label_name": group,
            "our_guessed_label": groups.index(guess),
            "our_guessed_label_name": guess,
            "mturk": votes,
        }
        entries.append(entry)
    return json.dumps(entries, indent=2).encode()


def manifest(files: dict[str, bytes], folder: str) -> str:
    """Digest of the names and contents of a folder."""
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  {path}\n"
        for path, content in sorted(files.items())
        if path.startswith(f"{folder}/")
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    of_all = editions()
    files = {
        f"{_HOMEPAGE}20news-{name}.tar.gz": (
            f"20news-{name}.tar.gz",
            miniature_files.tar_gz(of_all[name]),
        )
        for name in of_all
    }
    given = [list(WORDS).index(key.partition("/")[0]) for key in test_order()]
    study = {
        "mturk/20news_mturk.json": judged(),
        "original_test_labels/20news_test_set_original_labels.npy": miniature_files.npy(
            np.array(given, np.uint16)
        ),
        "cross_validated_predicted_probabilities/20news_test_set_pyx.npy": miniature_files.npy(
            probabilities()
        ),
    }
    for path, content in study.items():
        files[_STUDY + path] = (path.rpartition("/")[2], content)
    miniature_files.write_files(folder, files)

    folders = ("20_newsgroups", "20news-bydate-train", "20news-bydate-test", "20news-18828")
    everything = {path: content for of_one in of_all.values() for path, content in of_one.items()}

    def count(beginning: str) -> int:
        return sum(path.startswith(beginning) for path in everything)

    train, test = (count(f"20news-bydate-{split}/") for split in ("train", "test"))
    miniature_files.write_table(
        folder / "counts.tsv",
        ["config", "split", "examples"],
        [
            ("bydate", "train", train),
            ("bydate", "test", test),
            ("bydate_only", "train", train),
            ("bydate_only", "test", test),
            ("original_19997", "train", count("20_newsgroups/")),
            ("headers_18828", "train", count("20news-18828/")),
            ("label_errors", "test", test),
        ],
    )
    miniature_files.write_table(
        folder / "groups.tsv",
        ["group", *folders],
        [(group, *(count(f"{name}/{group}/") for name in folders)) for group in WORDS],
    )
    miniature_files.write_table(
        folder / "folders.tsv",
        ["folder", "sha256"],
        [(name, manifest(everything, name)) for name in folders[:-1]],
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "twenty_newsgroups")
