"""The official accuracy of VQA against the evaluator's steps, and how fast questions are prepared.

    python -m pip install datasets     # else that side is left out
    python benchmarks/vqa.py           # 50,000 questions

Answers and questions are made up, about as long and as often alike as the published ones. Scoring runs
the steps of the published evaluator (tests/vqa_evaluator.py) on the same answers; both must give the
same numbers. Preparing reads the published layout; plain TFDS writes the same examples as ours with its
own engine, and Hugging Face makes what its users make of these files: a table from a generator that
joins questions and answers, read by `json`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pathlib
import random
import resource
import shutil
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import tensorflow_datasets as tfds

import tfds_extra
from tfds_extra.datasets.vqa import accuracy

# Not by the path of the tests: their folder `datasets` would stand for Hugging Face's library.
_FILE = pathlib.Path(__file__).resolve().parents[1] / "tests" / "vqa_evaluator.py"
_SPEC = importlib.util.spec_from_file_location("vqa_evaluator", _FILE)
vqa_evaluator = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(vqa_evaluator)

_WORDS = (
    "man woman tennis racket on the table left right white and black dog cat pizza field".split()
)
_SUBSET = "train2014"


def _answers(dice: random.Random) -> list[str]:
    """Ten answers, as often alike as the published ones."""
    kind = dice.random()
    if kind < 0.38:
        return dice.choices(["yes", "no"], dice.choice([(1, 0), (0, 1), (7, 3)]), k=10)
    if kind < 0.5:
        return dice.choices([str(dice.randrange(5)), "2", "two", "10"], (7, 1, 1, 1), k=10)
    own = [" ".join(dice.choices(_WORDS, k=dice.choice((1, 1, 1, 2, 3)))) for _ in range(3)]
    return dice.choices([*own, f"a {own[0]}", f"{own[1]}."], (6, 2, 1, 1, 1), k=10)


def generate(folder: pathlib.Path, count: int) -> None:
    """Writes made-up questions and answers in the layout of v2."""
    dice = random.Random(0)
    questions, annotations = [], []
    for number in range(count):
        ids = {"image_id": number // 5, "question_id": number // 5 * 1000 + number % 5}
        text = f"What is the {' '.join(dice.choices(_WORDS, k=4))} in picture {number % 997}?"
        questions.append({**ids, "question": text})
        answers = _answers(dice)
        annotations.append(
            {
                **ids, "question_type": "what is the", "answer_type": "other",
                "multiple_choice_answer": max(answers, key=answers.count),
                "answers": [
                    {"answer": answer, "answer_confidence": "yes", "answer_id": person + 1}
                    for person, answer in enumerate(answers)
                ],
            }
        )  # fmt: skip
    one = {"questions": questions[:1]}
    for name, document in (
        (f"v2_OpenEnded_mscoco_{_SUBSET}_questions.json", {"questions": questions}),
        (f"v2_mscoco_{_SUBSET}_annotations.json", {"annotations": annotations}),
        (f"v2_mscoco_{_SUBSET}_complementary_pairs.json", []),
        ("v2_OpenEnded_mscoco_val2014_questions.json", one),
        ("v2_mscoco_val2014_annotations.json", {"annotations": annotations[:1]}),
        ("v2_mscoco_val2014_complementary_pairs.json", []),
        ("v2_OpenEnded_mscoco_test2015_questions.json", one),
        ("v2_OpenEnded_mscoco_test-dev2015_questions.json", one),
    ):
        (folder / name).write_text(json.dumps(document), encoding="utf-8")


def score(count: int, repeat: int) -> None:
    """Prints how long scoring takes on each side."""
    dice = random.Random(1)
    answers = [_answers(dice) for _ in range(count)]
    predictions = [dice.choice([*some, "yes"]) for some in answers]
    for edition in accuracy.EDITIONS:
        evaluator = vqa_evaluator.Evaluator(edition)
        results = {}

        def theirs(evaluator=evaluator, results=results) -> None:
            results["theirs"] = [evaluator(*one) for one in zip(answers, predictions)]

        def ours(edition=edition, results=results) -> None:
            accuracy._normal.cache_clear()
            accuracy._without_punctuation.cache_clear()
            results["ours"] = accuracy.accuracies(answers, predictions, edition).tolist()

        times = common.interleaved({"evaluator's steps": theirs, "ours": ours}, repeat)
        assert results["theirs"] == results["ours"]
        common.report(f"accuracy of {count:,} answers, edition {edition}", times, count, "answers")


def prepare(count: int, repeat: int, folder: pathlib.Path) -> None:
    """Prints how long preparing takes on each side."""
    import tensorflow  # noqa: F401  Loaded before anything is timed.

    manual_dir = folder / "json"
    manual_dir.mkdir()
    generate(manual_dir, count)
    cls = tfds.builder_cls("vqa")
    plain = tfds.core.GeneratorBasedBuilder.download_and_prepare

    def made(run, **kwargs) -> None:
        data_dir = tempfile.mkdtemp(dir=folder)
        builder = cls(data_dir=data_dir, config="v2", partial=True, **kwargs)
        run(builder, download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
        assert builder.info.splits["train"].num_examples == count
        shutil.rmtree(data_dir)

    sides = {
        "TFDS writing ours": lambda: made(plain),
        "ours, 1 process": lambda: made(cls.download_and_prepare, num_workers=1),
        **_hugging_face(manual_dir, folder),
    }
    times = common.interleaved(sides, repeat, warm_up=0)
    common.report(f"{count:,} questions of VQA with answers", times, count, "questions")


def _hugging_face(manual_dir: pathlib.Path, folder: pathlib.Path) -> dict:
    try:
        import datasets
    except ImportError:
        print("Hugging Face datasets is not here: python -m pip install datasets")
        return {}
    datasets.disable_progress_bars()

    def rows(**_):
        read = lambda name: json.loads((manual_dir / name).read_bytes())  # noqa: E731
        answers = {
            row["question_id"]: row
            for row in read(f"v2_mscoco_{_SUBSET}_annotations.json")["annotations"]
        }
        for row in read(f"v2_OpenEnded_mscoco_{_SUBSET}_questions.json")["questions"]:
            yield row | answers[row["question_id"]]

    def run() -> None:
        cache = tempfile.mkdtemp(dir=folder)
        datasets.Dataset.from_generator(rows, cache_dir=cache)
        shutil.rmtree(cache)

    return {"Hugging Face": run}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    tfds.disable_progress_bar()
    score(arguments.questions, arguments.repeat)
    with tempfile.TemporaryDirectory() as folder:
        prepare(arguments.questions, arguments.repeat, pathlib.Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\npeak memory of all sides together: {peak / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
