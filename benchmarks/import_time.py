"""What `import tfds_extra` adds to `import tensorflow_datasets`.

    python benchmarks/import_time.py

Each import runs in a process of its own; the first of them warms the disk cache and is left out.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

_ROUNDS = 9
_SCRIPT = """
import time
start = time.perf_counter()
import tensorflow_datasets
middle = time.perf_counter()
import tfds_extra
print(middle - start, time.perf_counter() - middle)
"""


def main() -> None:
    rounds = []
    for _ in range(_ROUNDS + 1):
        output = subprocess.run(
            [sys.executable, "-c", _SCRIPT], check=True, capture_output=True, text=True
        ).stdout
        rounds.append([1000 * float(seconds) for seconds in output.split()])
    standard, ours = (statistics.median(times) for times in zip(*rounds[1:]))
    print(f"import tensorflow_datasets: {standard:7.1f} ms")
    print(f"import tfds_extra adds:     {ours:7.1f} ms ({ours / standard:.1%})")


if __name__ == "__main__":
    main()
