"""The loss on held-out images: right where the answer is known, and lower after training than before."""

import pytest
import torch
from altered import altered
from made_up import HASHES, provenance

from atbench.diffusion.process import Process
from atbench.diffusion.schedule import cosine_schedule
from atbench.probes.heldout import PROBE
from atbench.probes.heldout.measure import BLOCK, predictions
from atbench.rng import gaussian
from atbench.runtime.errors import UserError
from atbench.runtime.records import read_record, write_record
from atbench.spec.load import load
from atbench.tasks import release_measures
from atbench.tasks.train import train

PROCESS, VARIANCE = Process(cosine_schedule()), 0.25  # of Gaussian data, for which the best prediction is linear
FEW = altered(load("ci"), "heldout", images=100)


def run_of(suite, method, benchmark=FEW):
    return benchmark.suite(suite).run(method, 0)


def exact(x, t):
    """E[eps | x_t] = sigma_t x_t / (alpha_t^2 v + sigma_t^2), and a variance four times as far up as beta_t."""
    alpha, sigma = PROCESS.alpha(t, x), PROCESS.sigma(t, x)
    return torch.cat([sigma * x / (alpha**2 * VARIANCE + sigma**2), torch.full_like(x, 7.0)], 1)


@pytest.mark.parametrize("t", [50, 500, 950])
def test_errors_of_the_best_network_are_what_it_cannot_know(t):
    images = VARIANCE**0.5 * gaussian((8 * BLOCK + 5, 3, 4, 4), "images")
    errors, fraction = predictions(exact, images, PROCESS, t, ("test",))
    alpha, sigma = (f(torch.tensor([t]), images).item() for f in (PROCESS.alpha, PROCESS.sigma))
    assert errors.shape == (len(images),) and fraction == 4
    expected = alpha**2 * VARIANCE / (alpha**2 * VARIANCE + sigma**2)
    assert errors.mean().item() == pytest.approx(expected, rel=0.03)
    assert torch.equal(errors, predictions(exact, images, PROCESS, t, ("test",))[0])
    assert not torch.equal(errors, predictions(exact, images, PROCESS, t, ("other",))[0])
    assert predictions(lambda x, t: exact(x, t)[:, :3], images, PROCESS, t, ("test",))[1] is None


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)


def test_training_lowers_the_loss_on_images_that_it_never_saw(workplace):
    adm, continued = run_of("scratch", "adm"), run_of("scratch", "adm-3x")
    train(adm)
    PROBE.measure(adm)
    record = read_record(PROBE.path(adm))
    assert [row["t"] for row in record["eps_mse"]] == list(PROBE.settings_of(adm).levels)
    # Training from scratch begins with a network that says nothing: its error is eps itself.
    assert all(row["before"]["mse"] == pytest.approx(1, abs=5 * row["before"]["se"]) for row in record["eps_mse"])
    (middle,) = (row for row in record["eps_mse"] if row["t"] == 500)
    # A zero output layer puts the variance half way.
    assert [(row["t"], row["before"]) for row in record["variance_fraction"]] == [
        (row["t"], 0.5) for row in record["eps_mse"]
    ]
    assert all(0 < row["after"] < 1 and row["after"] != 0.5 for row in record["variance_fraction"])
    assert middle["after"]["mse"] < middle["before"]["mse"] - 5 * middle["before"]["se"]
    assert record["counts"]["images"] == 100 and record["counts"]["batches"] == 20
    assert record["inputs"]["data"]["held-out"]["hash"] != record["inputs"]["data"]["train"]["hash"]
    assert record["provenance"]["seconds"] > 0 and record["run"]["seed"] == 0
    assert record["config"] == {"training": adm.digest, "heldout": PROBE.digest(adm)}
    # What was measured is released, run by run.
    assert release_measures.of_suite(FEW.suite("scratch")) == [PROBE.path(adm)]
    train(continued)
    PROBE.measure(continued)
    again = read_record(PROBE.path(continued))["eps_mse"]
    assert again[-1]["before"] != record["eps_mse"][-1]["before"]  # it begins where another training ended


@pytest.mark.parametrize(
    ("suite", "method", "word"),
    [
        ("class-conditional", "adm", "class-conditional is conditional"),
        ("edm", "edm", "objective denoising predicts no noise"),
        ("consistency", "cm", "objective consistency predicts no noise"),
        ("latent", "ldm", "latent is conditional"),
    ],
)
def test_other_runs_are_refused(workplace, suite, method, word):
    with pytest.raises(UserError, match=f"experiments/heldout.yaml: .*suite {suite} is not among suites"):
        PROBE.measure(run_of(suite, method))
    declared = altered(FEW, "heldout", suites=[suite])
    with pytest.raises(UserError, match=f"experiments/heldout.yaml: .*{word}"):
        PROBE.measure(run_of(suite, method, declared))


def test_levels_belong_to_the_digest_and_other_suites_do_not():
    before = PROBE.digest(run_of("scratch", "adm"))
    assert PROBE.digest(run_of("scratch", "adm", altered(FEW, "heldout", suites=["scratch"]))) == before
    assert PROBE.digest(run_of("scratch", "adm", altered(FEW, "heldout", levels=[1]))) != before


def test_release_refuses_what_other_levels_were_measured_at(workplace):
    adm = run_of("scratch", "adm")
    counts = {"batches": 1, "updates": 1, "images": 2, "parameters": 3}
    inputs = {"weights": HASHES["weights"], "data": {}}
    record = {"run": adm.address.axes, "eps_mse": [], "variance_fraction": [], "counts": counts, "settings": {}}
    record |= {"config": PROBE.digests(adm), "inputs": inputs, "provenance": provenance()}
    write_record(PROBE.path(adm), record)
    assert release_measures.of_suite(FEW.suite("scratch")) == [PROBE.path(adm)]
    with pytest.raises(UserError, match=r"heldout\.json: configuration changed; measure it again"):
        release_measures.of_suite(altered(FEW, "heldout", levels=[1]).suite("scratch"))
