"""Labels that people looked at: only integers are integers."""

from __future__ import annotations

import json

import pytest

from tfds_extra.formats import FormatError, label_errors


def entry(**changed) -> dict:
    made = {"id": 1, "given_original_label": 7, "our_guessed_label": 3}
    return {**made, "mturk": {"given": 1, "guessed": 4, "neither": 0}, **changed}


def parse(*entries: dict, text=lambda content: content):
    return label_errors.parse(text(json.dumps(entries)).encode(), [5, 7, 9])


def test_a_candidate():
    (found,) = parse(entry()).items()
    assert found == (1, {
        "candidate": True, "guessed_label": 3, "votes_given": 1, "votes_guessed": 4,
        "votes_neither": 0, "is_error": True, "corrected_label": 3,
    })  # fmt: skip


@pytest.mark.parametrize("key", ["id", "given_original_label", "our_guessed_label", "mturk"])
@pytest.mark.parametrize(
    "value, shown",
    [
        ("0.9", "0.9"), ("1.0", "1.0"), ("true", "True"), ('"77"', "77"), ("1e999", "inf"),
        ("-1e999", "-inf"), ("NaN", "nan"), ("null", "None"), ("[1]", r"\[1\]"),
        ("9" * 4000, "9" * 40),
    ],
)  # fmt: skip
def test_what_is_no_integer(key, value, shown):
    changed = (
        {"mturk": {"given": 0, "guessed": "here", "neither": 0}}
        if key == "mturk"
        else {key: "here"}
    )
    with pytest.raises(FormatError, match=f"entry 1: .* {shown}.* is no integer") as caught:
        parse(
            entry(id=0, given_original_label=5),
            entry(**changed),
            text=lambda c: c.replace('"here"', value),
        )
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"9" * 100_000, b'{"id": 1e999}', b"\xff", b""]
)
def test_no_list(content):
    with pytest.raises(FormatError, match="not a list of candidates"):
        label_errors.parse(content, [1])


def test_rows_and_labels_with_names():
    entries = [entry(id="b", given_original_label="no", our_guessed_label="yes")]
    arguments = {"rows": {"a": 0, "b": 2}, "classes": ["no", "maybe", "yes"]}

    def parse_named(**changed):
        content = json.dumps([{**entries[0], **changed}]).encode()
        return label_errors.parse(content, [1, 1, 0], **arguments)

    found = parse_named()
    assert list(found) == [2]
    assert (found[2]["guessed_label"], found[2]["corrected_label"]) == (2, 2)
    for changed in (
        {"id": "c"}, {"id": 2}, {"id": ["b"]}, {"our_guessed_label": "perhaps"},
        {"given_original_label": 0}, {"given_original_label": "maybe"},
    ):  # fmt: skip
        with pytest.raises(FormatError, match="entry 0"):
            parse_named(**changed)


def test_index():
    assert label_errors.parse_index(b'["pos/0_7.txt", "pos/0_7.txt"]') == ["pos/0_7.txt"] * 2
    for content in (b"7", b"[7]", b'{"a": 1}', b"[" * 100_000, b"\xff", b""):
        with pytest.raises(FormatError, match="not a list of names"):
            label_errors.parse_index(content)
