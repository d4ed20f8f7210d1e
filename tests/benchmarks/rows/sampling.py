"""Images by DDIM from the same latents and weights, down to uint8."""

from collections.abc import Callable

from torch import Tensor, nn

from atbench.data import to_uint8
from benchmarks import guided, ours
from benchmarks.entries import COMPILED, EAGER, GPU, Contest, Disagreement, Row, Setting

MOST_UNEQUAL = 0.01  # share of values that may differ, by one of 255: rounding


class Side:
    """One side, which keeps the images that it made last."""

    def __init__(self, make: Callable[[], Tensor]) -> None:
        self.make, self.images = make, Tensor()

    def __call__(self) -> None:
        self.images = self.make()


def contest(scale: str, nfe: int, block: int, seconds: float, setting: Setting) -> Contest:
    """Ours and guided-diffusion's DDIM loop."""
    recipe = ours.recipe_of(scale, "scratch")
    model = ours.trainer_of(recipe, setting).model.eval()
    peer = guided.like(model).eval()
    setting.compile(model, peer)
    generator = ours.sampling_of(model, nfe, block, setting)
    sides = (
        Side(lambda: setting.in_precision(lambda: generator(block)[0])),
        Side(lambda: setting.in_precision(lambda: by_peer(peer, nfe, block, setting))),
    )
    exact = setting.column == EAGER
    return Contest(
        *sides,
        agreement=lambda: compared(*(side.images for side in sides), exact),
        budget=setting.budget(seconds),
        counted=not setting.column.compiled,
    )


def by_peer(model: nn.Module, nfe: int, block: int, setting: Setting) -> Tensor:
    """`ddim_sample_loop`, and its script's way to uint8."""
    config = model.in_channels, model.image_size, model.image_size
    x_T = ours.latents((block, *config)).to(setting.device)
    return to_uint8(guided.ddim(model, nfe, x_T)).cpu()


def compared(one: Tensor, other: Tensor, exact: bool) -> str:
    """How many values of the images differ. Raises Disagreement for more than rounding does in single precision."""
    difference = (one.int() - other.int()).abs()
    unequal = (difference > 0).float().mean().item()
    if exact and (difference.max() > 1 or unequal > MOST_UNEQUAL):
        raise Disagreement(f"{100 * unequal:.2g} % of the values differ, by up to {difference.max()} of 255")
    return f"same latents and weights; {100 * unequal:.2g} % of the values differ, by up to {difference.max()} of 255"


def sampling_57m(setting: Setting) -> Contest:
    """ADM's network for CIFAR-10."""
    block = 128 if setting.column.device == "cuda" else 1 if setting.quick else 4
    return contest("paper", 5, block, 40, setting)


def sampling_laptop(setting: Setting) -> Contest:
    """The network of the default scale."""
    return contest("laptop", 10, 128, 10, setting)


OWN, THEIR = "`Generator` with the sampler `ddim`", "guided-diffusion: `ddim_sample_loop`"
ROWS = (
    Row(
        "sampling-57m",
        "DDIM, 5 steps, by the 57 M network: 4 images (GPU: 128)",
        OWN,
        THEIR,
        sampling_57m,
        (EAGER, COMPILED, *GPU),
        goal=0.98,
    ),
    Row(
        "sampling-laptop",
        "DDIM, 10 steps, at `laptop`: 128 images",
        OWN,
        THEIR,
        sampling_laptop,
        (EAGER, COMPILED),
        goal=0.98,
    ),
)
