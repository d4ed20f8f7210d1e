"""Checkpoints of other code: safe reading, bit-exact round trip, and runs that come from files."""

import pickle
import shutil
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from atbench import cli
from atbench.models.checkpoints import fitting_network, read_checkpoint, read_torch
from atbench.models.weights import build, load_model
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.runtime.records import read_record
from atbench.spec import load
from atbench.spec import yaml as files
from atbench.spec.address import Run, parse_snapshot
from atbench.spec.load import load_run
from atbench.spec.records import CellForm
from atbench.tasks import train as training
from atbench.tasks.evaluate import evaluate, generator_of
from atbench.tasks.reference import reference

ADM, TUNED = Run("ci", "imported", "adm", 0), Run("ci", "finetune", "at", 3)
NETWORK = load.load("ci").file.model
FILES = {"ema": "ema_0.9999_020000.pt", "raw": "model020000.pt"}


def weights(seed: int, **changes) -> OrderedDict:
    """A state dictionary as guided-diffusion saves it, every value drawn."""
    draw = torch.Generator().manual_seed(seed)
    state = build("unet", NETWORK | changes).state_dict()
    return OrderedDict((name, 0.1 * torch.randn(value.shape, generator=draw)) for name, value in state.items())


def declare(experiments, **roles):
    """Let the ci scale import these files as scratch's ADM, and fine-tune from there."""
    file = experiments / "scales/ci.yaml"
    content = yaml.safe_load(file.read_text())
    files = {role: {"path": str(path), "sha256": file_hash(path)} for role, path in roles.items()}
    content["suites"]["imported"] = {"seeds": [0], "imported": {"adm": {"batches": 20000} | files}}
    content["suites"]["finetune"] |= {"init": "imported/adm", "seeds": [3]}
    file.write_text(yaml.safe_dump(content))
    load.load.cache_clear()


@pytest.fixture
def experiments(tmp_path, monkeypatch):
    """A folder with the two checkpoints as the current one, and a ci scale that declares them."""
    shutil.copytree(files.EXPERIMENTS, tmp_path / "experiments")
    monkeypatch.setattr(files, "EXPERIMENTS", tmp_path / "experiments")
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(FILES.values()):
        torch.save(weights(seed), name)
    declare(tmp_path / "experiments", **FILES)
    yield tmp_path / "experiments"
    load.load.cache_clear()


def atbench(*words: object) -> None:
    assert cli.main([str(word) for word in words]) == 0


