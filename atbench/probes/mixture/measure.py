"""Measure plain and robust fits on the Gaussian mixture, in closed form."""

import torch

from atbench.mismatch import robust_fit
from atbench.mismatch.gaussian_mixture import Mixture
from atbench.probes.mixture import PROBE
from atbench.runtime.device import cpu_seconds
from atbench.runtime.records import write_record
from atbench.spec.benchmark import Benchmark
from atbench.tasks.run_record import measured


def measure(benchmark: Benchmark) -> None:
    """Write ``mixture.json`` of a scale. Raises UserError for a mixture that is none."""
    begin, settings = cpu_seconds(), PROBE.settings(benchmark)
    mixture = Mixture(**settings.mixture.written())
    content = {
        "rows": robust_fit.measure(mixture, settings.nfe, settings.bumps, settings.radii.written()),
        "settings": settings.written(),
        "config": PROBE.digests(benchmark),
        # On the CPU: float64, which not every device knows.
        "provenance": measured(PROBE.name, torch.device("cpu"), begin, PROBE.sources),
    }
    write_record(PROBE.path(benchmark), content)
