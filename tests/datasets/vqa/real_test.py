"""VisualQA: the published lists of question types, pictures and results at hand.

Nobody has published questions or answers in a form that is at hand; the pictures are real, what is
asked about them is made up.
"""

from __future__ import annotations

import io
import json

import numpy as np
import PIL.Image
import preparing
import tensorflow_datasets as tfds

from tfds_extra import registry

_SUBSETS = {"train": "train2014", "validation": "val2014"}


def test_question_types(real):
    """The classes are the published lists, in their order."""
    cls = registry.builder_cls("vqa")
    for config, name in (("v2", "mscoco"), ("v1", "mscoco"), ("abstract_v1", "abstract_v002")):
        lines = (real / f"QuestionTypes/{name}_question_types.txt").read_text("utf-8").splitlines()
        assert cls(config=config).info.features["question_type"].names == lines
        assert len(lines) == {"mscoco": 65, "abstract_v002": 81}[name]


def test_pictures(real, tmp_path):
    """Each published picture goes through the whole builder as it is."""
    folder = tmp_path / "manual"
    asked: dict[str, dict[str, bytes]] = {split: {} for split in _SUBSETS}
    for split, subset in _SUBSETS.items():
        (folder / subset).mkdir(parents=True)
        for path in sorted((real / subset).glob("*.jpg")):
            (folder / subset / path.name).write_bytes(path.read_bytes())
            asked[split][path.name] = path.read_bytes()
        ids = [int(name[-16:-4]) for name in asked[split]]
        questions = [
            {"image_id": i, "question": "Where is he?", "question_id": 1000 * i} for i in ids
        ]
        answers = [
            {
                "question_id": 1000 * i, "image_id": i, "question_type": "none of the above",
                "answer_type": "other", "multiple_choice_answer": "net",
                "answers": [
                    {"answer": "net", "answer_confidence": "maybe", "answer_id": n + 1} for n in range(10)
                ],
            }
            for i in ids
        ]  # fmt: skip
        for name, value in (
            (f"v2_OpenEnded_mscoco_{subset}_questions.json", {"questions": questions}),
            (f"v2_mscoco_{subset}_annotations.json", {"annotations": answers}),
            (f"v2_mscoco_{subset}_complementary_pairs.json", []),
        ):
            (folder / name).write_text(json.dumps(value))
    for name in ("test2015", "test-dev2015"):
        empty = {"questions": [{"image_id": 1, "question": "?", "question_id": 1000}]}
        (folder / f"v2_OpenEnded_mscoco_{name}_questions.json").write_text(json.dumps(empty))
    (folder / "test2015").mkdir()
    builder = preparing.prepared("vqa/v2_images", tmp_path / "data", folder, partial=True)
    assert sum(map(len, asked.values())) == 3
    for split, pictures in asked.items():
        raw = builder.as_dataset(split=split, decoders={"image": tfds.decode.SkipDecoding()})
        decoded = builder.as_dataset(split=split)
        assert {e["image/filename"].decode(): e["image"] for e in tfds.as_numpy(raw)} == pictures
        for example in tfds.as_numpy(decoded):
            with PIL.Image.open(io.BytesIO(pictures[example["image/filename"].decode()])) as one:
                expected = np.asarray(one.convert("RGB"), int)
            # Decoders of JPEG may round in other ways.
            assert np.abs(example["image"] - expected).mean() < 2
    assert "test" not in builder.info.splits  # Its question has no picture here.


def test_published_results_are_scored(real):
    """The example of a result file can be fed to the metric as it is."""
    from tfds_extra.datasets.vqa import accuracy

    results = json.loads(
        (real / "Results/OpenEnded_mscoco_train2014_fake_results.json").read_bytes()
    )
    predictions = [one["answer"] for one in results]
    assert predictions[0] == "donut" and len(results) == 10
    people = [[one] * 10 for one in predictions]
    assert accuracy.summary(accuracy.accuracies(people, predictions)) == {"overall": 100.0}
