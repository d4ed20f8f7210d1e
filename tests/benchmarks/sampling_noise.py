"""How much of a Frechet distance is chance: real images, and images of one network, drawn again and again.

    python tests/benchmarks/sampling_noise.py FILE.json CELL...

The cells are of one scale and suite, whose reference and weights are there. FILE says, for as many images as a cell
has: `floor`, training images drawn with replacement; `fresh`, images that no model saw, drawn from all and judged by
the rest, as a ratio to the floor of that rest, which should be 1 + n/m; `cells`, further latents through one network.
"""

import argparse
from collections.abc import Iterator
from statistics import mean, stdev

import torch
from torch import Tensor

from atbench.metrics.frechet import frechet
from atbench.metrics.reference import feature_statistics
from atbench.rng import generator
from atbench.runtime import provenance
from atbench.runtime.device import choose, describe
from atbench.runtime.files import file_hash
from atbench.runtime.json_files import write_json
from atbench.spec.address import parse_cell
from atbench.spec.load import load_cell
from atbench.spec.run import CellSpec
from atbench.tasks.evaluate import generator_of
from atbench.tasks.judge import Judge

DRAWS = 400  # of real images
SETS = 16  # of generated ones
SPLITS = ((449, 449), (449, 1348), (599, 1198), (898, 898))  # drawn, left to judge them by
NAME = "sampling-noise"


def distance(drawn: Tensor, judge: Tensor) -> float:
    return frechet(feature_statistics(drawn), feature_statistics(judge))


def summary(values: list[float]) -> dict[str, float]:
    return {"mean": mean(values), "std": stdev(values), "draws": len(values)}


def floors(features: Tensor, n: int, name: str) -> Iterator[float]:
    random = generator(NAME, name, n, len(features))
    for _ in range(DRAWS):
        yield distance(features[torch.randint(len(features), (n,), generator=random)], features)


def fresh(features: Tensor, n: int, m: int) -> dict[str, float]:
    """Mean distance of n images from m others, beside that of n resampled from the m, over random splits."""
    random, drawn, resampled = generator(NAME, "fresh", n, m), [], []
    for _ in range(DRAWS):
        order = torch.randperm(len(features), generator=random)
        rest = features[order[n : n + m]]
        drawn.append(distance(features[order[:n]], rest))
        resampled.append(distance(rest[torch.randint(m, (n,), generator=random)], rest))
    ratio = mean(drawn) / mean(resampled)
    return {"n": n, "m": m, "fresh": mean(drawn), "floor": mean(resampled), "ratio": ratio, "1 + n/m": 1 + n / m}


def other_latents(cell: CellSpec, judge: Judge, samples: int, device: torch.device) -> dict:
    """The distances of SETS sets of ``samples`` images; the first is the cell's own."""
    images = generator_of(cell, device)(SETS * samples)[0]
    features = judge.extractor(images).features
    found = [frechet(feature_statistics(part), judge.reference.train.statistics) for part in features.split(samples)]
    weights = file_hash(cell.run.address.weights(cell.address.step))
    return {"cell": cell.address.axes, "weights": weights} | summary(found) | {"fd": found}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("cells", nargs="+", type=parse_cell)
    options = parser.parse_args()
    cells = [load_cell(address) for address in options.cells]
    suite, judging = cells[0].run.suite, cells[0].run.judging
    samples, device = suite.evaluation.samples, choose(suite.threads)
    judge = Judge(judging, device)
    train, heldout = (split.features.features for split in (judge.reference.train, judge.reference.heldout))
    content = {
        "samples": samples,
        "floor": summary(list(floors(train, samples, "floor"))),
        "fresh": [fresh(torch.cat([train, heldout]), n, m) for n, m in SPLITS],
        "cells": [other_latents(cell, judge, samples, device) for cell in cells],
        "inputs": judge.inputs,
        "provenance": provenance.commit() | {"versions": provenance.versions(), "device": describe(device)},
    }
    write_json(options.file, content)


if __name__ == "__main__":
    main()
