"""What the benchmark scripts share: run sides in turn, take medians, print ratios."""

from __future__ import annotations

import pathlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping

import tensorflow_datasets as tfds


def interleaved(
    sides: Mapping[str, Callable[[], object]],
    repeat: int,
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds that each side took, run in turn so that a drift of the machine hits all alike.

    Args:
      sides: What to time, by name.
      repeat: Number of timed rounds.
      warm_up: Rounds before that, not timed.
      clock: What tells the time; `time.process_time` counts what all threads of this process work.

    Returns:
      One time a round for each side.
    """
    times: dict[str, list[float]] = {name: [] for name in sides}
    for round_ in range(warm_up + repeat):
        for name, run in sides.items():
            start = clock()
            run()
            elapsed = clock() - start
            if round_ >= warm_up:
                times[name].append(elapsed)
    return times


def makers(
    folder: pathlib.Path, *classes: type[tfds.core.DatasetBuilder]
) -> dict[str, Callable[[], tfds.core.DatasetBuilder]]:
    """For each class, by name, what makes a builder of it whose data folder is empty."""

    def maker(cls: type[tfds.core.DatasetBuilder]) -> Callable[[], tfds.core.DatasetBuilder]:
        def make() -> tfds.core.DatasetBuilder:
            shutil.rmtree(folder / cls.name, ignore_errors=True)
            return cls(data_dir=folder / cls.name)

        return make

    return {cls.name: maker(cls) for cls in classes}


def report(title: str, times: Mapping[str, list[float]], units: int, unit: str) -> None:
    """Prints the median of each side, and how many times as fast as the first side it is.

    The ratio is the median of the ratios round by round.
    """
    print(f"\n{title}")
    baseline = next(iter(times.values()))
    for name, seconds in times.items():
        median = statistics.median(seconds)
        ratio = statistics.median(b / s for b, s in zip(baseline, seconds))
        spread = f"{min(seconds):.3f}-{max(seconds):.3f}"
        print(
            f"  {name:24} {median:8.3f} s ({spread})  {units / median:10,.0f} {unit}/s"
            f"  {ratio:6.2f} x"
        )


def hugging_face(
    folder: pathlib.Path, kind: str, **options: object
) -> dict[str, Callable[[], None]]:
    """Sides that load files with Hugging Face `datasets`, with one worker and with two.

    Args:
      folder: Where its caches go, which are removed.
      kind: Of the files: "csv", "json".
      **options: Of `datasets.load_dataset`.

    Returns:
      What to time, by name; nothing where the library is not installed, which is printed.
    """
    try:
        import datasets
    except ImportError:
        print("Hugging Face datasets is not here: python -m pip install datasets")
        return {}
    datasets.disable_progress_bars()

    def load(workers: int) -> None:
        cache = tempfile.mkdtemp(dir=folder)
        processes = workers if workers > 1 else None
        datasets.load_dataset(kind, num_proc=processes, cache_dir=cache, **options)
        shutil.rmtree(cache)

    return {
        f"Hugging Face, {workers} worker(s)": lambda workers=workers: load(workers)
        for workers in (1, 2)
    }
