"""Addresses: the path of a result is its name everywhere (workflow target, command line, footnote, test).

    results/<scale>/<suite>/<method>/seed<S>/                       one training run
    results/<scale>/<suite>/<method>/seed<S>/weights/<step>.safetensors      its weights after a training step
    results/<scale>/<suite>/<method>/seed<S>/<step>/<sampler>-nfe<N>.json    one cell of the grid

This module builds and parses these paths; it knows no torch and no configuration.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from atbench.runtime.errors import UserError

ROOT = "results"
RELEASED = "results/released"
FINAL = "final"
EVALUATION = "evaluation.json"  # of a run
PAGE = "report.html"  # of a scale, below results/, of local results or of released ones
# Inches across the page of a paper, or one of its columns; figures as wide as a column stand in a folder of that name.
WIDTHS = {"page": 6.75, "column": 3.25}

NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
STEP = rf"(?:[0-9]{{7}}|{FINAL})"
NUMBER = r"(?:0|[1-9][0-9]*)"  # one spelling each: an address names itself
RUN = rf"(?:(?P<root>.*)/)?(?P<scale>{NAME})/(?P<suite>{NAME})/(?P<method>{NAME})/seed(?P<seed>{NUMBER})"
RUN_PATTERN = re.compile(RUN)
SNAPSHOT_PATTERN = re.compile(rf"{RUN}/(?P<step>{STEP})")
CELL_PATTERN = re.compile(rf"{RUN}/(?P<step>{STEP})/(?P<sampler>{NAME}?)-nfe(?P<nfe>{NUMBER})\.json")


@dataclass(frozen=True, order=True)
class Run:
    """One training run: a method trained within a suite at a scale from a seed."""

    scale: str
    suite: str
    method: str
    seed: int
    root: str = ROOT

    @cached_property
    def path(self) -> Path:
        return Path(self.root, self.scale, self.suite, self.method, f"seed{self.seed}")

    @property
    def axes(self) -> dict[str, str | int]:
        """The run's coordinates as they stand in a JSON."""
        return {"scale": self.scale, "suite": self.suite, "method": self.method, "seed": self.seed}

    @property
    def weights_folder(self) -> Path:
        """Where the weights of all its steps lie."""
        return self.path / "weights"

    def weights(self, step: str = FINAL) -> Path:
        """Weights for use (the moving average) after ``step`` batches."""
        return self.weights_folder / f"{step}.safetensors"

    @property
    def state(self) -> Path:
        """Full training state for continuing the run, written once at its end."""
        return self.path / FINAL / "state.pt"

    @property
    def log(self) -> Path:
        """What its training has shown on the way, a line of JSON each."""
        return self.path / FINAL / "train.jsonl"

    @property
    def progress(self) -> Path:
        """How far its training is; there only while it runs."""
        return self.path / "progress.json"

    @property
    def record(self) -> Path:
        """What made it: configuration, counts, provenance."""
        return self.path / "config.json"

    @property
    def evaluation(self) -> Path:
        """Which weights all its declared cells were made from, written once they all are there."""
        return self.path / EVALUATION

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, order=True)
class Cell:
    """One number-bearing point of the grid: a run, a training step, a sampler and its network evaluations."""

    run: Run
    step: str
    sampler: str
    nfe: int

    @cached_property
    def path(self) -> Path:
        return self.run.path / self.step / f"{self.sampler}-nfe{self.nfe}.json"

    @property
    def axes(self) -> dict[str, str | int]:
        """The cell's coordinates as they stand in its JSON."""
        run = self.run
        return {
            "scale": run.scale,
            "suite": run.suite,
            "method": run.method,
            "seed": run.seed,
            "step": self.step,
            "sampler": self.sampler,
            "nfe": self.nfe,
        }

    def __str__(self) -> str:
        return str(self.path)


def step_name(batches: int) -> str:
    """Zero-padded name of a snapshot, e.g. 500 -> ``0000500``: alphabetical order is training order."""
    return f"{batches:07d}"


def parse_run(path: str | Path) -> Run:
    """The run that ``path`` names. Raises UserError with the expected form."""
    match = RUN_PATTERN.fullmatch(str(path).rstrip("/"))
    if match is None:
        raise UserError(f"{path}: not the address of a run (results/<scale>/<suite>/<method>/seed<S>)")
    return _run(match)


def parse_cell(path: str | Path) -> Cell:
    """The cell that ``path`` names. Raises UserError with the expected form."""
    match = CELL_PATTERN.fullmatch(str(path))
    if match is None:
        form = "results/<scale>/<suite>/<method>/seed<S>/<step>/<sampler>-nfe<N>.json"
        raise UserError(f"{path}: not the address of a cell ({form}, step = final or seven digits)")
    return Cell(_run(match), match["step"], match["sampler"], int(match["nfe"]))


def parse_snapshot(path: str | Path) -> tuple[Run, str]:
    """The run and the step that ``path`` names. Raises UserError with the expected form."""
    match = SNAPSHOT_PATTERN.fullmatch(str(path).rstrip("/"))
    if match is None:
        form = "results/<scale>/<suite>/<method>/seed<S>/<step>"
        raise UserError(f"{path}: not the address of a snapshot ({form}, step = final or seven digits)")
    return _run(match), match["step"]


def made_by(path: object, scale: str) -> str:
    """The command that makes a result, for messages about one that is missing."""
    return f"snakemake --cores all {path} --config scale={scale}"


def is_run(path: str) -> bool:
    """Whether ``path`` has the form of a run's address."""
    return RUN_PATTERN.fullmatch(path.rstrip("/")) is not None


def is_cell(path: str) -> bool:
    """Whether ``path`` has the form of a cell's address."""
    return CELL_PATTERN.fullmatch(path) is not None


def _run(match: re.Match[str]) -> Run:
    return Run(match["scale"], match["suite"], match["method"], int(match["seed"]), match["root"] or ".")
