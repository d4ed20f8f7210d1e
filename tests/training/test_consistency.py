"""Consistency models: parametrisations, the exact case, what each placement of delta costs, sampling."""

import copy
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from tiny import grid_of, method_of, sampler_of, settings
from tiny import trainer_of as tiny_trainer
from torch import nn

from atbench.diffusion.consistency import VeConsistency, VpConsistency, karras_times, make_consistency
from atbench.diffusion.schedule import cosine_schedule
from atbench.rng import gaussian
from atbench.runtime.errors import UserError
from atbench.sampling import CountingDenoiser
from atbench.spec import budget
from atbench.spec import grid as grids
from atbench.spec.load import load
from atbench.spec.models.training import Distillation
from atbench.training.distances import make_distance
from atbench.training.norms import rms
from atbench.training.objectives.consistency import Consistency

VP = {"parametrisation": "vp", "t_start": 960, "stride": 40}
VE = {"parametrisation": "ve", "levels": 18}
GRIDS = pytest.mark.parametrize("grid", [VP, VE], ids=["vp", "ve"])
STD = 0.6  # of the Gaussian data
AT = {"kind": "adversarial", "inner_steps": 3, "step_rms": 0.05, "radius_rms": 0.1, "follow": False, "relative": True}
PLACEMENTS = {
    "plain": {"perturbation": {"kind": "none"}},
    "A": {"perturbation": AT},
    "B": {"perturbation": AT, "delta_on": "solution"},
    "C": {"perturbation": AT | {"follow": True}},
}


def distillation(grid=VP, decay=0.9):
    return {"grid": grid, "target_decay": decay, "distance": {"kind": "l2"}}


def trainer_of(method, **changes):
    fixed = {"distillation": distillation(), "learning_rate": 1e-3, "seed_names": ("consistency", 0)}
    trainer = tiny_trainer(settings("consistency", **fixed | method | changes))
    with torch.no_grad():  # a zero head has no gradient to climb
        for parameter in trainer.model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return trainer


def images(n=8):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(3)) * 2 - 1


class Exact(nn.Module):
    """The network whose consistency function is the exact one of N(0, STD^2) data: x scaled to the last level's law."""

    def __init__(self, function):
        super().__init__()
        self.function, self.unused = function, nn.Parameter(torch.zeros(1))
        self.num_classes = None

    def spread(self, level):
        """Standard deviation of the noisy data at a level, (N, 1, 1, 1)."""
        like = torch.zeros(len(level), 1, 1, 1, dtype=torch.float64)
        signal = (1 - self.function.noise_level(level, like) ** 2).sqrt() if hasattr(self.function, "process") else 1
        return (signal**2 * STD**2 + self.function.noise_level(level, like) ** 2) ** 0.5

    def ratio(self, level):
        return self.spread(torch.full_like(level, self.function.levels - 1)) / self.spread(level)

    def forward(self, x, t, labels=None):
        """Solve f(x) = ratio x for the network's output: f is affine in it."""
        level = self.level_of(t)
        # The parametrisation may have scaled the input already: undo nothing, ask f itself for its two coefficients.
        raw = self.unscaled(x, level)
        at_zero = self.function.f(lambda y, s: torch.zeros_like(y), raw, level)
        slope = self.function.f(lambda y, s: torch.ones_like(y), raw, level) - at_zero
        safe = torch.where(slope == 0, 1.0, slope)
        return torch.where(slope == 0, 0.0, (self.ratio(level) * raw - at_zero) / safe)

    def level_of(self, t):
        labels = 250 * self.function.times.log() if isinstance(self.function, VeConsistency) else self.function.times
        return (labels[None] - t[:, None].double()).abs().argmin(1)

    def unscaled(self, x, level):
        if isinstance(self.function, VpConsistency):
            return x
        return x * (self.function.noise_level(level, x) ** 2 + 0.25).sqrt()


@GRIDS
def test_identity_at_the_last_level(grid):
    function = make_consistency(grid_of(grid))
    x = gaussian((4, 1, 8, 8), "x")
    last = torch.full((4,), function.levels - 1)
    network = lambda y, t: 100 * gaussian((4, 2, 8, 8), "output")  # noqa: E731
    assert (function.f(network, x, last) - x).abs().max() < 1e-6


