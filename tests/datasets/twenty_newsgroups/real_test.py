"""Twenty Newsgroups: every published message at hand, against `email`, dateutil and scikit-learn."""

from __future__ import annotations

import collections
import datetime
import email
import email.policy
import email.utils
import hashlib
import json
import pathlib
import re

import numpy as np
import preparing
import pytest
from dateutil import parser as dateutil
from sklearn import datasets
from sklearn.datasets import _twenty_newsgroups as scikit_learn

from tfds_extra import registry
from tfds_extra.datasets.twenty_newsgroups import features

_NAME = "twenty_newsgroups"
_FIELDS = {
    "subject": "Subject", "from_": "From", "organization": "Organization", "date": "Date",
    "message_id": "Message-ID", "reply_to": "Reply-To", "sender": "Sender",
    "distribution": "Distribution", "keywords": "Keywords", "summary": "Summary",
    "nntp_posting_host": "NNTP-Posting-Host", "x_newsreader": "X-Newsreader",
    "in_reply_to": "In-Reply-To", "approved": "Approved", "followup_to": "Followup-To",
    "path_header": "Path", "xref": "Xref",
}  # fmt: skip
# Python's parser ends lines of a header at CR as well, and so sees other fields.
_WITH_CR = "comp.sys.mac.hardware/51894"


@pytest.fixture(scope="module")
def files(real) -> dict[str, dict[str, bytes]]:
    """Content of the files of both editions by path."""
    found = {}
    for edition in ("19997", "bydate"):
        root = real / f"20news-{edition}"
        found[edition] = {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file()
        }
    assert {edition: len(of_one) for edition, of_one in found.items()} == {
        "19997": 919,
        "bydate": 852,
    }
    return found


@pytest.fixture(scope="module")
def prepared(real, tmp_path_factory):
    """Examples by path, of each config that the files here are of."""
    data_dir = tmp_path_factory.mktemp("data")
    return {
        config: preparing.examples(
            preparing.prepared(f"{_NAME}/{config}", data_dir, real, partial=True), "path"
        )
        for config in ("original_19997", "bydate", "bydate_only")
    }


def key(path: str) -> str:
    """Group and number of a message."""
    return path.partition("/")[2]


def unfolded(value: str) -> str:
    """A value of Python's parser, whose lines are joined."""
    return " ".join(part.strip(" \t\r") for part in value.split("\n"))


def header_of(content: bytes) -> email.message.Message:
    """The header as Python's parser has it; each byte is a character."""
    header = content.partition(b"\n\n")[0].decode("latin-1")
    return email.message_from_string(header + "\n\n", policy=email.policy.compat32)


def test_every_file(prepared, files):
    for config, examples in prepared.items():
        contents = files["19997" if config == "original_19997" else "bydate"]
        assert examples.keys() == contents.keys()
        for path, content in contents.items():
            example = examples[path]
            folder, group, number = path.split("/")
            assert example["raw"] == content
            assert example["text"].decode() == content.decode("latin-1")
            assert example["header"] + b"\n\n" + example["body"] == example["text"]
            assert example["id"].decode() == number
            assert features.GROUPS[example["label"]] == group
            assert features.TOPICS[example["topic"]] == features.TOPIC_OF[group]
            assert features.HIERARCHIES[example["hierarchy"]] == group.split(".")[0]
            assert example["split"] == ("test" if folder == "20news-bydate-test" else "train")
            body = content.partition(b"\n\n")[2].decode("latin-1")
            assert example["body"].decode() == body


def test_headers_against_email(prepared, files):
    compared = leftover = 0
    for config in ("original_19997", "bydate_only"):
        for path, example in prepared[config].items():
            content = files["19997" if config == "original_19997" else "bydate"][path]
            if key(path) == _WITH_CR:
                continue
            names = [name.decode() for name in example["headers"]["name"]]
            values = [value.decode() for value in example["headers"]["value"]]
            pairs = [(name, value) for name, value in zip(names, values) if name]
            if content[:1] in b" \t":  # A line that was left of Path.
                assert names[0] == "" and values[0] == content.split(b"\n")[0].strip().decode()
                content = content.partition(b"\n")[2]
                leftover += 1
            header = header_of(content)
            expected = [(name, unfolded(value)) for name, value in header.items()]
            assert pairs == expected, path
            compared += len(pairs)
            for feature, name in _FIELDS.items():
                assert example[feature].decode() == unfolded(header.get(name, "")), (path, name)
            lines = re.match(r"\s*(\d+)", header.get("Lines", ""))
            assert example["lines"] == (int(lines[1]) if lines else -1)
    assert compared > 14_000 and leftover == 22
    example = prepared["original_19997"][f"20_newsgroups/{_WITH_CR}"]
    assert all(name for name in example["headers"]["name"])
    assert set(_FIELDS) == set(features.TEXT_FIELDS)


