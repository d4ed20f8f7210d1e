"""Measure what a run's network predicts on held-out images before and after its training."""

import torch
from torch import Tensor, nn

from atbench.data import ImageSet, load
from atbench.diffusion.process import Process
from atbench.mismatch.trajectory import Denoiser
from atbench.models.weights import load_model
from atbench.probes.heldout import PROBE
from atbench.rng import gaussian, generator
from atbench.runtime.device import choose, cpu_seconds
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.runtime.records import write_record
from atbench.spec.models.methods import NOISE_PREDICTION
from atbench.spec.run import RunSpec
from atbench.tasks.run_record import measured, trained
from atbench.tasks.train import new_trainer, start_from_parent
from atbench.training.objectives import make_objective

BLOCK = 64  # images per pass, always: CPU convolutions give other bits at other batch sizes


def measure(run: RunSpec) -> None:
    """Write ``heldout.json`` of a run: eps-MSE and learned variance at fixed timesteps, of the weights that its
    training began with and of the averaged ones at its end, on the same noisy images.

    Raises UserError for a run that is missing, stale or conditional, or was not trained to predict noise of pixels.
    """
    refuse_others(run)
    settings, record = PROBE.settings_of(run), trained(run)
    begin, device = cpu_seconds(), choose(run.suite.threads)
    data = {split: load(run.suite.data, split) for split in ("train", "held-out")}
    images = chosen(data["held-out"], settings.images).to(device)
    models = {state: model.to(device) for state, model in networks(run, data["train"], device).items()}
    process, names = make_objective(run.recipe).process, (PROBE.name, *run.recipe.seed_names)
    found = {
        t: {state: predictions(model, images, process, t, names) for state, model in models.items()}
        for t in settings.levels
    }
    content = {
        "run": run.address.axes,
        "eps_mse": [
            {"t": t} | {state: mean_and_error(errors) for state, (errors, _) in at.items()} for t, at in found.items()
        ],
        "variance_fraction": [
            {"t": t} | {state: variance for state, (_, variance) in at.items()} for t, at in found.items()
        ],
        "counts": record["counts"] | {"images": len(images), "parameters": record["parameters"]},
        "settings": settings.written(),
        "config": PROBE.digests(run),
        "inputs": {
            "weights": file_hash(run.address.weights()),
            "data": {split: {"name": part.name, "hash": part.hash} for split, part in data.items()},
        },
        "provenance": measured(PROBE.name, device, begin, PROBE.sources),
    }
    write_record(PROBE.path(run), content)


def refuse_others(run: RunSpec) -> None:
    """Raises UserError naming what keeps a run from being measured."""
    suite = run.suite
    faults = {
        f"suite {suite.name} is not among suites": suite.name not in PROBE.settings_of(run).suites,
        f"{suite.name} is conditional": suite.conditional,
        f"{suite.name} works in a latent space": suite.is_latent,
        f"objective {run.objective} predicts no noise": run.objective != NOISE_PREDICTION,
        f"{suite.name} was trained elsewhere": suite.is_imported,
    }
    for fault, found in faults.items():
        if found:
            raise UserError(f"experiments/heldout.yaml: {run}: {fault}")


def networks(run: RunSpec, images: ImageSet, device: torch.device) -> dict[str, nn.Module]:
    """The network before and after its training, in evaluation mode."""
    trainer = new_trainer(run.recipe, images, device)
    start_from_parent(trainer, run)
    return {"before": trainer.model.eval(), "after": load_model(run.address.weights(), run.recipe.network_kind)}


def chosen(heldout: ImageSet, count: int) -> Tensor:
    """Float images in a fixed random choice of at most ``count``."""
    order = torch.randperm(len(heldout), generator=generator("heldout", heldout.name, len(heldout)))
    return heldout.floats(order[:count])


def mean_and_error(errors: Tensor) -> dict[str, float]:
    """Mean of errors (N,) and its standard error over images."""
    return {"mse": errors.mean().item(), "se": (errors.std() / len(errors) ** 0.5).item()}


@torch.no_grad()
def predictions(
    denoise: Denoiser, images: Tensor, process: Process, t: int, names: tuple
) -> tuple[Tensor, float | None]:
    """What a network predicts from x_t at the timestep t, the noise drawn by ``names`` and t: (N,) mean over pixels of
    (eps - eps_hat)^2, and the mean of its variance's place between the posterior variance (0) and beta_t (1) on a
    logarithmic scale (Nichol and Dhariwal 2021, equation 15), None where it predicts no variance.
    """
    eps = gaussian(images.shape, *names, t).to(images)
    times = torch.full((len(images),), t, device=images.device)
    states = process.q_sample(images, times, eps)
    output = torch.cat([denoise(x, at) for x, at in zip(states.split(BLOCK), times.split(BLOCK))])
    channels = eps.shape[1]
    errors = (eps - output[:, :channels]).square().flatten(1).mean(1).cpu()
    variance = output[:, channels:]
    return errors, ((variance + 1) / 2).mean().item() if variance.numel() else None