def refused(capsys, *words: object) -> str:
    assert cli.main([str(word) for word in words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def same(a: dict, b: dict) -> bool:
    """Equal names in equal order, equal bits."""
    return list(a) == list(b) and all(torch.equal(a[name].view(torch.int32), b[name].view(torch.int32)) for name in a)


def test_round_trip_is_bit_exact(experiments):
    atbench("import-weights", *FILES.values(), ADM)
    atbench("export-weights", f"{ADM}/final", "ema.pt")
    atbench("export-weights", f"{ADM}/final", "raw.pt", "--raw")
    for role, file in FILES.items():
        assert same(torch.load(f"{role}.pt", weights_only=True), torch.load(file, weights_only=True))
    assert torch.equal(load_file(ADM.weights())["out.2.bias"], weights(0)["out.2.bias"])
    record = read_record(ADM.record)
    assert record["imported"] == {role: Path(file).name for role, file in FILES.items()}
    told = {name: entry["sha256"] for name, entry in record["files"].items()}
    assert told == {str(file.relative_to(ADM.path)): file_hash(file) for file in (ADM.weights(), ADM.state)}


def test_a_single_file_becomes_a_weights_file(experiments, capsys):
    atbench("import-weights", FILES["raw"], "converted", "--scale", "ci")
    assert capsys.readouterr().out.strip() == "converted/weights.safetensors"
    assert same(load_model("converted/weights.safetensors", "unet").state_dict(), weights(1))
    assert "takes one file" in refused(capsys, "import-weights", *FILES.values(), "converted", "--scale", "ci")


def test_one_file_stands_in_for_the_other(experiments):
    for role, other in (("ema", "raw"), ("raw", "ema")):
        declare(experiments, **{role: FILES[role]})
        atbench("import-weights", FILES[role], ADM)
        state = read_torch(ADM.state, "state")
        assert same(state["model"], state["ema"]) and same(state["ema"], read_checkpoint(FILES[role])), other


def test_an_imported_run_is_evaluated_and_trained_from_like_any_other(experiments):
    atbench("import-weights", *FILES.values(), ADM)
    benchmark = load.load("ci")
    training.train(benchmark.extractor_run)
    reference(benchmark.suite("imported"))
    cells = [benchmark.run(ADM).cell("final", sampler, nfe) for sampler, nfe in (("ddim", 5), ("iddpm", 3))]
    evaluate(cells)
    record = CellForm.read(cells[1].address.path)
    assert record["counts"]["nfe"] == 3 and record["counts"]["batches"] == 20000
    assert record["inputs"]["weights"] == file_hash(ADM.weights())
    training.train(benchmark.run(TUNED))
    made = read_record(TUNED.path / "config.json")
    assert made["slice"]["init"] == {"run": "imported/adm/seed0", "digest": record["config"]["training"]}
    assert made["counts"]["batches"] == 10 and TUNED.weights().exists()
    assert made["inputs"] == {"init": file_hash(ADM.state)}


def test_fine_tuning_starts_from_both_files(experiments):
    atbench("import-weights", *FILES.values(), ADM)
    run, cpu = load_run(TUNED), torch.device("cpu")
    trainer = training.new_trainer(run.recipe, training.training_images(run, None, cpu), cpu)
    training.start_from_parent(trainer, run)
    assert same(trainer.ema.module.state_dict(), weights(0)) and same(trainer.model.state_dict(), weights(1))
    assert trainer.ema.updates == 20000 and trainer.counts["updates"] == 0


def test_the_hash_of_the_file_is_in_every_digest_behind_it(experiments):
    first = [load_run(run).digest for run in (ADM, TUNED)]
    torch.save(weights(7), FILES["raw"])
    declare(experiments, **FILES)
    second = [load_run(run).digest for run in (ADM, TUNED)]
    assert first[0] != second[0] and first[1] != second[1]
    moved = shutil.copy(FILES["raw"], "moved.pt")
    declare(experiments, ema=FILES["ema"], raw=moved)
    assert [load_run(run).digest for run in (ADM, TUNED)] == second


def test_another_architecture_is_refused_with_its_first_differences(experiments, capsys):
    torch.save(weights(0, channels=16, num_groups=8), FILES["ema"])
    declare(experiments, ema=FILES["ema"])
    message = refused(capsys, "import-weights", FILES["ema"], ADM)
    assert f"{FILES['ema']}: another architecture: time_embed.0.weight is (64, 16) for (32, 8)" in message
    assert message.count(" for (") == 4 and "more" in message and not ADM.path.exists()
    fewer = weights(0)
    del fewer["out.2.bias"]
    fewer["label_emb.weight"] = torch.zeros(10, 32)
    torch.save(fewer, "x.pt")
    found = refusal(fitting_network, "x.pt", read_checkpoint("x.pt"), NETWORK, False)
    assert found == "x.pt: another architecture: out.2.bias is missing; label_emb.weight (10, 32) is unknown"


def test_a_class_conditional_file_brings_its_number_of_classes():
    state = weights(0, num_classes=7)
    assert fitting_network("x", state, NETWORK, True) == NETWORK | {"num_classes": 7}
    assert "label_emb.weight is missing" in refusal(fitting_network, "x", weights(0), NETWORK, True)


def test_a_class_conditional_checkpoint_is_a_run_too(experiments):
    torch.save(weights(0, num_classes=10), "labelled.pt")
    file, run = experiments / "scales/ci.yaml", Run("ci", "imported-class-conditional", "adm", 0)
    content = yaml.safe_load(file.read_text())
    entry = {"batches": 5, "ema": {"path": "labelled.pt", "sha256": file_hash("labelled.pt")}}
    content["suites"][run.suite] = {"seeds": [0], "imported": {"adm": entry}}
    file.write_text(yaml.safe_dump(content))
    load.load.cache_clear()
    atbench("import-weights", "labelled.pt", run)
    _, classes, nfe = generator_of(load_run(run).cell("final", "ddim", 3), torch.device("cpu"))(9)
    assert classes.shape == (9,) and nfe == 3


class Malicious:
    def __reduce__(self):
        import os

        return os.system, ("echo owned",)


BAD_FILES = {
    "malicious": (lambda path: torch.save({"out.2.bias": Malicious()}, path), "not a readable checkpoint"),
    "a bare pickle": (lambda path: path.write_bytes(pickle.dumps(Malicious(), 2)), "not a readable checkpoint"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-5000]), "not a readable checkpoint"),
    "missing": (lambda path: path.unlink(), "cannot be read"),
    "a tensor": (lambda path: torch.save(torch.zeros(2), path), "holds a Tensor"),
    "optimizer": (lambda path: torch.save({"state": {}, "param_groups": []}, path), "'state' is dict"),
    "half precision": (lambda path: torch.save({"a": torch.zeros(2).half()}, path), "'a' is torch.float16"),
    "NaN": (lambda path: torch.save({"a": torch.full((2,), torch.nan)}, path), "a holds NaN"),
}


