"""Measure what a run's network says of held-out images before and after its training: one JSON beside its last step."""

import torch
from torch import Tensor

from atbench import plan, slices
from atbench.data import ImageSet, load
from atbench.diffusion.process import Process
from atbench.mismatch.trajectory import Denoiser
from atbench.models.weights import load_model
from atbench.rng import gaussian, generator
from atbench.runtime.device import choose, cpu_seconds
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash, write_json
from atbench.spec.address import Run
from atbench.tasks.run_record import measured, network_name, trained
from atbench.tasks.train import new_trainer, start_from_parent
from atbench.training.objectives import make_objective

FILE = "experiments/heldout.yaml"
BLOCK = 64  # images per pass, always: CPU convolutions give other bits at other batch sizes


def heldout(run: Run) -> None:
    """Write ``heldout.json`` of a run: eps-MSE and learned variance at fixed timesteps, of the weights that its
    training began with and of the averaged ones at its end, on the same noisy images.

    Raises UserError for a run that is missing, stale or conditional, or was not trained to predict noise of pixels.
    """
    benchmark = plan.of_run(run)
    settings, record = benchmark.heldout, trained(run)
    refuse_others(benchmark, run, record["slice"])
    begin, device = cpu_seconds(), choose(benchmark.sizes["threads"])
    data = {split: load(plan.data_of(benchmark, run.suite), split) for split in ("train", "held-out")}
    images = chosen(data["held-out"], settings["images"]).to(device)
    names = ("heldout", *record["slice"]["seed_names"])
    trainer = new_trainer(record["slice"], data["train"], device)
    start_from_parent(trainer, record["slice"], plan.parents(benchmark, run))
    models = {
        "before": trainer.model.eval(),
        "after": load_model(run.weights(), network_name(record["slice"])).to(device),
    }
    process = make_objective(record["slice"]).process
    said = {
        t: {state: predictions(model, images, process, t, names) for state, model in models.items()}
        for t in settings["levels"]
    }
    content = {
        "run": run.axes,
        "eps_mse": [
            {"t": t} | {state: mean_and_error(errors) for state, (errors, _) in at.items()} for t, at in said.items()
        ],
        "variance_fraction": [
            {"t": t} | {state: variance for state, (_, variance) in at.items()} for t, at in said.items()
        ],
        "counts": record["counts"] | {"images": len(images), "parameters": record["parameters"]},
        "settings": settings,
        "config": {"training": record["digest"], "heldout": slices.heldout_digest(benchmark, run)},
        "inputs": {
            "weights": file_hash(run.weights()),
            "data": {split: {"name": found.name, "hash": found.hash} for split, found in data.items()},
        },
        "provenance": measured("heldout", device, begin),
    }
    write_json(plan.heldout_path(run), content)


def refuse_others(benchmark, run: Run, config: dict) -> None:
    """Raises UserError naming what keeps a run from being measured."""
    faults = {
        f"suite {run.suite} is not among suites": run.suite not in benchmark.heldout["suites"],
        f"{run.suite} is conditional": config.get("conditional"),
        f"{run.suite} works in a latent space": plan.is_latent(benchmark, run.suite),
        f"objective {config['objective']} predicts no noise": config["objective"] != "noise-prediction",
        f"{run.suite} was trained elsewhere": "imported" in config,
    }
    for fault, found in faults.items():
        if found:
            raise UserError(f"{FILE}: {run}: {fault}")


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
    """What a network says of x_t at the timestep t, the noise drawn by ``names`` and t: (N,) mean over pixels of
    (eps - eps_hat)^2, and the mean of its variance's place between the posterior variance (0) and beta_t (1) on a
    logarithmic scale (Nichol and Dhariwal 2021, equation 15), None where it predicts no variance.
    """
    eps = gaussian(images.shape, *names, t).to(images)
    times = torch.full((len(images),), t, device=images.device)
    states = process.q_sample(images, times, eps)
    said = torch.cat([denoise(x, at) for x, at in zip(states.split(BLOCK), times.split(BLOCK))])
    channels = eps.shape[1]
    errors = (eps - said[:, :channels]).square().flatten(1).mean(1).cpu()
    variance = said[:, channels:]
    return errors, ((variance + 1) / 2).mean().item() if variance.numel() else None
