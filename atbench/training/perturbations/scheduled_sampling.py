"""Scheduled sampling: the network's input at t is what its own steps from t + m have left."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from atbench.diffusion.process import Process
from atbench.diffusion.schedule import cosine_schedule
from atbench.rng import gaussian, uniform
from atbench.spec.fields import Timestep
from atbench.training.draw import Draw
from atbench.training.perturbations.one_round import OneRound


@dataclass(frozen=True)
class ScheduledSampling(OneRound):
    """x_{t+m} is noised from x0, the network takes m steps down to t, and the target follows (Deng et al. 2023).

    A step from s to s - 1 is x0_hat = (x_s - sigma_s eps_hat(x_s, s)) / alpha_s, noised anew to s - 1. The last one
    takes the batch's own eps, which x_{t+m} does not hold: so delta = alpha_t (x0_hat - x0), the error of the
    prediction alone, and the law of what the network sees is that of fresh noise in every step. The predictions are
    made without dropout and without a gradient. Source: da03/markup2im:src/train.py.

    Not as there: each sample decides by itself, at a constant probability, whether its input is the network's own.
    There a batch decides as one, at a probability that rises with training, and not while it holds a t up to `above`,
    as nearly every batch of 128 does. There is no variance term there; here it stands at the perturbed state.
    """

    kind: ClassVar[str] = "scheduled-sampling"
    follow: ClassVar[bool] = True
    perturbs: ClassVar[str] = "noise-prediction"
    passes: ClassVar[str] = "steps"
    steps: Annotated[int, Field(ge=1, le=100)]  # m: steps of the network before t
    above: Timestep  # the last timestep at which it never acts: delta / sigma_t has no bound where there is no noise
    share: Annotated[float, Field(gt=0, le=1)] = 1.0  # of the samples whose input is the network's own
    clip: bool = True  # cut x0_hat to [-1, 1], as samplers of images do

    def start(self, draw: Draw, names: tuple) -> Tensor:
        assert draw.predict is not None
        process, channels = Process(cosine_schedule()), draw.state.shape[1]
        last = process.num_steps - 1
        x0_hat = draw.x0
        for m in range(self.steps, 0, -1):
            s = (draw.t + m).clamp(max=last)
            x_s = process.q_sample(x0_hat, s, gaussian(draw.state.shape, *names, "own steps", m).to(draw.state))
            x0_hat = process.x0_from_eps(x_s, s, draw.predict(x_s, s)[:, :channels])
            x0_hat = x0_hat.clamp(-1, 1) if self.clip else x0_hat
        chosen = uniform((len(draw.t),), *names, "own steps").to(draw.state) < self.share
        acts = chosen & (draw.t > self.above) & (draw.t + self.steps <= last)
        delta = process.alpha(draw.t, draw.state) * (x0_hat - draw.x0)
        return torch.where(acts[:, None, None, None], delta, 0)

    @staticmethod
    def identities() -> dict[str, tuple[Tensor, Tensor]]:
        """A network that knows the image makes no error."""
        process, t = Process(cosine_schedule()), torch.tensor([100, 500, 900])
        x0 = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 1, 2, 2)
        eps = x0.flip(0)

        def predict(x: Tensor, s: Tensor) -> Tensor:
            return torch.cat([process.eps_from_x0(x, s, x0)] * 2, 1)

        draw = Draw(x0, x0, process.sigma(t, x0), t.double(), None, t, eps, predict=predict)
        delta = ScheduledSampling(steps=3, above=50).start(draw, ("identity",))
        return {"no error, no delta": (delta, torch.zeros_like(delta))}
