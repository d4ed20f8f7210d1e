"""DREAM: the network's own prediction at the same time, taken for the truth and noised again."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from atbench.training.draw import Draw
from atbench.training.perturbations.one_round import OneRound


@dataclass(frozen=True)
class DreamPerturbation(OneRound):
    """DREAM: delta = sigma_t^(1 + p) (eps - eps_hat(x_t, t)), and the target follows (Zhou et al. 2024).

    For p = 0 the network sees alpha_t x0_hat + sigma_t eps, its own estimate x0_hat in the place of x0 ("diffusion
    rectification"); p > 0 weakens that where there is little noise ("estimation adaptation"). The target becomes eps +
    sigma_t^p (eps - eps_hat), which still points to x0. The prediction is made without dropout and without a gradient.
    Source: jinxinzhou/DREAM:sr3/model/sr3_modules/diffusion.py (p there is ``order``); huggingface/diffusers:
    training_utils.py has the same rule. There is no variance term in either: here it stands at the perturbed state.
    """

    kind: ClassVar[str] = "dream"
    follow: ClassVar[bool] = True
    perturbs: ClassVar[str] = "noise-prediction"
    passes: ClassVar[int] = 1
    power: Annotated[float, Field(ge=0, le=100)]  # p: 0 is the whole of the network's error, at every noise level

    def start(self, draw: Draw, names: tuple) -> Tensor:
        assert draw.predict is not None
        eps_hat = draw.predict(draw.state, draw.t)[:, : draw.state.shape[1]]
        return draw.sigma ** (1 + self.power) * (draw.eps - eps_hat)

    @staticmethod
    def identities() -> dict[str, tuple[Tensor, Tensor]]:
        """A network that knows the noise makes no error."""
        eps = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 1, 2, 2)
        sigma = torch.full((3, 1, 1, 1), 0.5, dtype=torch.float64)
        t = torch.zeros(3, dtype=torch.long)
        draw = Draw(eps, eps, sigma, sigma.flatten(), None, t, eps, predict=lambda x, _: torch.cat([eps, eps], 1))
        return {"no error, no delta": (DreamPerturbation(power=1.0).start(draw, ()), torch.zeros_like(eps))}