def test_karras_times_golden():
    golden = [80, 57.586, 40.786, 28.375, 19.353, 12.910, 8.401, 5.315, 3.257, 1.923, 1.088, 0.585, 0.296, 0.140]
    times = karras_times(18, 0.002, 80.0)
    assert times[:14].tolist() == pytest.approx(golden, abs=6e-4) and times[-1].item() == pytest.approx(0.002)
    assert karras_times(40, 0.002, 80.0)[22].item() == pytest.approx(1.382, abs=5e-4)


@GRIDS
def test_exact_consistency_function_has_zero_loss_on_an_exact_step(grid):
    objective = Consistency(settings("consistency", distillation=distillation(grid)))
    function = objective.function
    network = Exact(function)
    objective.prepare(network, network)
    function.solve = lambda teacher, x, level: x * network.spread(level + 1) / network.spread(level)
    x0 = STD * gaussian((64, 1, 4, 4), "x0").double()
    draw = objective.draw(x0, None, ("consistency", 0))
    loss = objective.losses(network, draw, torch.zeros_like(x0), follow=False)["loss"]
    # Labels travel in float32, as networks take them; a wrong level would show as 1e-2.
    assert loss.max() < 1e-10
    assert objective.losses(network, draw, torch.full_like(x0, 0.3), follow=False)["loss"].max() > 1e-4


