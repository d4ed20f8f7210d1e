"""Weights from and for other code: a checkpoint becomes a finished run, a snapshot becomes a checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from atbench.models.checkpoints import (
    LABELS,
    fitting_network,
    read_checkpoint,
    read_torch,
    write_checkpoint,
    write_torch,
)
from atbench.models.diffusers_folder import SUFFIXES, is_class_conditional, read_folder, weights_file, write_folder
from atbench.models.weights import build, load_model, save_weights
from atbench.runtime import provenance
from atbench.runtime.device import cpu_seconds
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.runtime.records import write_record
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.budget import updates_per_batch
from atbench.spec.models.methods import NOISE_PREDICTION
from atbench.spec.run import RunSpec
from atbench.tasks.resume import files_of
from atbench.tasks.run_record import trained


def import_run(files: list[Path], run: RunSpec) -> None:
    """Write everything that a finished ``run`` has, its weights taken from the checkpoints that the scale declares.

    Which file is the moving average and which the raw weights, their hashes tell. Where one is not declared, the other
    stands in: averaging then starts from the raw weights, or training from the average.
    Raises UserError for a file that is not declared, is missing, or is of another architecture.
    """
    if run.checkpoint is None:
        raise UserError(f"{run}: its suite trains; a run to import belongs to a suite with `init: imported`")
    address, suite = run.address, run.suite
    roles = roles_of([weights_file(path) for path in files], run)
    tensors, network = {}, suite.network.written()
    for role, path in roles.items():
        tensors[role], network = read_fitting(path, network, suite.conditional is True)
    address.record.unlink(missing_ok=True)  # of files that go now
    ema, raw = tensors.get("ema", tensors.get("raw")), tensors.get("raw", tensors.get("ema"))
    write_weights(address.weights(), network, ema)
    # Declared, not measured: the code that trained these weights has counted them.
    batches = run.checkpoint.batches
    counts = {"batches": batches, "updates": batches * updates_per_batch(run.method)}
    state = {"model": raw, "ema": ema, "ema_updates": counts["updates"], "objective_name": run.objective}
    write_torch(address.state, state | {"digest": run.digest})
    write_record(address.record, import_record(run, roles, counts, ema))


def import_record(
    run: RunSpec, roles: dict[str, Path], counts: dict[str, int], tensors: Mapping[str, Tensor]
) -> dict[str, Any]:
    """The ``config.json`` of an imported run."""
    return {
        "digest": run.digest,
        "slice": run.slice,
        "imported": {role: path.name for role, path in roles.items()},
        "files": files_of(run.address.path, [run.address.weights(), run.address.state]),
        "counts": counts,
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
        "seconds": {"startup": 0.0, "training": 0.0, "import": round(cpu_seconds(), 3)},
        "provenance": provenance.commit()
        | {"versions": provenance.versions(), "sources": {"training": provenance.source_hash("training")}},
    }


def roles_of(files: list[Path], run: RunSpec) -> dict[str, Path]:
    """Role ("ema", "raw") -> file, by hash. Raises UserError for a stranger among the files and for a role without."""
    declared = {role: file.sha256 for role, file in run.checkpoint.files.items()}
    roles: dict[str, Path] = {}
    for path in files:
        found = file_hash(path)
        role = next((role for role, wanted in declared.items() if wanted == found), None)
        if role is None:
            wanted = ", ".join(f"{role} {value}" for role, value in declared.items())
            raise UserError(f"{path}: SHA-256 {found} is not declared for {run}: {wanted}")
        roles[role] = path
    missing = [role for role in declared if role not in roles]
    if missing:
        raise UserError(f"{run}: give the file of its {' and '.join(missing)} weights too")
    return roles


def import_file(path: Path, folder: Path, suite: Suite) -> Path:
    """Write one checkpoint as ``folder``/weights.safetensors, with the network of a suite; returns that path."""
    target = folder / "weights.safetensors"
    tensors, network = read_fitting(weights_file(path), suite.network.written(), suite.conditional is True)
    write_weights(target, network, tensors)
    return target


def read_fitting(path: Path, network: Mapping[str, Any], conditional: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Parameters of our U-Net from a checkpoint of either form, and the constructor arguments that they belong to.

    Raises UserError naming the file for what is no checkpoint, or one of another network.
    """
    if path.suffix in SUFFIXES:
        return read_folder(path, network, conditional)
    tensors = read_checkpoint(path)
    return tensors, fitting_network(path, tensors, network, conditional)


def has_classes(path: Path) -> bool:
    """Whether a checkpoint of either form is of a class-conditional network."""
    if path.suffix in SUFFIXES:
        return is_class_conditional(path)
    return LABELS in read_checkpoint(path)


def write_weights(path: Path, network: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write the weights of a U-Net with the arguments that rebuild it."""
    model = build("unet", network)
    model.load_state_dict(tensors)
    save_weights(path, model, "unet", network)


def export(run: RunSpec, step: str, path: Path, raw: bool) -> None:
    """Write a snapshot's averaged weights, or at the last step its raw ones, as a checkpoint of guided-diffusion.

    Raises UserError for a run that is missing or stale, and for raw weights of an earlier step, which are not kept.
    """
    write_checkpoint(path, exported(run, step, raw)[0])


def export_to_diffusers(run: RunSpec, step: str, folder: Path, raw: bool) -> None:
    """Write the same as a folder that diffusers loads: network and scheduler.

    Raises UserError for what diffusers has no word for: other objectives than noise prediction, whose networks its
    schedulers do not sample, latents, and networks beyond `UNet2DModel`.
    """
    if run.objective != NOISE_PREDICTION:
        raise UserError(f"{run}: trained by {run.objective}, which diffusers' DDPM and DDIM do not sample; write .pt")
    if run.suite.is_latent or run.suite.pretrained:
        raise UserError(f"{run}: its network works on latents; diffusers' pipelines of UNet2DModel know pixels only")
    tensors, network = exported(run, step, raw)
    try:
        write_folder(folder, tensors, network)
    except UserError as error:
        raise UserError(f"{run}: {error}") from error


def exported(run: RunSpec, step: str, raw: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The parameters of a snapshot, and the constructor arguments of its network."""
    trained(run)
    if raw and step != FINAL:
        raise UserError(f"{run}/{step}: raw weights are kept at the last step only ({FINAL})")
    averaged = load_model(run.address.weights(step), "unet")
    tensors = read_torch(run.address.state, "training state")["model"] if raw else averaged.state_dict()
    return tensors, averaged.config
