"""One update: forward and backward pass, optimizer and moving average, of one batch that is already there."""

from functools import partial

from benchmarks import guided, huggingface, ours
from benchmarks.entries import COMPILED, EAGER, GPU, Contest, Row, Setting

PAPER, LAPTOP = ("paper", "scratch"), ("laptop", "scratch")
OWN = "`Trainer.train_batch`, its checks and what its log shows included"
THEIR = "`TrainLoop.run_step`, with the means and quartiles of its log"


def against_guided(scale: tuple[str, str], batch: int, seconds: float, setting: Setting) -> Contest:
    """Ours and guided-diffusion's own training loop, from the same weights."""
    recipe = ours.recipe_of(*scale)
    trainer = ours.trainer_of(recipe, setting)
    x0, labels = ours.batch_of(recipe, batch, setting.device)
    peer = guided.like(trainer.model)
    agreement = guided.same_outputs(trainer.model, peer, x0[:2], None if labels is None else labels[:2])
    loop = guided.training_loop(peer, recipe, batch, setting.scratch)
    conditions = {} if labels is None else {"y": labels}
    if setting.column.compiled:
        guided.compile_whole()
    setting.compile(trainer.model, peer)
    return Contest(
        ours=partial(trainer.train_batch, x0, labels),
        peer=lambda: setting.in_precision(lambda: loop.run_step(x0, conditions)),
        agreement=lambda: agreement,
        budget=setting.budget(seconds),
        counted=not setting.column.compiled,
    )


def update_57m(setting: Setting) -> Contest:
    """ADM's network for CIFAR-10."""
    batch = 128 if setting.column.device == "cuda" else 1 if setting.quick else 8
    return against_guided(PAPER, batch, 60, setting)


def update_laptop(setting: Setting) -> Contest:
    """The network of the default scale."""
    return against_guided(LAPTOP, 64, 10, setting)


def update_laptop_diffusers(setting: Setting) -> Contest:
    """The same beside the nearest network that diffusers has."""
    recipe = ours.recipe_of(*LAPTOP)
    trainer = ours.trainer_of(recipe, setting)
    x0, _ = ours.batch_of(recipe, 64, setting.device)
    peer = huggingface.network(trainer.model.config).to(setting.device)
    update = huggingface.updating(peer, recipe)
    sizes = [sum(p.numel() for p in network.parameters()) for network in (trainer.model, peer)]
    setting.compile(trainer.model, peer)
    return Contest(
        ours=partial(trainer.train_batch, x0, None),
        peer=partial(update, x0),
        agreement=lambda: (
            f"not the same network: {sizes[0]:,} parameters against {sizes[1]:,}, and it learns no variance"
        ),
        budget=setting.budget(10),
        counted=not setting.column.compiled,
    )


ROWS = (
    Row(
        "update-57m",
        "update of ADM's CIFAR-10 network (57 M parameters), batch 8 (GPU: 128)",
        OWN,
        f"guided-diffusion: {THEIR}",
        update_57m,
        (EAGER, COMPILED, *GPU),
        goal=0.85,
    ),
    Row(
        "update-laptop",
        "update at `laptop`, batch 64",
        OWN,
        f"guided-diffusion: {THEIR}",
        update_laptop,
        (EAGER, COMPILED),
        goal=0.80,
    ),
    Row(
        "update-laptop-diffusers",
        "update at `laptop`, batch 64, against the nearest network of diffusers",
        OWN,
        "diffusers: `UNet2DModel`, `DDPMScheduler`, `EMAModel` and AdamW, as in its example",
        update_laptop_diffusers,
        (EAGER, COMPILED),
    ),
)
