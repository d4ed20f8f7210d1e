"""The contract of a sampler: what evaluation relies on."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from atbench.contracts import bench
from atbench.contracts.finding import Broken, Check, identities
from atbench.rng import gaussian
from atbench.runtime.errors import UserError
from atbench.sampling import CountingDenoiser, make_sampler
from atbench.spec import nfe
from atbench.spec.classes import Declared
from atbench.spec.models.samplers import Sampler
from atbench.spec.models.training import VpGrid
from atbench.spec.signatures import model_of

COUNTS = (2, 3, 5, 8, 9, 10, 20, 25, 50)  # network evaluations that are tried
GRID = VpGrid(parametrisation="vp", t_start=960, stride=120)
CLOSE = 1e-5


class Contract:
    """A sampler, tried on a denoiser that pulls every state towards zero."""

    def __init__(self, found: Declared, given: Mapping[str, Any]):
        entry = {"label": found.kind, "kind": found.kind, **bench.options_of(found, given)}
        self.found, self.entry = found, model_of(found, base=Sampler).model_validate(entry)

    def checks(self) -> dict[str, Check]:
        """Name -> check."""
        return {
            "step counts": self.step_counts,
            "shapes": self.shapes,
            "gradients": self.gradients,
            "determinism": self.determinism,
            "batch independence": self.independence,
            "budget": self.budget,
            "fresh noise": self.fresh_noise,
            "identity": lambda: identities(self.found.load()),
        }

    def build(self, count: int) -> Any:
        """The sampler of so many evaluations. Raises UserError where it cannot spend them."""
        return make_sampler(self.entry, count, GRID if self.entry.is_distilled else None)

    @property
    def counts(self) -> list[int]:
        """The evaluations of COUNTS that it can spend."""
        found = [count for count in COUNTS if self._fault_of(count) is None]
        if not found:
            raise Broken(f"can spend none of {', '.join(map(str, COUNTS))} evaluations: {self._fault_of(COUNTS[-1])}")
        return found

    def _fault_of(self, count: int) -> str | None:
        try:
            self.build(count)
        except UserError as error:
            return str(error)
        return None

    def step_counts(self) -> str:
        """What `build` refuses is known when the experiment files are read."""
        rule = self.found.constants.get("spends")
        for count in range(1, 61):
            fault = self._fault_of(count)
            try:
                nfe.check(rule, count, self.entry, GRID if self.entry.is_distilled else None)
            except UserError as error:
                if fault is None:
                    raise Broken(f"takes {count} evaluations, which its rule `spends = {rule!r}` refuses") from error
                continue
            if fault is not None:
                raise Broken(f"`build` refuses {count} evaluations, which `spends = {rule!r}` allows: {fault}")
        return f"`build` and `spends = {rule!r}` agree"

    def sample(self, count: int, changed: bool = False, sampler: Any = None) -> tuple[Tensor, int, list[tuple]]:
        """Samples (N, 1, 8, 8), evaluations per sample, and the names of the noise that it asked for."""
        asked: list[tuple] = []
        x_T = gaussian((bench.N, 1, bench.SIDE, bench.SIDE), "contract", "latent")
        if changed:
            x_T[0] = gaussian(x_T[0].shape, "contract", "other")
        counting = CountingDenoiser(_denoise, samples=bench.N)
        made = (sampler or self.build(count))(counting, x_T, _noise(x_T, asked))
        return made, counting.nfe, asked

    def shapes(self) -> str:
        """Samples have the shape and type of the latents, and are finite."""
        for count in self.counts:
            made, _, _ = self.sample(count)
            wanted = (bench.N, 1, bench.SIDE, bench.SIDE)
            if made.shape != wanted or made.dtype != torch.float32 or not made.isfinite().all():
                raise Broken(f"{count} evaluations give {tuple(made.shape)} {made.dtype}; finite, {wanted} float32")
        return f"samples of {', '.join(map(str, self.counts))} evaluations are finite"

    def gradients(self) -> str:
        """No graph is kept over the steps: memory would grow with their number."""
        weight = torch.ones((), requires_grad=True)
        x_T = gaussian((bench.N, 1, bench.SIDE, bench.SIDE), "contract", "latent")
        made = self.build(self.counts[0])(lambda x, t: weight * _denoise(x, t), x_T, _noise(x_T, []))
        if made.requires_grad:
            raise Broken("samples hang on a graph over all steps: put @torch.no_grad() over `__call__`")
        return "no graph is kept"

    def determinism(self) -> str:
        """The same samples a second time, from the same object too, and nothing drawn from the global generator."""
        count = self.counts[-1]
        sampler, before = self.build(count), torch.get_rng_state()
        first, second, anew = (self.sample(count, sampler=each)[0] for each in (sampler, sampler, None))
        if not torch.equal(before, torch.get_rng_state()):
            raise Broken("draws from the global generator: ask for `step_noise`")
        if not torch.equal(first, second):
            raise Broken("a second batch comes out otherwise: what it remembers must live in one call")
        if not torch.equal(first, anew):
            raise Broken("a new sampler gives other samples")
        return "equal to the bit, a second time and anew"

    def independence(self) -> str:
        """Sample i does not change with the other latents of its batch."""
        ours, theirs = (self.sample(self.counts[-1], changed)[0] for changed in (False, True))
        apart = (ours[1:] - theirs[1:]).abs().max().item()
        if not apart <= CLOSE:
            raise Broken(f"another first latent changes the other samples, by up to {apart:.2g}")
        return "another first latent changes nothing for the others"

    def budget(self) -> str:
        """It calls the network as often as its NFE says, for every image."""
        for count in self.counts:
            measured = self.sample(count)[1]
            if measured != count:
                raise Broken(f"{measured} evaluations per image, but its NFE is {count}")
        return f"{', '.join(map(str, self.counts))} evaluations per image, as counted"

    def fresh_noise(self) -> str:
        """No noise is used twice."""
        asked = self.sample(self.counts[-1])[2]
        again = [names for place, names in enumerate(asked) if names in asked[:place]]
        if again:
            raise Broken(f"asks for step_noise{again[0]} twice, and gets the same numbers: add a name")
        return f"asked for {len(asked)} times, under names of its own" if asked else "asks for none"


def _denoise(x: Tensor, t: Tensor) -> Tensor:
    """A made-up network: (N, 2C, H, W), eps then v."""
    share = 0.2 + 0.6 * t.reshape(-1, 1, 1, 1).to(x) / 1000
    return torch.cat([share * x, torch.zeros_like(x)], dim=1)


def _noise(x_T: Tensor, asked: list[tuple]) -> Callable[..., Tensor]:
    def noise(*names: str | int) -> Tensor:
        asked.append(names)
        return gaussian(x_T.shape, "contract", "step", *names)

    return noise
