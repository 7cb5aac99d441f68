"""Croissant metadata: mlcroissant finds nothing wrong in it, and reads the records that we read."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import preparing
import pytest
import tiers

from tfds_extra import cli, croissant, registry, show

mlc = pytest.importorskip("mlcroissant")


@pytest.fixture(autouse=True)
def no_cache(monkeypatch, tmp_path):
    """mlcroissant extracts archives into a folder of this test."""
    from mlcroissant._src.operation_graph.operations import extract

    monkeypatch.setattr(extract, "EXTRACT_PATH", extract.EXTRACT_PATH.__class__(tmp_path / "cache"))


def described(builder) -> dict:
    """The metadata, which has to be without errors and warnings."""
    found = json.loads(json.dumps(croissant.describe(builder)))
    issues = mlc.Dataset(found).metadata.ctx.issues
    assert not issues.errors and not issues.warnings, issues.report()
    return found


@pytest.mark.parametrize(
    "name", tiers.sampled(registry.names(), ["free_spoken_digit", "cifar10_extended", "fma"])
)
def test_it_validates(name, data_dir):
    cls = registry.builder_cls(name)
    configs = [config.name for config in cls.BUILDER_CONFIGS]
    # Of very many configs those that are at the ends.
    for config in configs if len(configs) < 30 else [*configs[:6], *configs[-2:]]:
        builder = cls(config=config, data_dir=data_dir)
        found = described(builder)
        objects = {o["@id"]: o for o in found["distribution"] if "contentUrl" in o}
        for url, published in builder.url_infos.items():
            (one,) = [o for o in objects.values() if o["contentUrl"] == url]
            assert one["name"] == published.filename and one["encodingFormat"]
            assert one.get("contentSize", "0 B") == f"{int(published.size)} B"
            for kind, digest in published.digests.items():
                assert one.get(kind, digest) == digest and f"{kind} {digest}" in one["description"]
            if not {"sha256", "md5"} & set(one):
                assert not {"sha256", "md5"} & set(published.digests) and found["isLiveDataset"]
        assert found["citeAs"] == builder.info.citation and found["license"]
        assert found["url"] == builder.info.homepage and found["name"] == builder.info.full_name
        sets = {one["@id"]: one for one in found["recordSet"]}
        features = {row["features/name"] for row in sets["features"]["data"]}
        assert {name.split("/")[0] for name in features} >= {
            name.split("/")[0] for name in builder.info.features
        }
        assert len(sets) > 2 - (not any(builder.expected_counts.values()))


def records(name: str, file: str, record_set: str, data_dir) -> tuple[list[dict], list[dict]]:
    """The records that mlcroissant reads from a miniature's file, and the examples."""
    builder = preparing.prepared(name, data_dir, miniature=True, num_workers=1)
    mapping = {file: builder.miniature_dir() / file}
    dataset = mlc.Dataset(described(builder), mapping=mapping)
    read = [
        {key.partition("/")[2]: value for key, value in record.items()}
        for record in dataset.records(record_set)
    ]
    ours = [e for split in builder.info.splits for e in show.read(builder, split, 10**6)]
    return read, ours


def compare(read: list[dict], ours: list[dict], key: str, **same: str) -> None:
    """Compares records with examples; `same` has the feature of each field, or (feature, function)."""
    by_key = {example[same[key]]: example for example in ours}
    assert len(by_key) == len(ours) == len(read)
    for record in read:
        example = by_key[record[key]]
        for field, feature in same.items():
            feature, function = feature if isinstance(feature, tuple) else (feature, lambda v: v)
            found = function(record[field])
            assert found == example[feature] or (found is None and not len(example[feature])), field


def seconds(time: pd.Timestamp) -> int:
    return int(time.timestamp())


def test_csv_in_an_archive(data_dir):
    read, ours = records("urban_sound_8k", "UrbanSound8K.tar.gz", "slices", data_dir)
    compare(
        read, ours, "slice_file_name",
        slice_file_name="slice_file_name", fsID="freesound_id", fold="fold", classID="label",
        salience=("salience", lambda number: number - 1),
    )  # fmt: skip
    ours = {example["slice_file_name"]: example for example in ours}
    for record in read:  # pandas does not read every digit of a decimal number.
        example = ours[record["slice_file_name"]]
        for field in ("start", "end"):
            np.testing.assert_allclose(record[field], example[field], rtol=1e-15)


def test_json_lines(data_dir):
    read, ours = records("yelp_open/review", "yelp_dataset.tar", "reviews", data_dir)
    names = ("review_id", "user_id", "business_id", "stars", "useful", "funny", "cool", "text")
    same = {name: name for name in names}
    compare(read, ours, "review_id", **same, date=("timestamp", seconds))


@pytest.mark.slow
@pytest.mark.parametrize(
    "config, record_set, key, names",
    [
        (
            "business", "businesses", "business_id",
            "business_id name address city state latitude longitude stars review_count is_open",
        ),
        (
            "user", "users", "user_id", "user_id name review_count useful funny cool fans",
        ),
    ],
)  # fmt: skip
def test_other_json_lines(config, record_set, key, names, data_dir):
    read, ours = records(f"yelp_open/{config}", "yelp_dataset.tar", record_set, data_dir)
    renamed = {"business": {"categories": "categories_raw"}, "user": {"elite": "elite_raw"}}
    compare(read, ours, key, **{name: name for name in names.split()}, **renamed[config])


def test_texts_in_an_archive(data_dir):
    read, ours = records("imdb_reviews_extended", "aclImdb_v1.tar.gz", "reviews", data_dir)
    compare(read, ours, "path", path="path", rating="rating", text="text")


def test_tab_separated(data_dir):
    read, ours = records("voxceleb_extended/vox1", "vox1_meta.csv", "speakers", data_dir)
    named = {example["speaker_id"]: example for example in ours}
    compared = [record for record in read if record["VoxCeleb1_ID"] in named]
    assert len(compared) == len(named) > 3
    for record in compared:
        example = named[record["VoxCeleb1_ID"]]
        assert record["VGGFace1_ID"] == example["speaker_name"]
        assert record["Nationality"] == example["nationality"]
        assert [b"m", b"f"].index(record["Gender"]) == example["gender"]


def test_command(data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["croissant", "fsdd/v1.0.8", f"--data_dir={data_dir}"]) == 0
    assert capsys.readouterr().out == "free_spoken_digit-v1.0.8.croissant.json\n"
    path = tmp_path / "free_spoken_digit-v1.0.8.croissant.json"
    assert mlc.Dataset(path).metadata.name == "free_spoken_digit/v1.0.8/1.0.0"
    (one,) = [o for o in json.loads(path.read_text())["distribution"] if "contentUrl" in o]
    assert one["contentSize"] == "6808749 B" and len(one["sha256"]) == 64
    assert json.loads(path.read_text())["license"].endswith("/licenses/by-sa/4.0/")
    assert cli.main(["croissant", "fma", f"--output={tmp_path / 'none' / 'x'}"]) == 1
    assert "No such file or directory" in capsys.readouterr().err
