"""How the training timesteps of a batch are drawn."""

import torch
from torch import Tensor

HISTORY = 10  # losses kept per timestep
UNIFORM_SHARE = 0.001  # of the mixture, so that no timestep is ever forgotten


class UniformTimesteps:
    """t uniform over 0..T-1, all weights one."""

    def __init__(self, num_steps: int):
        self.num_steps = num_steps

    def draw(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Map uniforms u (N,) to timesteps (N,) and importance weights (N,)."""
        return (u * self.num_steps).long(), torch.ones_like(u)

    def observe(self, t: Tensor, losses: Tensor) -> None:
        pass

    def state(self) -> dict[str, Tensor]:
        return {}

    def load(self, state: dict[str, Tensor]) -> None:
        pass


class LossSecondMoment:
    """p_t proportional to sqrt(E[L_t^2]) over the last ten losses of each t, once every t has ten.

    Weights 1 / (T p_t) keep the loss unbiased. Uniforms go through the inverse CDF, so that methods whose
    probabilities agree draw the same t. Source: Nichol and Dhariwal 2021, section 3.3, equation 18;
    openai/guided-diffusion:guided_diffusion/resample.py.
    """

    def __init__(self, num_steps: int):
        self.num_steps = num_steps
        self.history = torch.zeros(num_steps, HISTORY, dtype=torch.float64)
        self.count = torch.zeros(num_steps, dtype=torch.long)

    def probabilities(self) -> Tensor:
        """(T,) float64."""
        uniform = torch.full((self.num_steps,), 1 / self.num_steps, dtype=torch.float64)
        if (self.count < HISTORY).any():
            return uniform
        weights = self.history.square().mean(1).sqrt()
        return (1 - UNIFORM_SHARE) * weights / weights.sum() + UNIFORM_SHARE * uniform

    def draw(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Map uniforms u (N,) to timesteps (N,) and importance weights (N,)."""
        p = self.probabilities()
        t = torch.searchsorted(p.cumsum(0), u.double(), right=True).clamp(max=self.num_steps - 1)
        return t, (1 / (self.num_steps * p[t])).to(u.dtype)

    def observe(self, t: Tensor, losses: Tensor) -> None:
        """Append per-sample losses (N,) to the histories of their timesteps, oldest first out."""
        for step, loss in zip(t.tolist(), losses.double().tolist()):
            filled = int(self.count[step])
            if filled == HISTORY:
                self.history[step, :-1] = self.history[step, 1:].clone()
                self.history[step, -1] = loss
            else:
                self.history[step, filled] = loss
                self.count[step] += 1

    def state(self) -> dict[str, Tensor]:
        return {"history": self.history, "count": self.count}

    def load(self, state: dict[str, Tensor]) -> None:
        self.history, self.count = state["history"], state["count"]


TIMESTEPS = {"uniform": UniformTimesteps, "loss-second-moment": LossSecondMoment}