def test_headers_that_bydate_lacks(prepared):
    """All but these fields are in both files; what was removed is that of the other one."""
    originals = prepared["original_19997"]
    removed = {
        "date", "message_id", "sender", "approved", "followup_to", "path_header", "xref",
        "timestamp", "references", "newsgroups", "num_newsgroups", "cross_posted_labels",
    }  # fmt: skip
    assert len(prepared["bydate"]) == 852
    altered = 0
    for path, example in prepared["bydate"].items():
        twin, alone = originals[f"20_newsgroups/{key(path)}"], prepared["bydate_only"][path]
        assert example["twin"] == twin["path"] and alone["twin"] == b""
        for name in removed:
            np.testing.assert_array_equal(example[name], twin[name])
        assert alone["message_id"] == alone["date"] == b"" and alone["timestamp"] == -1
        assert example["body_altered"] == (example["body"] != twin["body"])
        altered += bool(example["body_altered"])
        same = example.keys() - removed - {"twin", "body_altered"}
        for name in same - {"headers"}:
            np.testing.assert_array_equal(example[name], alone[name])
    assert altered == 22


def test_parsed_fields_against_email(prepared):
    others = 0
    for path, example in prepared["original_19997"].items():
        value = example["from_"].decode()
        name, address = email.utils.parseaddr(value)
        found = example["from_name"].decode(), example["from_email"].decode()
        if (name.strip('" '), address) != found:
            # Python's parser splits at commas, and takes words of a name for an address.
            form = re.fullmatch(r"([^ ]*) ?\((.*)\)", value)
            swapped = re.fullmatch(r"(.*) <(.*)>", value)
            if form:
                assert found == (form[2], form[1]), path
            elif swapped:
                assert found == swapped.groups(), path
            else:
                assert "@" not in value and found == (value, ""), path
            others += 1
        references = [reference.decode() for reference in example["references"]]
        published = header_of(example["raw"]).get("References", "")
        words = re.sub(r"[<>\s]", "", published)
        assert re.sub("[<>]", "", "".join(references)) == words, path
        well_formed = re.findall(r"<[^<>\s]+>", published)
        assert [one for one in references if one.endswith(">")] == well_formed, path
        newsgroups = re.split(r"\s*,\s*", header_of(example["raw"])["Newsgroups"].strip(" ,"))
        assert [g.decode() for g in example["newsgroups"]] == newsgroups, path
        assert example["num_newsgroups"] == len(newsgroups)
        known = {features.GROUPS.index(group) for group in newsgroups if group in features.GROUPS}
        assert example["cross_posted_labels"].tolist() == sorted(known - {example["label"]})
    assert others == 10


_ZONES = {
    name: 3600 * hours
    for name, hours in {
        "EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8,
        "GMT": 0, "UTC": 0, "UT": 0, "MET": 0,
    }.items()
}  # fmt: skip


def test_dates_against_dateutil(prepared):
    for path, example in prepared["original_19997"].items():
        date = re.sub(r"\(.*\)", "", example["date"].decode())
        if "GMT+12" in date:  # Which dateutil reads the other way round.
            continue
        time = dateutil.parse(date, tzinfos=_ZONES)
        time = time if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc)
        assert example["timestamp"] == int(time.timestamp()), (path, date)
        assert time.year in (1992, 1993)


def test_strippings_against_scikit_learn(prepared):
    strip = {
        "headers": scikit_learn.strip_newsgroup_header,
        "footers": scikit_learn.strip_newsgroup_footer,
        "quotes": scikit_learn.strip_newsgroup_quoting,
    }
    for config in ("original_19997", "bydate_only"):
        for example in prepared[config].values():
            text = example["text"].decode()
            for chosen in range(1, 8):
                expected, names = text, []
                for bit, (name, function) in enumerate(strip.items()):
                    if chosen & 1 << bit:
                        expected = function(expected)
                        names.append(name)
                assert example["_".join(["without", *names])].decode() == expected


