"""The measures of the mismatch, on data and networks for which the answer is known."""

import pytest
import torch

from atbench.diffusion.process import Process
from atbench.diffusion.schedule import cosine_schedule
from atbench.mismatch.recovery import recovery
from atbench.mismatch.robust_loss import robust_loss
from atbench.mismatch.trajectory import Recorder, exposure, true_states
from atbench.rng import gaussian
from atbench.sampling import make_sampler
from atbench.spec.models.samplers import KINDS, Sampler
from atbench.spec.signatures import model_of

PROCESS, NAMES = Process(cosine_schedule()), ("test",)
DDIM = model_of(KINDS["ddim"], base=Sampler).model_validate({"label": "DDIM", "kind": "ddim"})
VARIANCE = 0.25  # of Gaussian data, for which the best prediction of eps is linear in x_t
IMAGES = VARIANCE**0.5 * gaussian((4096, 1, 2, 2), "images")


def exact(x, t):
    """E[eps | x_t] = sigma_t x_t / (alpha_t^2 v + sigma_t^2), and a posterior variance of v = 0 in the middle."""
    position = t.long()
    alpha, sigma = PROCESS.alpha(position, x), PROCESS.sigma(position, x)
    return torch.cat([sigma * x / (alpha**2 * VARIANCE + sigma**2), torch.zeros_like(x)], 1)


def wrong(x, t):
    return 1.3 * exact(x, t)


def recorded(denoise, nfe=50):
    recorder = Recorder(make_sampler(DDIM, nfe))
    images = recorder(denoise, gaussian((4096, 1, 2, 2), "x_T"), lambda k: None)
    return recorder, images


def test_recorder_changes_nothing_and_sees_everything():
    recorder, images = recorded(exact)
    plain = make_sampler(DDIM, 50)
    assert torch.equal(images, plain(exact, gaussian((4096, 1, 2, 2), "x_T"), lambda k: None))
    assert len(recorder.states) == 50
    for t, (state,) in recorder.states.items():
        assert torch.equal(exact(state, torch.full((4096,), t))[:, :1], recorder.predictions[t][0])


def test_exposure_is_at_its_floor_for_exact_sampling_and_above_it_for_a_wrong_network():
    rows = {f.__name__: exposure(recorded(f)[0], f, IMAGES, PROCESS, 4, NAMES) for f in (exact, wrong)}
    times = [row["t"] for row in rows["exact"]]
    assert times == sorted(times, reverse=True) and len(times) == 50
    late = [(good, bad) for good, bad in zip(*rows.values()) if 200 < good["t"] < 800]
    assert all(good["distance"] < 5e-3 for good, _ in late)
    assert all(bad["distance"] > 5 * good["distance"] for good, bad in late[len(late) // 2 :])
    assert all(good["floor"] < 5e-3 for good, _ in late)


def test_exposure_distance_is_the_displacement_that_was_made():
    """True states moved by s in every dimension lie s^2 per dimension away."""
    recorder = Recorder(None)
    for t in (100, 500):
        recorder.states[t] = [true_states(IMAGES, t, PROCESS, NAMES) + 0.5]
        recorder.predictions[t] = [torch.full_like(IMAGES, 2.0)]
    rows = exposure(recorder, exact, IMAGES, PROCESS, 4, ("other",))
    assert [row["t"] for row in rows] == [500, 100]
    for row in rows:
        t = torch.tensor([row["t"]])
        variance = PROCESS.alpha(t, IMAGES).item() ** 2 * VARIANCE + PROCESS.sigma(t, IMAGES).item() ** 2
        assert row["distance"] == pytest.approx(0.25 / variance, rel=0.1)
        assert row["eps_sampled"] == 2.0


def test_recovery_of_known_networks():
    def blind(x, t):  # ignores its input: every error passes
        return torch.full_like(x, 0.3)

    def oracle(x, t):  # knows that every image is 0.5: takes every error back
        return PROCESS.eps_from_x0(x, t.long(), torch.full_like(x, 0.5))

    images, times = IMAGES[:64], [900, 600, 300]
    for network, expected in ((blind, 0.0), (oracle, 1.0)):
        rows = recovery(network, images, PROCESS, times, NAMES)
        assert [row["t"] for row in rows] == [600, 300]
        assert [row["recovered"] for row in rows] == pytest.approx([expected] * 2, abs=1e-4)
        assert all(row["error"] > 0.01 for row in rows)


def test_robust_loss_of_the_exact_network():
    settings = {"levels": [100, 500], "radii": [0.01, 0.1], "ascent_steps": 10}
    rows = robust_loss(exact, IMAGES[:512], PROCESS, NAMES, **settings)
    assert [(row["t"], row["radius"]) for row in rows] == [(100, 0.01), (100, 0.1), (500, 0.01), (500, 0.1)]
    for row in rows:
        # The residual eps - eps_hat moves by slope * delta: the worst delta lies along it, at full length.
        t = torch.tensor([row["t"]])
        alpha, sigma = PROCESS.alpha(t, IMAGES).item(), PROCESS.sigma(t, IMAGES).item()
        slope = 1 / sigma - sigma / (alpha**2 * VARIANCE + sigma**2)
        eps = gaussian((512, 1, 2, 2), *NAMES, "robust", row["t"])
        states = alpha * IMAGES[:512] + sigma * eps
        residual = (eps - exact(states, t.expand(512))[:, :1]).flatten(1).square().mean(1).sqrt()
        assert row["clean"] == pytest.approx(residual.square().mean().item(), rel=1e-4)
        assert row["worst"] == pytest.approx((residual + slope * row["radius"]).square().mean().item(), rel=1e-3)
        # Here the published gradient, which leaves the target's movement out, points the other way.
        assert row["published"] < row["clean"] and row["random"] < row["worst"]
