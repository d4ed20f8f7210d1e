"""Classification: trains the small network whose features measure the distances."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from atbench.rng import uniform
from atbench.training.draw import Draw
from atbench.training.objectives.base import Objective

SHIFT = 1  # pixels by which an image may be moved in each direction, so that features tolerate it


class Classify(Objective):
    """Cross-entropy per sample on randomly shifted images; a delta would act on the image itself (noise level one)."""

    kind = "classify"
    network = "digits-classifier"

    def draw(self, x0: Tensor, labels: Tensor | None, names: tuple) -> Draw:
        """Shift every image by its own offset drawn by name."""
        offsets = (uniform((len(x0), 2), *names, "shift") * (2 * SHIFT + 1)).long().tolist()
        padded = F.pad(x0, [SHIFT] * 4, value=-1.0)  # -1 is the digits' background
        size = x0.shape[-1]
        crops = [image[:, i : i + size, j : j + size] for image, (i, j) in zip(padded, offsets)]
        ones = torch.ones(len(x0), 1, 1, 1, device=x0.device)
        zeros = torch.zeros(len(x0), dtype=torch.long, device=x0.device)
        return Draw(x0, torch.stack(crops), ones, ones.flatten(), labels, zeros, torch.zeros_like(x0))

    def predict(self, model: nn.Module, draw: Draw, x: Tensor, t: Tensor) -> Tensor:
        """Logits (N, classes)."""
        return model(x)

    def losses(self, model: nn.Module, draw: Draw, delta: Tensor, follow: bool) -> dict[str, Tensor]:
        """Per-sample cross-entropy (N,); there is no target that could follow delta."""
        return {"loss": F.cross_entropy(model(draw.state + delta), draw.labels, reduction="none")}