@pytest.mark.parametrize(("name", "order"), [("vp", 1), ("ve", 2)])
def test_teacher_step_converges_with_its_order(name, order):
    errors = []
    for levels in (33, 65, 129):
        grid = {
            "vp": {**VP, "t_start": 896, "stride": 896 // (levels - 1), "clip": False},
            "ve": {**VE, "levels": levels},
        }[name]
        function = make_consistency(grid_of(grid))
        assert function.levels == levels
        spread = Exact(function).spread
        level = torch.tensor([levels // 2])
        x = torch.full((1, 1, 1, 1), 0.7, dtype=torch.float64) * spread(level)
        denoiser = GaussianTeacher(function)
        exact = x * spread(level + 1) / spread(level)
        errors.append((function.solve(denoiser, x, level) - exact).abs().item())
    for coarse, fine in pairwise(errors):
        assert coarse / fine == pytest.approx(2 ** (order + 1), rel=0.3)  # local error


class GaussianTeacher:
    """The perfect eps, or EDM's F, on N(0, STD^2) data."""

    def __init__(self, function):
        self.function = function

    def __call__(self, x, t):
        if isinstance(self.function, VpConsistency):
            abar = cosine_schedule().alphas_cumprod[t.round().long()].reshape(-1, 1, 1, 1)
            return x * (1 - abar).sqrt() / (abar * STD**2 + 1 - abar)
        sigma = (t.double() / 250).exp().reshape(-1, 1, 1, 1)
        total = sigma**2 + 0.25
        state = x * total.sqrt()
        return (STD**2 / (STD**2 + sigma**2) - 0.25 / total) * state / (sigma * 0.5 / total.sqrt())


@pytest.mark.parametrize("name", PLACEMENTS)
def test_passes_are_what_the_budget_says(name):
    trainer, solves = trainer_of(PLACEMENTS[name]), []
    solve = trainer.objective.function.solve
    trainer.objective.function.solve = lambda *arguments: solves.append(1) or solve(*arguments)
    for _ in range(2):
        trainer.train_batch(images(), None)
    method = method_of("consistency", **PLACEMENTS[name])
    expected = budget.passes_per_batch(method, trainer.recipe.training.distillation)
    assert trainer.counts["forward_passes"] == 2 * expected
    assert len(solves) == 2 * (3 if name == "C" else 1)


def test_methods_of_equal_cost_at_laptop_and_paper():
    for scale in ("laptop",):
        runs = {method: load(scale).suite("consistency").run(method, 0) for method in ("cm-at", "cm-forward")}
        cost = {method: run.batches * run.passes_per_batch for method, run in runs.items()}
        assert cost["cm-at"] == pytest.approx(cost["cm-forward"], rel=0.002)


@pytest.mark.parametrize(("decay", "expected"), [(0.0, 0.0), (0.9, 0.9)])
def test_target_follows_the_student_and_the_teacher_stays(decay, expected):
    trainer = trainer_of(PLACEMENTS["A"], distillation=distillation(decay=decay))
    objective = trainer.objective
    teacher = copy.deepcopy(objective.teacher.state_dict())
    moves, after = [], objective.after_update

    def note(model):
        before = {k: v.clone() for k, v in objective.target.state_dict().items()}
        after(model)
        for key, value in objective.target.state_dict().items():
            torch.testing.assert_close(value, expected * before[key] + (1 - expected) * model.state_dict()[key])
        moves.append(1)

    objective.after_update = note
    trainer.train_batch(images(), None)
    assert len(moves) == 3
    assert all(torch.equal(value, teacher[key]) for key, value in objective.teacher.state_dict().items())
    assert not any(p.requires_grad for m in (objective.teacher, objective.target) for p in m.parameters())


def test_student_and_target_share_the_dropout_mask():
    trainer = trainer_of(PLACEMENTS["plain"])
    objective = trainer.objective
    objective.prepare(trainer.model, trainer.model)
    draw = objective.draw(images(), None, ("consistency", 0))
    torch.manual_seed(draw.mask)
    student = objective.function.f(lambda x, t: trainer.model(x, t, None), draw.solved, draw.t + 1)
    assert torch.equal(student, draw.target)
    torch.manual_seed(draw.mask + 1)
    other = objective.function.f(lambda x, t: trainer.model(x, t, None), draw.solved, draw.t + 1)
    assert not torch.equal(other, draw.target)


def test_delta_of_a_sample_does_not_depend_on_the_others():
    trainer = trainer_of(PLACEMENTS["A"])
    trainer.model.eval()
    perturbation, objective = trainer.perturbation, trainer.objective
    draw = objective.draw(images(4), None, ("consistency", 0))

    def moved(chosen):
        part = type(draw)(**{k: v[chosen] if isinstance(v, torch.Tensor) else v for k, v in vars(draw).items()})
        delta = torch.zeros_like(part.state).requires_grad_()
        objective.losses(trainer.model, part, delta, False)["loss"].mean().backward()
        return perturbation.move(part, torch.zeros_like(part.state), delta.grad, ())

    together, alone = moved([0, 1, 2, 3]), moved([2, 2, 2, 2])
    torch.testing.assert_close(together[2], alone[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(rms(together), AT["step_rms"] * draw.sigma)  # sizes in units of the noise level


def test_placement_b_moves_the_solution_alone():
    trainer = trainer_of(PLACEMENTS["B"])
    objective = trainer.objective
    draw = objective.draw(images(), None, ("consistency", 0))
    seen = []
    handle = trainer.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    delta = torch.full_like(draw.state, 0.05).requires_grad_()
    objective.losses(trainer.model, draw, delta, False)["loss"].mean().backward()
    handle.remove()
    assert torch.equal(seen[0], draw.state) and delta.grad.abs().max() > 0


@pytest.mark.parametrize(("nfe", "visited"), [(1, [0]), (2, [0, 12]), (4, [0, 6, 12, 18]), (8, list(range(0, 24, 3)))])
def test_sampling_levels_are_spread_evenly(nfe, visited):
    sampler = sampler_of("consistency", nfe, VP)
    assert list(sampler.visited) == visited


@pytest.mark.parametrize(
    ("nfe", "times"),
    [(1, [999]), (2, [999, 499]), (4, [999, 759, 499, 259]), (8, [999, 879, 759, 639, 499, 379, 259, 139])],
)
def test_lcm_times_golden(nfe, times):
    grid = {"parametrisation": "vp", "t_start": 999, "stride": 20}
    sampler = sampler_of("consistency", nfe, grid)
    assert sampler.function.times[list(sampler.visited)].tolist() == times
    assert sampler.function.times[-3:].tolist() == [39, 19, 0]


@GRIDS
@pytest.mark.parametrize("nfe", [1, 2, 4])
def test_exact_consistency_function_samples_the_data(grid, nfe):
    function = make_consistency(grid_of(grid))
    sampler = sampler_of("consistency", nfe, grid)
    object.__setattr__(sampler.function, "clip", False)
    denoise = CountingDenoiser(Exact(function), samples=4096)
    x_T = gaussian((4096, 1, 2, 2), "latent").double()
    made = sampler(denoise, x_T, lambda k: gaussian((4096, 1, 2, 2), "step", k).double())
    assert denoise.nfe == nfe
    assert made.std().item() == pytest.approx(STD, rel=0.02) and abs(made.mean().item()) < 0.02


@pytest.mark.parametrize("nfe", [0, 25, True])
def test_impossible_numbers_of_steps_are_refused(nfe):
    with pytest.raises(UserError, match=f"nfe {nfe}: .*nearest valid nfe"):
        sampler_of("consistency", nfe, VP)


@pytest.mark.parametrize(
    ("grid", "word"),
    [({"parametrisation": "vp", "t_start": 1000, "stride": 20}, "t_start"), ({"parametrisation": "xy"}, "'xy'"),
     ({"parametrisation": "ve", "levels": 1}, "levels"), ({"parametrisation": "ve", "steps": 3}, "steps")],
)  # fmt: skip
def test_impossible_grids_are_refused(grid, word):
    with pytest.raises(ValidationError, match=word):
        grid_of(grid)


def test_a_stride_beyond_the_start_is_refused():
    with pytest.raises(ValidationError, match="stride 40 is larger than t_start 20: a grid without a step"):
        grid_of({"parametrisation": "vp", "t_start": 20, "stride": 40})


def distance_of(entry):
    """The distance of a ``distance:`` block."""
    block = {"grid": VP, "target_decay": 0.9, "distance": entry}
    return make_distance(Distillation.model_validate(block).distance)


def test_distances():
    a, b = torch.zeros(2, 1, 2, 2), torch.tensor([3.0, 0.0]).reshape(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert distance_of({"kind": "l2"})(a, b).tolist() == [9, 0]
    assert distance_of({"kind": "l1"})(a, b).tolist() == [3, 0]
    assert distance_of({"kind": "pseudo-huber", "c": 4.0})(a, b).tolist() == [1, 0]
    with pytest.raises(ValidationError, match="'linf'"):
        distance_of({"kind": "linf"})


def test_samplers_fit_what_a_run_trains():
    student, teacher = (load("ci").suite("consistency").run(method, 0) for method in ("cm", "teacher"))
    assert {cell.address.sampler for cell in student.cells} == {"cm"}
    assert [(c.address.sampler, c.nfe) for c in teacher.cells] == [("ddim", 2), ("ddim", 4), ("ddim", 8)]
    for cell in (student.cell("final", "ddim", 5), load("ci").suite("scratch").run("adm", 0).cell("final", "cm", 2)):
        with pytest.raises(UserError, match="does not sample what"):
            cell.slice  # noqa: B018


def test_heun_sampler_integrates_the_exact_ode():
    function, errors = make_consistency(grid_of(VE)), []
    for nfe in (17, 33, 65):
        sampler = sampler_of("heun", nfe)
        denoise = CountingDenoiser(GaussianTeacher(function), samples=2)
        x_T = torch.tensor([0.5, -1.0], dtype=torch.float64).reshape(2, 1, 1, 1)
        made = sampler(denoise, x_T, lambda k: None)
        assert denoise.nfe == nfe
        exact = 80 * x_T * (STD**2 / (STD**2 + 80.0**2)) ** 0.5
        errors.append((made - exact).abs().max().item())
    for coarse, fine in pairwise(errors):
        assert coarse / fine > 3  # second order


@pytest.mark.parametrize("nfe", [0, 1, 4, True])
def test_even_numbers_of_evaluations_are_refused_by_heun(nfe):
    with pytest.raises(UserError, match=f"nfe {nfe}: .*nearest valid nfe"):
        sampler_of("heun", nfe)


def test_step_counts_are_those_of_samplers_that_fit_at_the_scale():
    paper, laptop = (load(scale).suite("consistency") for scale in ("paper", "laptop"))
    heun = set(grids.nfe_of(paper, "heun"))
    assert heun <= set(grids.nfe_of(paper))  # its teacher is an EDM
    assert not heun & set(grids.nfe_of(laptop))


def test_what_a_distillation_freezes_is_no_part_of_the_compiled_student():
    trainer = trainer_of(PLACEMENTS["A"], compiled=True)
    trainer.start_from(trainer.state(), True)
    assert "forward" in vars(trainer.model)
    for frozen in (trainer.objective.teacher, trainer.objective.target, trainer.ema.module):
        assert "forward" not in vars(frozen)
