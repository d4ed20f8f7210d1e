"""What a contributor adds is one file and its entry in YAML: a perturbation, a sampler, a metric, a side measure.

All four are added to a copy of the repository, and the ci scale runs there with the suite `scratch`.
"""

import json
import textwrap

import pandas as pd
import pytest
from checkout import Checkout, edit

FILES = {
    "atbench/training/perturbations/uniform.py": '''
        """Uniform noise on the network's input."""

        from dataclasses import dataclass
        from typing import ClassVar

        from torch import Tensor

        from atbench.rng import uniform
        from atbench.spec.fields import Positive
        from atbench.training.draw import Draw
        from atbench.training.perturbations.one_round import OneRound


        @dataclass(frozen=True)
        class UniformPerturbation(OneRound):
            """delta = width sigma_t U[-1, 1], and the target stays eps."""

            kind: ClassVar[str] = "uniform"
            width: Positive  # half of the interval, in units of the noise level

            def start(self, draw: Draw, names: tuple) -> Tensor:
                return self.width * draw.sigma * (2 * uniform(draw.state.shape, *names, "uniform").to(draw.state) - 1)
    ''',
    "atbench/sampling/one_shot.py": '''
        """Every step from the noise that sampling began with: a sampler that nobody needs."""

        from dataclasses import dataclass
        from typing import ClassVar

        import torch

        from atbench.diffusion.process import Process
        from atbench.diffusion.respacing import even_timesteps, respaced
        from atbench.diffusion.schedule import Schedule
        from atbench.spec.fields import Fraction


        @dataclass(frozen=True)
        class OneShot:
            """Estimates of x0 at evenly spread timesteps, mixed with a fixed weight."""

            kind: ClassVar[str] = "one-shot"
            process: Process
            memory: float

            @classmethod
            def build(
                cls,
                nfe: int,
                schedule: Schedule,
                *,
                memory: Fraction = 0.5,  # weight of the estimates before
            ) -> "OneShot":
                return cls(respaced(schedule, even_timesteps(nfe, schedule.num_steps)), memory)

            @torch.no_grad()
            def __call__(self, denoise, x_T, step_noise):
                x0_hat = torch.zeros_like(x_T)
                for i in reversed(range(self.process.num_steps)):
                    t = torch.full((len(x_T),), i, device=x_T.device)
                    x_t = self.process.q_sample(x0_hat, t, x_T)
                    label = torch.full((len(x_T),), float(self.process.timesteps[i]), device=x_T.device)
                    eps_hat = denoise(x_t, label)[:, : x_T.shape[1]]
                    estimate = self.process.x0_from_eps(x_t, t, eps_hat).clamp(-1, 1)
                    x0_hat = self.memory * x0_hat + (1 - self.memory) * estimate
                return x0_hat
    ''',
    "atbench/metrics/cell/mean_gap.py": '''
        """Distance of mean features."""

        import numpy as np

        from atbench.metrics.reference import feature_statistics
        from atbench.metrics.scored import Scored
        from atbench.spec.metric import Metric

        METRICS = (Metric("mean_gap", "gap of mean features", "lower", 0, has_table=True),)


        def measure(scored: Scored) -> dict[str, float]:
            own = feature_statistics(scored.features.features)
            return {"mean_gap": float(np.linalg.norm(own.mu - scored.reference.train.statistics.mu))}
    ''',
    "atbench/probes/size.py": '''
        """The size of a run's weights (side measure `size`)."""

        from pathlib import Path

        from atbench.probes.base import RunProbe, RunSettings
        from atbench.report.artefact import Artefact
        from atbench.runtime.files import digest
        from atbench.runtime.records import read_record, write_record
        from atbench.spec.address import FINAL
        from atbench.spec.fields import Positive


        class Settings(RunSettings):
            """size.yaml."""

            power: Positive


        class Size(RunProbe[Settings]):
            """One number per run."""

            name = "size"
            sources = ("probes/size.py",)
            settings_type = Settings

            def path(self, run) -> Path:
                return run.address.path / FINAL / "size.json"

            def files(self, run) -> list[Path]:
                return [self.path(run)]

            def digest(self, run) -> str:
                return digest(self.settings_of(run).written())

            def measure(self, run) -> None:
                from atbench.models.weights import load_model

                model, power = load_model(run.address.weights(), run.recipe.network_kind), self.settings_of(run).power
                size = sum(parameter.abs().pow(power).sum().item() for parameter in model.parameters())
                write_record(self.path(run), {"size": size, "config": self.digests(run)})

            def artefacts(self, suite: str) -> list[Artefact]:
                return [Artefact(f"tables/{suite}-size", suite, (".md",), lambda sheet: self.table(sheet, suite))]

            def table(self, sheet, suite: str) -> str:
                runs = sheet.suite(suite).runs()
                return "".join(f"{run.address.method}: {read_record(self.path(run))['size']:.3g}\\n" for run in runs)


        PROBE = Size()
    ''',
}


