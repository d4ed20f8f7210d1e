"""Runs and cells, resolved: all that determines a result, with its digest. Built by `atbench.spec.benchmark`.

A slice holds exactly what can change its result; the digest of a run contains those of the runs it builds on, so a
change anywhere upstream shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from atbench.runtime.errors import UserError
from atbench.runtime.files import digest
from atbench.spec import budget, grid
from atbench.spec.address import FINAL, Cell, Run, step_name
from atbench.spec.budget import Budget
from atbench.spec.fields import MOST_BATCHES
from atbench.spec.judging import Judging, Linked, said
from atbench.spec.models.methods import CONSISTENCY, OBJECTIVES, PERTURBATIONS, Method
from atbench.spec.models.samplers import KINDS, Sampler
from atbench.spec.models.scale import Checkpoint
from atbench.spec.models.training import Distillation
from atbench.spec.recipe import Recipe, recipe_of
from atbench.spec.scales import at
from atbench.spec.signatures import hashes
from atbench.spec.suite import SuiteSpec


@dataclass(frozen=True, eq=False)
class RunSpec:
    """One training run."""

    suite: SuiteSpec
    address: Run
    method: Method
    parents: Mapping[str, "RunSpec"]  # what it starts from: under `continues` a full state, under `init` weights
    autoencoder: Linked | None  # in whose latent space it works
    judging: Judging

    def __str__(self) -> str:
        return str(self.address)

    @property
    def objective(self) -> str:
        return self.method.objective

    @cached_property
    def checkpoint(self) -> Checkpoint | None:
        """The files that an imported run comes from; None for a run that is trained."""
        return self.suite.checkpoint(self.address.method, self.address.seed)

    @property
    def rests_on(self) -> dict[str, tuple[Run, Path]]:
        """What its training reads of other runs: the name that its record has for it -> the run and the file."""
        found = {link: (parent.address, parent.address.state) for link, parent in self.parents.items()}
        if self.autoencoder is not None:
            found["autoencoder"] = self.autoencoder.address, self.autoencoder.address.weights()
        return found

    @cached_property
    def snapshots(self) -> dict[str, int]:
        """Step name -> batches trained so far, in order; the last one is ``final``."""
        if self.checkpoint:
            return {FINAL: self.checkpoint.batches}
        start, total = self._batches_before, self.batches
        count = self.suite.size.snapshots or 1
        count = count if total > start else 1
        if count > max(total - start, 1):
            key = f"suites.{self.suite.drawn_as}.snapshots"
            raise UserError(f"{at(self.suite.scale, key)}: {count} of {total - start} batches")
        if total > MOST_BATCHES:
            key = f"suites.{self.suite.drawn_as}.batches"
            reason = f"{total} of {self.address.method}, allowed: at most {MOST_BATCHES}"
            raise UserError(f"{at(self.suite.scale, key)}: {reason}")
        batches = [start + (total - start) * i // count for i in range(1, count)]
        return {step_name(b): b for b in batches} | {FINAL: total}

    @property
    def batches(self) -> int:
        """Batches that it has trained on at its end, those of the run that it continues included."""
        return self._batches_of(self.method)

    @property
    def trained_batches(self) -> int:
        """Batches that its own job trains on."""
        return 0 if self.checkpoint else self.batches - self._batches_before

    @property
    def passes_per_batch(self) -> int:
        """Forward passes of the network that training spends on a batch, a backward pass counted as two."""
        return budget.passes_per_batch(self.method, self._distillation)

    def budget(self, step: str = FINAL) -> Budget:
        """What it was trained with up to a snapshot: a continued run counts from the beginning of the one before."""
        before = self.parents["continues"].budget() if "continues" in self.parents else Budget(0, 0, 0)
        batches = self.snapshots[step]
        own = batches - before.batches
        updates = before.updates + own * budget.updates_per_batch(self.method)
        return Budget(batches, updates, before.passes + own * self.passes_per_batch)

    @cached_property
    def recipe(self) -> Recipe:
        """What its training needs to know. Raises UserError for an imported run."""
        if self.checkpoint:
            raise UserError(f"{self}: comes from a file, with `atbench import-weights`; there is nothing to train")
        return recipe_of(self.suite, self.method, self.address)

    @cached_property
    def slice(self) -> dict[str, Any]:
        """All that determines its weights."""
        if self.checkpoint:
            return self._imported_slice
        recipe = self.recipe
        return {
            "objective": recipe.objective,
            **recipe.options,
            "network": recipe.network,
            "data": self.suite.data.images,
            "conditional": recipe.conditional,
            "perturbation": recipe.perturbation.written(),
            "learning_rate": recipe.learning_rate,
            **recipe.training.written(),
            "snapshots": self.snapshots,
            "seed_names": list(recipe.seed_names),
            **({"plugins": self.plugins} if self.plugins else {}),
            **{link: Linked(parent.address, parent.digest).slice for link, parent in self.parents.items()},
            **self._latent_space,
            **said(self.judging.protocol),
        }

    @cached_property
    def plugins(self) -> dict[str, str]:
        """Code from outside the package that its training runs: what it is -> SHA-256 of the file."""
        if self.checkpoint:
            return {}
        perturbation = PERTURBATIONS[self.recipe.perturbation.written()["kind"]]
        return hashes(perturbation=perturbation, objective=OBJECTIVES.get(self.objective))

    @cached_property
    def digest(self) -> str:
        """Digest of all that determines its weights."""
        return digest(self.slice)

    @cached_property
    def cells(self) -> tuple["CellSpec", ...]:
        """Its declared cells: the sampler x NFE grid of its last step, then its convergence curve."""
        return tuple(
            self.cell(*point) for point in grid.points(self.suite, self.method, self.address.seed, self.snapshots)
        )

    @property
    def curve_cells(self) -> tuple["CellSpec", ...]:
        """The cells of its convergence curve, its last step included."""
        return tuple(self.cell(*point) for point in grid.curve_points(self.suite, self.method, self.snapshots))

    def cell(self, step: str, sampler: str, nfe: int) -> "CellSpec":
        """A cell of the run, on or off the grid."""
        return CellSpec(self, Cell(self.address, step, sampler, nfe))

    @property
    def _batches_before(self) -> int:
        before = self.method.continues
        return 0 if before is None else self._batches_of(self.suite.method(before))

    def _batches_of(self, method: Method) -> int:
        unit = self.suite.size.batches or 0
        return budget.batches(unit, method, self.suite.catalogue, self._distillation)

    @property
    def _distillation(self) -> Distillation | None:
        return self.suite.training.distillation if self.method.objective == CONSISTENCY else None

    @property
    def _imported_slice(self) -> dict[str, Any]:
        """All that determines the weights of an imported run: its files, by hash, and the network they are for."""
        assert self.checkpoint is not None
        return {
            "objective": self.method.objective,
            "network": self.suite.network.written(),
            "conditional": self.suite.conditional,
            "snapshots": self.snapshots,
            "imported": {role: file.sha256 for role, file in self.checkpoint.files.items()},
        }

    @property
    def _latent_space(self) -> dict[str, Any]:
        if self.suite.pretrained:  # released weights, their autoencoder included
            return {"pretrained": self.suite.pretrained}
        return {} if self.autoencoder is None else {"autoencoder": self.autoencoder.slice}


@dataclass(frozen=True, eq=False)
class CellSpec:
    """One cell: a run, a training step, a sampler and its network evaluations per image."""

    run: RunSpec
    address: Cell

    def __str__(self) -> str:
        return str(self.address)

    @property
    def nfe(self) -> int:
        return self.address.nfe

    @cached_property
    def sampler(self) -> Sampler:
        """The sampler with the suite's own options. Raises UserError for one that does not sample the run's network."""
        sampler = self.run.suite.sampler(self.address.sampler)
        if not grid.fits(self.run.suite, self.run.method, self.address.sampler):
            raise UserError(f"{self}: {self.address.sampler} does not sample what {self.address.run.method} trains")
        return sampler

    @property
    def steps(self) -> int:
        """Steps of the sampler. Raises UserError naming the cell and the nearest NFE that can be."""
        try:
            return grid.steps_of(self.run.suite, self.address.sampler, self.nfe)
        except UserError as error:
            raise UserError(f"{self}: {error}") from error

    @cached_property
    def slice(self) -> dict[str, Any]:
        """All that determines it beyond the weights of its run."""
        sampler = self.sampler.settings_at(self.nfe)
        if self.sampler.is_distilled:
            sampler["grid"] = self.run.slice["distillation"]["grid"]
        plugins = {"plugins": self._plugins} if self._plugins else {}
        return {"sampler": sampler, "nfe": self.nfe, **self.run.judging.slice_of(self.address.run.seed), **plugins}

    @property
    def plugins(self) -> dict[str, str]:
        """Code from outside the package that it rests on, that of its training too: what it is -> SHA-256."""
        return self.run.plugins | self._plugins

    @property
    def _plugins(self) -> dict[str, str]:
        return hashes(sampler=KINDS[self.sampler.kind]) | self.run.judging.plugins

    @cached_property
    def digest(self) -> str:
        return digest(self.slice)

    @property
    def digests(self) -> dict[str, str]:
        """The ``config`` block of its record while that is current."""
        return {"training": self.run.digest, "evaluation": self.digest}