def test_texts_against_scikit_learn(prepared, real):
    """`load_files` is how `fetch_20newsgroups` reads them."""
    found = prepared["bydate"]
    for split in ("train", "test"):
        read = datasets.load_files(
            real / "20news-bydate" / f"20news-bydate-{split}", encoding="latin1"
        )
        assert read.target_names == features.GROUPS
        for name, text, label in zip(read.filenames, read.data, read.target):
            example = found["/".join(pathlib.Path(name).parts[-3:])]
            assert example["text"].decode() == text and example["label"] == label


def test_parts_of_bodies(prepared):
    """Each line of a body is in one of the parts, and what is said of it is what is seen in it."""
    seen = collections.Counter()
    for example in prepared["original_19997"].values():
        lines, kinds = example["body"].split(b"\n"), example["line_kinds"].tolist()
        assert len(lines) == len(kinds)
        for number, part in enumerate(("written", "quoted", "attribution", "signature")):
            of_kind = [line for line, kind in zip(lines, kinds) if kind == number]
            assert example[part] == b"\n".join(of_kind)
            seen[part] += bool(of_kind)
        if example["signature"]:
            assert example["signature"].split(b"\n")[0] in (b"--", b"-- ")
        begin = re.compile(rb"[ \t]*([A-Za-z]{0,4}>|[|:])")
        assert all(begin.match(line) for line in example["quoted"].split(b"\n") if line)
        assert not re.search(rb"(?m)^(>|In article <)", example["written"])
    assert min(seen.values()) > 250, seen


def test_duplicates(prepared, files):
    ids = collections.defaultdict(set)
    for path, content in files["19997"].items():
        ids[header_of(content)["Message-ID"].strip()].add(path)
    copies = 0
    for path, example in prepared["original_19997"].items():
        expected = ids[example["message_id"].decode()] - {path}
        assert {other.decode() for other in example["duplicates"]} == expected
        copies += bool(expected)
        for other in expected:
            assert files["19997"][other] == files["19997"][path]
    assert copies > 10
    for config in ("original_19997", "bydate"):
        contents = files["19997" if config == "original_19997" else "bydate"]
        bodies = collections.defaultdict(set)
        for path, content in contents.items():
            bodies[content.partition(b"\n\n")[2].decode("latin-1")].add(path)
        for path, example in prepared[config].items():
            body = example["body"].decode()
            expected = bodies[body] - {path} if body.strip() else set()
            assert {other.decode() for other in example["same_body"]} == expected
            elsewhere = any(other.split("/")[0] != path.split("/")[0] for other in expected)
            assert example["same_body_in_other_split"] == elsewhere
    assert not any(example["duplicates"].size for example in prepared["bydate"].values())


def test_label_errors(real, shared):
    """The study's files themselves; their rows need the whole test set."""
    folder = real / "label-errors"
    predicted = "cross_validated_predicted_"
    given = np.load(folder / "original_test_labels" / "20news_test_set_original_labels.npy")
    probabilities = np.load(folder / f"{predicted}probabilities" / "20news_test_set_pyx.npy")
    guesses = np.load(
        folder / f"{predicted}labels" / "20news_test_set_pyx_argmax_predicted_labels.npy"
    )
    np.testing.assert_array_equal(probabilities.argmax(1), guesses)
    assert (guesses == given).mean().round(4) == 0.9234
    counts = [
        int(row["20news-bydate-test"])
        for row in registry.builder_cls(_NAME)().read_facts("groups.tsv")
    ]
    np.testing.assert_array_equal(np.bincount(given), counts)
    entries = json.loads((folder / "mturk" / "20news_mturk.json").read_text())
    assert len(entries) == 93
    majority = collections.Counter(
        next((choice for choice, votes in entry["mturk"].items() if votes >= 3), "none")
        for entry in entries
    )
    assert majority == {"given": 11, "guessed": 22, "both": 12, "neither": 5, "none": 43}
    for entry in entries:
        assert features.GROUPS[entry["given_original_label"]] == entry["given_original_label_name"]
        assert features.GROUPS[entry["our_guessed_label"]] == entry["our_guessed_label_name"]
        assert entry["given_original_label"] == given[entry["id"]]


def test_listed_digests(real):
    published = {info.filename: info for info in registry.builder_cls(_NAME).url_infos.values()}
    for path in (real / "label-errors").rglob("*"):
        if path.name in published:
            content = path.read_bytes()
            info = published.pop(path.name)
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (info.checksum, info.size)
    assert set(published) == {f"20news-{name}.tar.gz" for name in ("19997", "bydate", "18828")}
