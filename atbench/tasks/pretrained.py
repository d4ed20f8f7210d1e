"""Released weights: folders and files that environment variables name, since every machine keeps them elsewhere."""

import os
from functools import cache
from pathlib import Path

import torch

from atbench.models.stable_diffusion import Pipeline
from atbench.runtime.errors import UserError
from atbench.spec.run import RunSpec
from atbench.spec.suite import SuiteSpec
from atbench.tasks.run_record import trained

PIPELINE_VARIABLE = "ATBENCH_STABLE_DIFFUSION"  # folder of the pipeline, in diffusers' format
CLIP_VARIABLE = "ATBENCH_CLIP"  # folder of the CLIP model, in transformers' format
CLEAN_FID_VARIABLE = "ATBENCH_CLEAN_FID"  # file of clean-fid's Inception
EXTRACTOR_VARIABLE = "ATBENCH_EXTRACTOR"  # file of the extractor's weights


def path_in(variable: str, what: str) -> Path:
    """The path in an environment variable. Raises UserError saying ``what`` should lie there when nothing does."""
    if variable not in os.environ:
        raise UserError(f"{what}: set {variable} to where it lies")
    path = Path(os.environ[variable]).expanduser()
    if not path.exists():
        raise UserError(f"{what}: {variable} is {path}, where nothing lies")
    return path


def load_pipeline(suite: SuiteSpec, device: torch.device) -> Pipeline | None:
    """The pipeline that a suite starts from; None where it starts from runs of ours."""
    if suite.pretrained is None:
        return None
    what = f"suites.{suite.name}.init: {suite.pretrained}: a folder in diffusers' format"
    return _pipeline(path_in(PIPELINE_VARIABLE, what), device)


@cache
def _pipeline(folder: Path, device: torch.device) -> Pipeline:
    return Pipeline(folder).to(device)


def taught_by(run: RunSpec, pipeline: Pipeline) -> None:
    """Refuse to go on from ``run`` with another pipeline than the one that it was trained with."""
    recorded = trained(run)["inputs"]["pipeline"]
    if recorded != pipeline.hash:
        raise UserError(f"{run}: trained with pipeline {recorded}, but {pipeline.folder} is {pipeline.hash}")
