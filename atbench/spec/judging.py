"""What the cells of a suite are judged by: real images, counts, options of the metrics and the extractor."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from atbench.spec.address import ROOT, Run
from atbench.spec.metrics import metric_hashes
from atbench.spec.suite import SuiteSpec


@dataclass(frozen=True)
class Linked:
    """Another run that something rests on, by its address and by its digest, so that digests chain."""

    address: Run
    digest: str

    @property
    def slice(self) -> dict[str, str]:
        """How a slice names it: by address within the scale."""
        return {"run": f"{self.address.suite}/{self.address.method}/seed{self.address.seed}", "digest": self.digest}


def said(protocol: int) -> dict[str, int]:
    """What a slice says of the protocol: under the first, whose digests stay as they were, nothing."""
    return {"protocol": protocol} if protocol > 1 else {}


@dataclass(frozen=True, eq=False)
class Judging:
    """What the cells of a suite are judged by, and where it lies."""

    suite: SuiteSpec
    extractor: Linked | None  # the run that trains the extractor; None for a pretrained one
    knows_classes: bool  # the extractor was trained on these images: only then do its classes mean anything
    protocol: int

    @cached_property
    def slice(self) -> dict[str, Any]:
        """All that determines a suite's reference, its floor, held-out and ceiling rows included."""
        suite = self.suite
        extractor: dict[str, Any] = {"pretrained": suite.extractor} if self.extractor is None else self.extractor.slice
        checks = {"cross_checks": list(suite.cross_checks)} if suite.cross_checks else {}
        plugins = {"plugins": self.plugins} if self.plugins else {}
        judged_by = {"data": suite.judged_by.images, **suite.evaluation.written(), "extractor": extractor | checks}
        return judged_by | plugins | said(self.protocol)

    @property
    def plugins(self) -> dict[str, str]:
        """Metrics from outside the package: what they are -> SHA-256 of their file."""
        return metric_hashes()

    def slice_of(self, seed: int) -> dict[str, Any]:
        """What all cells of a run share beyond its weights: images to compare with, counts, seeds and extractor."""
        shared = {key: value for key, value in self.slice.items() if key != "floor_repeats"}  # which changes no cell
        return {**shared, "seed_names": self.seed_names(seed)}

    def seed_names(self, seed: int) -> list[str | int]:
        """Names behind latents, labels and step noise: the same for every method and NFE."""
        return [self.suite.drawn_as, seed]

    def reference_path(self, images: int | None = None) -> Path:
        """Features of the real images, or of ``images`` drawn from each split of them."""
        count = f"-n{images}" if images else ""
        name = f"{self.suite.judged_by.name}-{self.suite.extractor}{count}.npz"
        return Path(ROOT, self.suite.scale, "reference", name)

    def rows_path(self, images: int | None = None) -> Path:
        """Scores of the floor, held-out and ceiling rows."""
        path = self.reference_path(images)
        return path.with_name(f"{path.stem}-rows.json")

    @property
    def picture_path(self) -> Path:
        """The first of the real images in a fixed random order, of the held-out split, as a picture like a cell's."""
        return self.reference_path().with_suffix(".png")

    @property
    def reconstruction_path(self) -> Path | None:
        """Scores of real images after the autoencoder of a suite in latent space; None for one on pixels."""
        path = self.reference_path()
        return path.with_name(f"{path.stem}-reconstruction.json") if self.suite.is_latent else None
