"""What follows delta, and where the variance term stands: the product against the published rules, written out anew."""

import published_rules as published
import pytest
import torch
from tiny import CPU, batch, run_batches, settings, trainer_of

from atbench.data import load as load_images
from atbench.data.batches import Batches
from atbench.spec.load import load
from atbench.spec.models.scale import Data
from atbench.tasks.train import new_trainer
from atbench.training.draw import Draw
from atbench.training.norms import rms
from atbench.training.objectives.noise_prediction import NoisePrediction

METHODS = load("ci").methods
DECLARED = {  # method -> the published rule that it is
    "at-script": published.DETACHED,
    "at-whole": published.ATTACHED,
    "at-original": published.ORIGINAL,
    "ip-script": published.INPUT_PERTURBATION,
}
ALL_T = [0, 1, 2, 5, 10, 30, 100, 300, 500, 900, 990, 998]


@pytest.fixture(scope="module")
def network():
    """A small U-Net that has trained a little, so that its variance is no constant."""
    trainer = trainer_of(settings(), dropout=0.0)
    with torch.no_grad():
        for parameter in trainer.parameters:
            parameter.add_(0.02)
    run_batches(trainer, 0, 60)
    return trainer.model.eval()


def draw_at(t, dtype=torch.float32):
    """A batch noised to the timesteps t (list)."""
    t = torch.tensor(t)
    x0 = batch(7, n=len(t))[0].double()
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1)).double()
    state, sigma = published.noised(x0, t, eps), published.sigma(t)
    return Draw(x0.to(dtype), state.to(dtype), sigma.to(dtype), torch.ones(len(t)), None, t, eps.to(dtype))


def sized(like, size):
    """A delta of that RMS in a random direction."""
    direction = torch.randn(like.shape, generator=torch.Generator().manual_seed(2))
    return (size * direction / rms(direction)).to(like).requires_grad_()


def of_method(name, network, draw, delta):
    """Terms, and the gradient in delta, of a method as methods.yaml declares it."""
    method = METHODS[name]
    objective = NoisePrediction(settings(), **method.objective_options)

    def typed(x, t, labels):
        return network(x.float(), t, labels).to(x.dtype)

    terms = objective.losses(typed, draw, delta, method.follows)
    return terms, torch.autograd.grad(terms["loss"].sum(), delta)[0]


def by_hand(rule, network, draw, delta):
    """The same of a published rule; the network computes in float32, all else in float64."""

    def doubled(x, t):
        return network(x.float(), t, None).double()

    mse, vb = published.terms(doubled, draw.x0.double(), draw.t, draw.eps.double(), delta.double(), rule)
    gradient = torch.autograd.grad((mse + vb).sum(), delta)[0]
    return {"loss": mse + vb, "mse": mse, "vb": vb}, gradient


def apart(ours, theirs):
    """How far apart gradients are, as a share of their size, (N,)."""
    ours, theirs = ours.flatten(1).double(), theirs.flatten(1).double()
    return (ours - theirs).norm(dim=1) / theirs.norm(dim=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [0.0018, 0.0125])
@pytest.mark.parametrize(("method", "rule"), DECLARED.items())
def test_terms_and_gradient_are_those_of_the_published_rule(method, rule, size, dtype, network):
    draw, close = draw_at(ALL_T, dtype), 1e-4 if dtype == torch.float32 else 1e-6  # the network's is float32 in both
    delta = sized(draw.x0, size)
    (ours, our_gradient), (theirs, their_gradient) = (
        each(name, network, draw, delta) for each, name in ((of_method, method), (by_hand, rule))
    )
    for term in ("loss", "mse", "vb"):
        torch.testing.assert_close(ours[term].double(), theirs[term], rtol=close, atol=close / 100)
    differ = apart(our_gradient, their_gradient)
    assert differ[1:].max() < close
    assert differ[0] < 3 * close  # t = 0: the two edges of a grey level's bin all but cancel


@pytest.mark.parametrize("rule", [published.DETACHED, published.ATTACHED, published.INPUT_PERTURBATION])
def test_a_rule_is_told_from_the_others(rule, network):
    """The comparison above can fail: at a little noise each rule lies far from `original`."""
    draw = draw_at([0, 1, 2, 5])
    delta = sized(draw.x0, 0.0125)
    ours, gradient = of_method("at-original", network, draw, delta)
    theirs, other = by_hand(rule, network, draw, delta)
    assert not torch.allclose(ours["vb"].double(), theirs["vb"], rtol=1e-2)
    assert apart(gradient, other).max() > 1e-2


def test_where_the_variance_term_stands_moves_it_by_thousandths_and_the_attack_where_there_is_no_noise(network):
    """Protocol S11b: measured there, of one network, 3e-3 and 41 %. Both come from the smallest timesteps."""
    evenly = draw_at(list(range(1000)))
    delta = sized(evenly.x0, 2 * METHODS["at-mid"].perturbation.step_rms)  # as long as after two steps
    (stays, at_perturbed), (original, at_clean) = (
        of_method(name, network, evenly, delta) for name in ("at-stays", "at-original")
    )
    assert torch.equal(stays["mse"], original["mse"])
    assert 5e-4 < (stays["vb"] - original["vb"]).abs().mean() < 2e-2
    differ = apart(at_perturbed, at_clean)
    assert differ[:2].max() > 0.1 and differ[100:].max() < 1e-3


def test_only_a_method_that_says_so_moves_its_variance_term_to_the_clean_state():
    clean = [name for name, method in METHODS.items() if "variance_at" in method.objective_options]
    assert clean == ["at-original"]
    written = METHODS["at-mid"].perturbation.written() | {"follow": False}
    assert METHODS["at-original"].perturbation.written() == METHODS["at-stays"].perturbation.written() == written


def test_the_authors_default_trains_as_it_is_declared():
    images, suite = load_images(Data(name="digits"), "train"), load("ci").suite("ablations")
    trainer = new_trainer(suite.run("at-original", 0).recipe, images, CPU)
    with torch.no_grad():
        trainer.model.out[2].weight.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
    log = trainer.train_batch(*Batches(images, 64, ("test",), flip=False).batch(0))
    assert not trainer.objective.variance_moves and log["delta_rms"] > 0 and trainer.counts["updates"] == 3
