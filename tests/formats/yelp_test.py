"""Values of the Yelp Open Dataset."""

from __future__ import annotations

import ast
import datetime
import json
import subprocess
import sys

import pyarrow as pa
import pytest

from tfds_extra.formats import FormatError, json_lines, yelp


@pytest.mark.parametrize("text", [
    "True", "False", "None", "2", "u'free'", "'free'", '"it\'s"', "{}", "'\\u00e9'",
    "{'garage': False, 'street': True, 'validated': None}", "{u'a': 'b', 'c': 3}",
])  # fmt: skip
def test_literals(text):
    assert yelp.literal(text) == ast.literal_eval(text)
    assert type(yelp.literal(text)) is type(ast.literal_eval(text))


@pytest.mark.parametrize("word", ["average", "beer_and_wine", "18plus", "none"])
def test_words_of_2018(word):
    assert yelp.literal(word) == word


@pytest.mark.parametrize("text", [
    "", "1.5", "[1]", "(1,)", "{1}", "b'a'", "{1: 2}", "{'a': [1]}", "{'a': {'b': 1}}",
    "__import__('os').system('true')", "os.name", "1 + x", "'a", "{'a': ", "a b", "\0", "é",
    "[" * 4000, "(" * 4000, "-" * 4000 + "1", "{'a':" * 800, "'" + "a" * 5000 + "'", "9" * 4096 + "1",
])  # fmt: skip
def test_what_is_no_literal(text):
    with pytest.raises(FormatError):
        yelp.literal(text)


def test_hours():
    assert yelp.hours("8:30-17:0") == (510, 1020)
    assert yelp.hours("0:0-0:0") == (0, 0)
    assert yelp.hours("17:0-2:30") == (1020, 150)
    for text in ("", "8-17", "8:30-17:60", "25:0-1:0", "8:30-17:0 ", "-8:30-17:0", "8:30"):
        with pytest.raises(FormatError):
            yelp.hours(text)


def test_elite_years():
    assert yelp.elite_years("2011,2019,20,20,2021") == [2011, 2019, 2020, 2021]
    assert yelp.elite_years("20,20") == [2020]
    assert yelp.elite_years("2015, 2016") == [2015, 2016]
    assert yelp.elite_years("") == yelp.elite_years("None") == []
    for text in ("20", "2018,20", "20,21", "year", "2018,,2019"):
        with pytest.raises(FormatError):
            yelp.elite_years(text)


def test_categories():
    names = [
        "Beer, Wine & Spirits", "Books", "Books, Mags, Music & Video", "Wine & Spirits",
        "Used, Vintage & Consignment", "Wills, Trusts, & Probates", "Naturopathic/Holistic",
    ]  # fmt: skip
    assert yelp.categories(", ".join(names)) == names
    assert yelp.categories("") == []


def test_listed():
    assert yelp.listed("a, b") == ["a", "b"]
    assert yelp.listed("None") == yelp.listed("") == []


def _array(texts: list[str]) -> pa.Array:
    """Not by `pa.array`, which imports pandas."""
    lines = "".join(json.dumps({"a": text}) + "\n" for text in texts).encode()
    return json_lines.columns(json_lines.Block(lines, 0, 1), {"a": json_lines.TEXT})["a"]


def test_timestamps():
    dates = ["2018-07-07 22:09:11", "1969-12-31 23:59:59", "2012-02-29", "2016-12-31 00:00:00"]
    utc = datetime.timezone.utc
    expected = [
        int(datetime.datetime.fromisoformat(d).replace(tzinfo=utc).timestamp()) for d in dates
    ]
    assert yelp.timestamps(_array(dates)).tolist() == expected
    assert yelp.timestamps(_array(["x", *dates]).slice(2)).tolist() == expected[1:]
    assert yelp.timestamps(_array(dates).slice(4)).tolist() == []
    for bad in ("", "2018-02-29", "soon", "2018-07-07 24:09:11", "2018-07-07 22:09:11+01:00"):
        with pytest.raises(FormatError, match=f"'{bad}' is no date".replace("+", "\\+")):
            yelp.timestamps(_array([dates[0], bad]))


def test_listed_dates():
    counts, dates = yelp.listed_dates(_array(["", "a, b", "c", "", " d,e, f "]))
    assert counts.tolist() == [0, 2, 1, 0, 3]
    assert dates.to_pylist() == list("abcdef")
    counts, dates = yelp.listed_dates(_array(["", ""]))
    assert counts.tolist() == [0, 0] and dates.to_pylist() == []


@pytest.mark.slow
def test_nothing_imports_pandas(repository):
    """It takes a second, in each worker."""
    code = (
        "import sys, pyarrow as pa; from tfds_extra.formats import json_lines, yelp\n"
        'block = json_lines.Block(b\'{"date":"2018-07-07 22:09:11","n":1}\\n\' * 2, 0, 1)\n'
        "found = json_lines.columns(block, {'date': 'text', 'n': 'integer'})\n"
        "yelp.timestamps(yelp.listed_dates(found['date'])[1]); sys.exit('pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository)
