"""Distances between two batches of images, one value per sample: what a consistency objective makes small."""

from collections.abc import Callable

from torch import Tensor

from atbench.runtime.errors import UserError
from atbench.spec.models.training import PlainDistance, PseudoHuber

LPIPS_SIDE = 224  # pixels; openai/consistency_models resizes as well
Distance = Callable[[Tensor, Tensor], Tensor]


def l2(a: Tensor, b: Tensor) -> Tensor:
    """(N,) mean squared difference."""
    return (a - b).square().mean(dim=(1, 2, 3))


def l1(a: Tensor, b: Tensor) -> Tensor:
    """(N,) mean absolute difference."""
    return (a - b).abs().mean(dim=(1, 2, 3))


def pseudo_huber(c: float) -> Distance:
    """mean(sqrt(d^2 + c^2) - c): squares below c, absolute values above (LCM's `huber_c`)."""
    return lambda a, b: (((a - b).square() + c**2).sqrt() - c).mean(dim=(1, 2, 3))


def lpips() -> Distance:
    """Learned perceptual distance on VGG-16 features at 224 pixels, (N,) (Zhang et al. 2018), by torch-fidelity.

    For colour images. Its weights come from torch's cache or are downloaded. Raises UserError when neither works.
    """
    from torch_fidelity.sample_similarity_lpips import SampleSimilarityLPIPS  # seconds to import, rarely wanted

    try:
        network = SampleSimilarityLPIPS("lpips", sample_similarity_resize=LPIPS_SIDE)
    except (OSError, RuntimeError) as error:
        raise UserError(f"distillation.distance: lpips: its weights cannot be had ({error})") from error
    return lambda a, b: network.to(a.device)(*((x + 1) * 127.5 for x in (a, b))).flatten()


DISTANCES = {"l2": lambda: l2, "l1": lambda: l1, "lpips": lpips}  # without a constant


def make_distance(entry: PlainDistance | PseudoHuber) -> Distance:
    """The distance of a ``distance:`` block, e.g. {kind: pseudo-huber, c: 0.001}."""
    return pseudo_huber(entry.c) if isinstance(entry, PseudoHuber) else DISTANCES[entry.kind]()