def shorten(suite: dict) -> None:
    """Two methods and two samplers, the new ones among them."""
    suite |= {"methods": ["adm", "uni"], "samplers": ["ddim", "one-shot"]}
    del suite["grids"]  # a figure of images by IDDPM


@pytest.fixture(scope="module")
def added(tmp_path_factory) -> Checkout:
    """The repository with one more of each, and the results of the suite `scratch`."""
    checkout = Checkout(tmp_path_factory.mktemp("additions") / "atbench")
    for name, text in FILES.items():
        assert not (checkout.folder / name).exists()
        (checkout.folder / name).write_text(textwrap.dedent(text).lstrip("\n"))
    experiments = checkout.folder / "experiments"
    uniform = {"label": "Uniform", "objective": "noise-prediction", "perturbation": {"kind": "uniform", "width": 0.1}}
    edit(experiments / "methods.yaml", lambda methods: methods.update({"uni": uniform}))
    sampler = {"label": "One shot", "kind": "one-shot", "memory": 0.25}
    edit(experiments / "samplers.yaml", lambda samplers: samplers.update({"one-shot": sampler}))
    edit(experiments / "suites/scratch.yaml", shorten)
    (experiments / "size.yaml").write_text("suites: [scratch]\npower: 2.0\n")
    checkout.snakemake("scratch", "size", config=("suites=[scratch]",))
    return checkout


def test_a_perturbation_is_one_file_and_an_entry(added):
    record = json.loads((added.folder / "results/ci/scratch/uni/seed0/config.json").read_text())
    assert record["slice"]["perturbation"] == {"kind": "uniform", "width": 0.1}
    table = (added.folder / "results/ci/tables/scratch.md").read_text()
    assert "Uniform" in table and "(n) seeds" in table


def test_its_constants_are_refused_by_the_range_that_its_class_declares(added):
    file = added.folder / "experiments/methods.yaml"
    whole = file.read_text()
    edit(file, lambda methods: methods["uni"]["perturbation"].update(width=-1.0))
    message = added.run("snakemake", "-n", "--config", "scale=ci", expect=1)
    file.write_text(whole)
    assert "methods.yaml: uni.perturbation.width: -1.0: must be greater than 0" in message


def test_a_sampler_is_one_file_and_an_entry(added):
    record = json.loads((added.folder / "results/ci/scratch/uni/seed0/final/one-shot-nfe5.json").read_text())
    assert record["counts"]["nfe"] == 5 and record["metrics"]["fd"] > 0
    assert "One shot" in (added.folder / "results/ci/tables/scratch.md").read_text()


def test_a_metric_is_one_file(added):
    numbers = pd.read_csv(added.folder / "results/ci/tables/scratch-mean_gap.csv")
    assert (numbers["mean"].dropna() > 0).all() and set(numbers.method) >= {"adm", "uni"}


def test_a_side_measure_is_one_file_and_its_settings(added):
    lines = (added.folder / "results/ci/tables/scratch-size.md").read_text().splitlines()
    assert [line.split(":")[0] for line in lines] == ["adm", "uni"]
