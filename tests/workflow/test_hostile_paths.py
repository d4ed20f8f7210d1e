"""Paths in experiment files may hold anything that a file system allows: none of it is run by a job's shell."""

import pytest
import torch
from checkout import Checkout, edit

from atbench.models.weights import build
from atbench.runtime.files import file_hash
from atbench.spec.load import load

PATHS = {"ema": "checkpoints/x$(touch P) [1].pt", "raw": "checkpoints/it's;touch P;`touch P`.pt"}
RUN = "results/ci/imported/adm/seed0"


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    """A fresh checkout whose ci scale imports checkpoints at such paths."""
    checkout = Checkout(tmp_path / "atbench")
    (checkout.folder / "checkpoints").mkdir()
    files = {}
    for role, path in PATHS.items():
        torch.save(build("unet", load("ci").file.model).state_dict(), checkout.folder / path)
        files[role] = {"path": path, "sha256": file_hash(checkout.folder / path)}
    imported = {"seeds": [0], "imported": {"adm": {"batches": 10} | files}}
    edit(checkout.folder / "experiments/scales/ci.yaml", lambda scale: scale["suites"].update(imported=imported))
    return checkout


def test_a_checkpoint_is_imported_from_a_path_that_a_shell_would_run(checkout):
    checkout.snakemake(f"{RUN}/config.json")
    assert (checkout.folder / RUN / "weights/final.safetensors").exists()
    assert list(checkout.folder.rglob("P")) == []


@pytest.mark.parametrize("name", ["$(touch P)", "x; touch P"])
def test_a_scale_of_such_a_name_is_refused_before_any_job(checkout, name):
    scales = checkout.folder / "experiments/scales"
    (scales / f"{name}.yaml").write_text("extends: ci\n")
    checkout.build_environment()
    planned = checkout.snakemake("-n", scale=name, expect=1)
    for output in (planned, checkout.run("make", "plan", f"SCALE={name}", expect=2)):
        assert "lower-case letters, digits and single hyphens" in output and "Traceback" not in output
    assert list(checkout.folder.rglob("P")) == []
