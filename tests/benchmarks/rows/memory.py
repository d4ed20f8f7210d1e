"""The peak of memory of an update, and its CPU seconds, each side in a process of its own."""

import json
import subprocess
import sys

from benchmarks import peers
from benchmarks.entries import EAGER, GPU, Contest, Row, Setting
from benchmarks.method import Action, Budget, Sample, reported


def alone(side: str, suite: str, batch: int, setting: Setting) -> Sample:
    """What a process takes that makes updates of one side."""
    arguments = [side, suite, str(batch), setting.device.type, str(setting.scratch)]
    command = [sys.executable, "-m", "benchmarks.alone", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def memory(setting: Setting) -> Contest:
    """Batch 2; on a GPU 32. In a quick run the 57 M network's, batch 1."""
    peers.guided_diffusion()
    suite = "scratch" if setting.quick else "class-conditional"
    batch = 32 if setting.column.device == "cuda" else 1 if setting.quick else 2

    def side(name: str) -> Action:
        return lambda: alone(name, suite, batch, setting)

    return Contest(
        ours=side("ours"),
        peer=side("peer"),
        agreement=lambda: "same arguments of the network; its parameters are seeded on each side",
        budget=Budget(1, 1, 0) if setting.quick else Budget(2, 2, 0),
        warm=False,
        watch=reported,
        judged_by="bytes",
    )


ROWS = (
    Row(
        "memory-296m",
        "peak memory of an update of ADM's ImageNet-64 network (296 M parameters), batch 2 (GPU: 32)",
        "`Trainer.train_batch`",
        "guided-diffusion: `TrainLoop.run_step`",
        memory,
        (EAGER, GPU[0]),
        goal=0.85,
    ),
)