@pytest.mark.parametrize("how", BAD_FILES)
def test_a_bad_file_is_refused_by_name_and_never_run(experiments, capfd, how):
    spoil, words = BAD_FILES[how]
    path = experiments.parent / FILES["raw"]
    spoil(path)
    message = refusal(read_checkpoint, path)
    assert str(path) in message and words in message and "owned" not in capfd.readouterr().out


def test_only_declared_files_come_in(experiments, capsys):
    torch.save(weights(9), "other.pt")
    assert "other.pt: SHA-256" in refused(capsys, "import-weights", "other.pt", ADM)
    assert "give the file of its raw weights too" in refused(capsys, "import-weights", FILES["ema"], ADM)
    scratch = Run("ci", "scratch", "adm", 0)
    assert "its suite trains" in refused(capsys, "import-weights", FILES["ema"], scratch)
    assert "nothing to train" in refused(capsys, "train", ADM)
    for run in (Run("ci", "imported", "at", 0), Run("ci", "imported", "adm", 1)):
        assert f"no checkpoint of imported/{run.method}/seed{run.seed}" in refused(
            capsys, "import-weights", FILES["ema"], run
        )


def test_exports_name_a_snapshot_that_is_kept(experiments, capsys):
    assert parse_snapshot(f"{ADM}/0000010") == (ADM, "0000010")
    assert "not the address of a snapshot" in refused(capsys, "export-weights", ADM, "x.pt")
    assert f"{ADM}: its weights are neither here nor released" in refused(
        capsys, "export-weights", f"{ADM}/final", "x.pt"
    )
    atbench("import-weights", *FILES.values(), ADM)
    assert "written as .pt" in refused(capsys, "export-weights", f"{ADM}/final", "x.safetensors")
    assert "last step only" in refused(capsys, "export-weights", f"{ADM}/0000010", "x.pt", "--raw")


class Loud:
    """What a file may ask a reader to run."""

    def __reduce__(self):
        return print, ("this must not be printed",)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS pointer"),
    ],
)
def test_a_file_that_is_no_checkpoint_at_all_is_told_apart(tmp_path, content, named):
    path = tmp_path / "ema.pt"
    path.write_bytes(content)
    assert named in refusal(read_checkpoint, path) and str(path) in refusal(read_checkpoint, path)


def test_a_file_that_wants_to_run_something_is_refused_by_its_name(tmp_path, capsys):
    torch.save({"a": Loud()}, tmp_path / "ema.pt")
    assert "asks for print" in refusal(read_checkpoint, tmp_path / "ema.pt")
    assert "this must not be printed" not in capsys.readouterr().out


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_what_wrappers_put_in_front_of_every_name_is_taken_off(tmp_path, prefix):
    tensors = weights(0)
    torch.save({prefix + name: tensor for name, tensor in tensors.items()}, tmp_path / "ema.pt")
    assert read_checkpoint(tmp_path / "ema.pt").keys() == tensors.keys()
