"""CPU seconds to import the metrics, with and without torch's compiler behind torchvision, side by side.

python tests/benchmarks/start_up.py
"""

import statistics
import subprocess
import sys

ROUNDS = 5
TIMED = "import time; begin = time.process_time(); {}; print(time.process_time() - begin)"
WAYS = {
    "torch alone": "import torch",
    "metrics": "import atbench.metrics.score",
    "metrics with the compiler": "import torchvision, atbench.metrics.score",
}


def seconds(statement: str) -> float:
    command = [sys.executable, "-c", TIMED.format(statement)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    times = {way: [] for way in WAYS}
    for _ in range(ROUNDS):  # interleaved, so that a busy machine slows all alike
        for way, statement in WAYS.items():
            times[way].append(seconds(statement))
    for way, values in times.items():
        ratio = statistics.median(value / base for value, base in zip(values, times["metrics"]))
        print(f"{way:26s} {statistics.median(values):5.1f} s, {ratio:4.2f} x metrics")


if __name__ == "__main__":
    main()
