"""Measure which share of sampled images a classifier trained apart recognises."""

from typing import Any

import torch
from torch import Tensor, nn

from atbench.data import ImageSet, load_to_use, to_float
from atbench.probes.recognition import PROBE
from atbench.runtime.device import choose, cpu_seconds
from atbench.runtime.files import file_hash
from atbench.runtime.records import write_record
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Benchmark
from atbench.spec.run import RunSpec
from atbench.tasks.evaluate import generator_of, sampler_of
from atbench.tasks.run_record import measured, trained
from atbench.tasks.train import batches_of, new_trainer

BLOCK = 256  # images per pass


def measure(benchmark: Benchmark) -> None:
    """Write ``recognition.json`` of a scale: train the classifier, sample the cells, and ask.

    Raises UserError for a scale without a classifier of its own, runs that are missing or stale, and images without
    classes.
    """
    begin, settings, device = cpu_seconds(), PROBE.settings(benchmark), choose(benchmark.file.threads)
    run, cells = PROBE.classifier(benchmark), PROBE.cells(benchmark)
    for cell in cells:
        sampler_of(cell)  # refuses what cannot be sampled before anything is trained
        trained(cell.run)
    classifier = classifier_of(run, device)
    heldout = load_to_use(benchmark.suite(settings.suite).judged_by, "held-out")
    rows = []
    for cell in cells:
        images, _, _ = generator_of(cell, device)(cell.run.suite.evaluation.samples)
        seen = says(classifier, images, settings.sure)
        axes = {key: value for key, value in cell.address.axes.items() if key in ("method", "seed", "sampler", "nfe")}
        rows.append(axes | seen | {"weights": file_hash(cell.run.address.weights(FINAL))})
        print(f"{cell}: {seen['recognised']:.1%} recognised", flush=True)
    content = {
        "classifier": {"seed": settings.seed, "batches": run.batches, "accuracy": accuracy(classifier, heldout)},
        "real": says(classifier, heldout.images, settings.sure),
        "rows": rows,
        "settings": settings.written(),
        "config": PROBE.digests(benchmark),
        "provenance": measured(PROBE.name, device, begin, PROBE.sources),
    }
    write_record(PROBE.path(benchmark), content)


def classifier_of(run: RunSpec, device: torch.device) -> nn.Module:
    """The classifier of a run, trained here; its weights are not kept."""
    images, recipe = load_to_use(run.suite.data, "train"), run.recipe
    trainer = new_trainer(recipe, images, device)
    batches = batches_of(images, recipe)
    for index in range(run.batches):
        trainer.train_batch(*batches.batch(index))
    return trainer.ema.module.eval()


def says(classifier: nn.Module, images: Tensor, sure: float) -> dict[str, Any]:
    """What a classifier says of uint8 images (N, C, H, W).

    recognised  share whose top class has a probability above ``sure``
    top         mean probability of the top class
    classes     exp of the entropy of the top classes' shares: how many there are, rare ones counted less
    """
    probability, classes = probabilities(classifier, images).max(dim=1)
    shares = classes.bincount() / len(classes)
    entropy = -torch.special.xlogy(shares, shares).sum()
    return {
        "images": len(images),
        "recognised": (probability > sure).double().mean().item(),
        "top": min(probability.double().mean().item(), 1.0),
        "classes": entropy.exp().item(),
    }


def accuracy(classifier: nn.Module, images: ImageSet) -> float:
    """Share of images whose top class is their own."""
    found = probabilities(classifier, images.images).argmax(dim=1)
    return (found == images.labels).double().mean().item()


@torch.no_grad()
def probabilities(classifier: nn.Module, images: Tensor) -> Tensor:
    """Probabilities (N, classes) of uint8 images (N, C, H, W)."""
    device = next(classifier.parameters()).device
    return torch.cat([classifier(to_float(part).to(device)).softmax(dim=1).cpu() for part in images.split(BLOCK)])
