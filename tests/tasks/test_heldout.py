"""The loss on held-out images: right where the answer is known, and lower after training than before."""

import pytest
import torch

from atbench import plan
from atbench.config import load
from atbench.diffusion.process import Process
from atbench.diffusion.schedule import cosine_schedule
from atbench.rng import gaussian
from atbench.runtime.errors import UserError
from atbench.runtime.files import read_json, write_json
from atbench.slices import heldout_digest, training_digest
from atbench.spec.address import Run
from atbench.tasks import release
from atbench.tasks.heldout import BLOCK, heldout, predictions
from atbench.tasks.train import train

PROCESS, VARIANCE = Process(cosine_schedule()), 0.25  # of Gaussian data, for which the best prediction is linear
ADM, CONTINUED = Run("ci", "scratch", "adm", 0), Run("ci", "scratch", "adm-3x", 0)


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
    monkeypatch.setitem(load("ci").heldout, "images", 100)


def test_training_lowers_the_loss_on_images_that_it_never_saw(workplace, monkeypatch):
    train(ADM)
    heldout(ADM)
    record = read_json(plan.heldout_path(ADM))
    assert [row["t"] for row in record["eps_mse"]] == load("ci").heldout["levels"]
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
    assert release.heldout_files(load("ci"), ADM) == [plan.heldout_path(ADM)]
    train(CONTINUED)
    assert release.heldout_files(load("ci"), CONTINUED) == []  # was not measured
    heldout(CONTINUED)
    again = read_json(plan.heldout_path(CONTINUED))["eps_mse"]
    assert again[-1]["before"] != record["eps_mse"][-1]["before"]  # it begins where another training ended


@pytest.mark.parametrize(
    ("run", "change", "word"),
    [
        (ADM, {"conditional": True}, "scratch is conditional"),
        (ADM, {"objective": "edm"}, "objective edm predicts no noise"),
        (Run("ci", "class-conditional", "adm", 0), {}, "suite class-conditional is not among suites"),
    ],
)
def test_other_runs_are_refused(workplace, monkeypatch, run, change, word):
    slice_ = {"conditional": False, "objective": "noise-prediction"} | change
    monkeypatch.setattr("atbench.tasks.heldout.trained", lambda run: {"slice": slice_})
    with pytest.raises(UserError, match=f"experiments/heldout.yaml: .*{word}"):
        heldout(run)


def test_levels_belong_to_the_digest_and_other_suites_do_not(workplace, monkeypatch):
    before = heldout_digest(load("ci"), ADM)
    monkeypatch.setitem(load("ci").heldout, "suites", ["scratch"])
    assert heldout_digest(load("ci"), ADM) == before
    monkeypatch.setitem(load("ci").heldout, "levels", [1])
    assert heldout_digest(load("ci"), ADM) != before


def test_release_refuses_what_other_levels_were_measured_at(workplace, monkeypatch):
    path = plan.heldout_path(ADM)
    write_json(
        path, {"config": {"training": training_digest(load("ci"), ADM), "heldout": heldout_digest(load("ci"), ADM)}}
    )
    assert release.heldout_files(load("ci"), ADM) == [path]
    monkeypatch.setitem(load("ci").heldout, "levels", [1])
    with pytest.raises(UserError, match=r"heldout\.json: made by another configuration"):
        release.heldout_files(load("ci"), ADM)
