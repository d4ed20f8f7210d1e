"""The recipes train and evaluate at the ci scale: files, interruption, refusals, common random numbers."""

import json
import math
import shutil

import numpy as np
import pytest
import torch
from runs import ADM, AT, LONG, files, interrupted, states_of, stop_at, train, weights_of
from spoil import spoil
from tiny import same_states

from atbench.models.checkpoints import read_torch
from atbench.models.weights import load_model, save_weights
from atbench.runtime.device import STATE_VARIABLE
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest, file_hash
from atbench.runtime.records import read_record, write_record
from atbench.spec import yaml
from atbench.spec.address import Cell, Run
from atbench.spec.load import load, load_cell, load_run
from atbench.spec.queue import TIME_LIMIT_VARIABLE
from atbench.spec.records import CellForm
from atbench.tasks import evaluate as evaluating
from atbench.tasks import generate as generating
from atbench.tasks.generate import BLOCK
from atbench.tasks.reference import reference
from atbench.tasks.train import never_moved

TUNED_AT = Run("ci", "finetune", "at", 0)
EXTRACTOR = Run("ci", "extractor", "digits-cnn", 0)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """The tests compare bits, which other devices do not promise."""
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which the extractor, the reference, scratch/adm and scratch/at of the ci scale are done."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ATBENCH_DEVICE", "cpu")
        for run in (EXTRACTOR, ADM, AT):
            train(run)
        reference(load("ci").suite("scratch"))
    return folder


@pytest.fixture
def workplace(finished, tmp_path, monkeypatch):
    """A copy of the finished folder that a test may spoil, as the current directory."""
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def scale(tmp_path, monkeypatch):
    """The file of the ci scale, in a copy of the experiment files that a test may spoil."""
    shutil.copytree(yaml.EXPERIMENTS, tmp_path / "experiments")
    monkeypatch.setattr(yaml, "EXPERIMENTS", tmp_path / "experiments")
    load.cache_clear()
    yield tmp_path / "experiments/scales/ci.yaml"
    load.cache_clear()


# Training.


def poison(trainer):
    trainer.model.out[2].weight.data[0, 0, 0, 0] = float("nan")


def test_a_finished_run_leaves_exactly_its_outputs(workplace):
    weights = ["weights/0000010.safetensors", "weights/final.safetensors"]
    assert files(ADM) == ["config.json", "final/state.pt", "final/train.jsonl", *weights]


@pytest.mark.parametrize(("run", "inner"), [(ADM, 1), (AT, 3)])
def test_config_json_tells_what_was_trained(workplace, run, inner):
    record, spec = read_record(run.record), load_run(run)
    assert record["slice"] == spec.slice and record["digest"] == digest(spec.slice) == spec.digest
    updates = 20 * inner
    spent = {"batches": 20, "updates": updates, "gradient_evals": updates, "forward_passes": 3 * updates}
    assert record["counts"] == spent
    assert record["data"]["images"] == 1348
    weights = load_model(run.weights(), "unet")
    assert record["parameters"] == sum(parameter.numel() for parameter in weights.parameters())


def test_log_has_the_last_batch_and_only_finite_numbers(workplace):
    lines = [json.loads(line) for line in (AT.path / "final/train.jsonl").read_text().splitlines()]
    assert [line["batches"] for line in lines] == [1, 10, 20]  # the first, and the last of every stretch
    assert lines[-1]["updates"] == 60
    assert {"loss", "mse", "vb", "grad_norm", "delta_rms", "at_radius"} <= lines[-1].keys()
    assert all(math.isfinite(value) for line in lines for value in line.values())


def test_state_continues_the_averaged_weights(workplace):
    state = read_torch(ADM.state, "state")
    averaged = load_model(ADM.weights(), "unet").state_dict()
    assert state["digest"] == load_run(ADM).digest
    assert all(torch.equal(averaged[name], tensor) for name, tensor in state["ema"].items())
    assert file_hash(ADM.weights()) != file_hash(ADM.weights("0000010"))


def test_interrupted_before_the_first_snapshot_starts_over(finished, empty):
    interrupted(ADM, 5)
    assert files(ADM) == []
    train(ADM)
    assert same_states(weights_of(ADM, "0000010", "final"), weights_of(ADM, "0000010", "final", folder=finished))


def left_at_the_first_snapshot(run):
    """The files of a run that was broken off after its first snapshot."""
    (state,) = states_of(run)
    assert state.name == f"state-0000010-{file_hash(state)}.pt"
    return ["resume/0000010.safetensors", "resume/seconds.json", f"resume/{state.name}"]


@pytest.mark.parametrize("run", [ADM, AT])
def test_interrupted_run_continues_bit_for_bit(finished, empty, run):
    interrupted(run, 15)
    assert files(run) == left_at_the_first_snapshot(run)
    begun = []
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 10, lambda trainer: begun.append(dict(trainer.counts)))
        train(run)
    assert len(begun) == 1  # batch 10 is the first one trained again
    assert files(run) == sorted(str(p.relative_to(finished / run.path)) for p in (finished / run.path).rglob("*.*"))
    assert same_states(weights_of(run, "0000010", "final"), weights_of(run, "0000010", "final", folder=finished))
    log = "final/train.jsonl"
    assert (run.path / log).read_text() == (finished / run.path / log).read_text()


def test_interrupted_after_two_snapshots_keeps_the_first(empty, scale):
    spoil(scale, "suites", "scratch", {"batches": 6, "snapshots": 3, "seeds": [0]})
    steps = ["0000002", "0000004", "final"]
    train(ADM)
    unbroken = weights_of(ADM, *steps)
    shutil.rmtree(ADM.path)
    interrupted(ADM, 5)
    train(ADM)
    assert same_states(weights_of(ADM, *steps), unbroken)


def test_a_job_whose_time_is_up_continues_bit_for_bit(finished, empty, monkeypatch):
    monkeypatch.setenv(TIME_LIMIT_VARIABLE, "1e-9")
    for batches in (1, 2, 3):
        with pytest.raises(UserError, match=f"time is up at batch {batches}; the same command continues"):
            train(ADM)
    monkeypatch.delenv(TIME_LIMIT_VARIABLE)
    train(ADM)
    assert same_states(weights_of(ADM, "0000010", "final"), weights_of(ADM, "0000010", "final", folder=finished))


@pytest.mark.parametrize("variable", [TIME_LIMIT_VARIABLE, STATE_VARIABLE])
@pytest.mark.parametrize("minutes", ["0", "-3", "an hour", "nan", "inf", ""])
def test_a_wrong_number_of_minutes_is_refused(empty, monkeypatch, variable, minutes):
    monkeypatch.setenv(variable, minutes)
    with pytest.raises(UserError, match=f"{variable}: '{minutes}' is no number of minutes"):
        train(ADM)
    assert files(ADM) == []


def test_leftovers_of_another_configuration_are_thrown_away(finished, empty):
    interrupted(ADM, 15)
    (state_file,) = states_of(ADM)
    state = read_torch(state_file, "state")
    state["digest"] = "0" * 16
    torch.save(state, state_file)
    state_file.rename(state_file.with_name(f"state-0000010-{file_hash(state_file)}.pt"))
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 0, lambda trainer: seen.append(files(ADM)))
        train(ADM)
    assert seen == [["train.lock"]]  # it did start at batch 0, in an empty folder
    assert same_states(weights_of(ADM, "final"), weights_of(ADM, "final", folder=finished))


def test_nan_run_leaves_its_last_good_state_and_a_report(finished, empty):
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 12, poison)
        with pytest.raises(UserError, match=r"method adm.*batch 12") as caught:
            train(ADM)
    assert "\n" not in str(caught.value)
    assert files(ADM) == ["failure.json", *left_at_the_first_snapshot(ADM)]
    failure = read_record(ADM.path / "failure.json")
    assert failure["method"] == "adm" and failure["values"]["batches"] == "12" and failure["values"]["loss"] == "nan"
    state = read_torch(states_of(ADM)[0], "state")
    assert state["counts"]["batches"] == 10
    assert all(tensor.isfinite().all() for tensor in state["model"].values())
    train(ADM)
    assert not (ADM.path / "failure.json").exists()
    assert same_states(weights_of(ADM, "final"), weights_of(ADM, "final", folder=finished))


SPOILED = {
    "missing": lambda path: path.unlink(),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:1000]),
    "empty": lambda path: path.write_bytes(b""),
    "other digest": lambda path: torch.save(torch.load(path, weights_only=True) | {"digest": "0" * 16}, path),
    "foreign": lambda path: path.write_text("a note"),
    "without digest": lambda path: torch.save({"model": {}}, path),
}


def forget_files(run):
    """Let a record be one of those that did not tell the files of their runs."""
    record = read_record(run.record)
    del record["files"]
    run.record.write_text(json.dumps(record))


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("how", SPOILED)
def test_parent_state_that_cannot_serve_is_named(workplace, how, recorded):
    if not recorded:
        forget_files(ADM)
    SPOILED[how](ADM.state)
    with pytest.raises(UserError, match=str(ADM.state)) as caught:
        train(LONG)
    assert "\n" not in str(caught.value)
    assert files(LONG) == []


def test_code_in_a_state_file_is_not_executed(workplace):
    class Payload:
        def __reduce__(self):
            return print, ("executed",)

    torch.save({"digest": Payload()}, ADM.state)
    forget_files(ADM)
    with pytest.raises(UserError, match="not a readable training state"):
        train(LONG)


def test_continued_run_goes_on_where_its_parent_ended(workplace):
    begun = []
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 20, lambda trainer: begun.append(dict(trainer.counts)))
        train(LONG)
    assert begun == [{"batches": 20, "updates": 20, "gradient_evals": 20, "forward_passes": 60}]
    assert read_record(LONG.record)["counts"]["batches"] == 60
    assert sorted(load_run(LONG).snapshots) == ["0000040", "final"]


def test_finetuned_run_needs_the_weights_it_starts_from(workplace):
    with pytest.raises(UserError, match=r"scratch/adm-3x/seed0/final/state\.pt"):
        train(TUNED_AT)


def test_network_of_another_size_is_refused_before_training(empty, scale):
    spoil(scale, "model", "image_size", 16)
    spoil(scale, "model", "attention_resolutions", [8])
    with pytest.raises(UserError, match=r"ci\.yaml: model\.image_size: 16: .* of shape \(1, 8, 8\)"):
        train(ADM)
    assert files(ADM) == []


# Evaluation.

CELL = Cell(ADM, "final", "ddim", 5)
SAMPLES = load("ci").file.evaluation.samples


def evaluated(*cells):
    evaluating.evaluate([load_cell(cell) for cell in cells])
    return [CellForm.read(cell.path) for cell in cells]


@pytest.mark.parametrize("name", ["iddpm", "ddim", "dpm-solver"])
def test_image_i_is_the_same_whatever_the_count(workplace, name):
    model = load_model(ADM.weights(), "unet")
    sampler = evaluating.sampler_of(load_cell(Cell(ADM, "final", name, 5)))
    few, many = (generating.Generator(model, sampler, ("scratch", 0), CPU)(n)[0] for n in (10, BLOCK + 6))
    assert few.shape == (10, 1, 8, 8) and many.shape == (BLOCK + 6, 1, 8, 8) and few.dtype == torch.uint8
    assert torch.equal(many[:10], few)
    assert not torch.equal(many[BLOCK:], many[:6])  # the second block has latents of its own


def test_record_of_a_cell(workplace):
    (record,) = evaluated(CELL)
    assert record["cell"] == CELL.axes
    trained = {"batches": 20, "updates": 20, "gradient_evals": 20, "forward_passes": 60}
    assert record["counts"] == trained | {"nfe": 5, "samples": SAMPLES, "reference": 1348}
    assert record["inputs"]["weights"] == file_hash(ADM.weights())
    assert record["config"]["evaluation"] == load_cell(CELL).digest
    assert CELL.path.with_suffix(".png").is_file()


def test_counts_of_a_snapshot(workplace):
    (record,) = evaluated(Cell(AT, "0000010", "ddim", 5))
    assert (record["counts"]["batches"], record["counts"]["updates"]) == (10, 30)


def test_methods_of_one_seed_start_from_the_same_latents(workplace, monkeypatch):
    draws = []
    gaussian = generating.gaussian

    def note(shape, *names):
        draws.append((shape, names, gaussian(shape, *names)))
        return draws[-1][2]

    monkeypatch.setattr(generating, "gaussian", note)
    records = evaluated(CELL, Cell(AT, "final", "ddim", 5))
    blocks = -(-SAMPLES // BLOCK)
    assert len(draws) == 2 * blocks  # ddim draws latents and nothing else
    for ours, theirs in zip(draws[:blocks], draws[blocks:]):
        assert ours[:2] == theirs[:2] and torch.equal(ours[2], theirs[2])
    assert not torch.equal(draws[0][2], draws[1][2])
    assert records[0]["metrics"]["fd"] != records[1]["metrics"]["fd"]


def test_current_cells_are_kept(workplace, monkeypatch):
    evaluated(CELL)
    before = CELL.path.stat().st_mtime_ns
    monkeypatch.setattr(evaluating, "Generator", None)
    evaluated(CELL)
    assert CELL.path.stat().st_mtime_ns == before


@pytest.mark.parametrize("spoil", [lambda text: text[: len(text) // 2], lambda text: "{}", lambda text: ""])
def test_a_cut_off_cell_is_made_again(workplace, spoil):
    (before,) = evaluated(CELL)
    CELL.path.write_text(spoil(CELL.path.read_text()))
    (after,) = evaluated(CELL)
    assert after["metrics"] == before["metrics"]


def test_other_weights_in_place_make_a_cell_stale(workplace):
    (before,) = evaluated(CELL)
    shutil.copy(AT.weights(), ADM.weights())
    evaluating.weights.cache_clear()
    (after,) = evaluated(CELL)
    assert after["inputs"]["weights"] != before["inputs"]["weights"] and after["metrics"] != before["metrics"]


REFERENCE = load("ci").suite("scratch").judging.reference_path()
REFUSED = {
    "no such snapshot": (Cell(ADM, "0000011", "ddim", 5), lambda: None, r"0000011.*0000010, final"),
    "unknown sampler": (Cell(ADM, "final", "leapfrog", 5), lambda: None, "unknown sampler 'leapfrog'"),
    "weights missing": (CELL, lambda: ADM.weights().unlink(), f"{ADM}: its weights are neither here nor released"),
    "weights truncated": (CELL, lambda: ADM.weights().write_bytes(b"abc"), str(ADM.weights())),
    "run missing": (CELL, lambda: ADM.record.unlink(), f"to make them: snakemake --cores all {ADM.weights_folder}"),
    "run stale": (CELL, lambda: spoil_digest(ADM), "rerun its training"),
    "extractor stale": (CELL, lambda: spoil_digest(EXTRACTOR), "extractor/digits-cnn/seed0.*rerun its training"),
    "extractor missing": (CELL, lambda: EXTRACTOR.weights().unlink(), f"{EXTRACTOR}: its weights are neither here"),
    "reference missing": (CELL, lambda: REFERENCE.unlink(), "reference/digits-digits-cnn"),
    "extractor replaced": (CELL, lambda: shuffle_weights(EXTRACTOR), "made with another extractor"),
}


def spoil_digest(run):
    record = read_record(run.record)
    write_record(run.record, record | {"digest": "0" * 16})


def shuffle_weights(run):
    """Other weights of the same network."""
    model = load_model(run.weights(), "digits-classifier")
    model.head.bias.data += 1
    config = read_record(run.record)["slice"]["network"]
    save_weights(run.weights(), model, "digits-classifier", config)


@pytest.mark.parametrize("how", REFUSED)
def test_what_cannot_be_evaluated_is_refused_before_sampling(workplace, monkeypatch, how):
    cell, spoil, message = REFUSED[how]
    spoil()
    monkeypatch.setattr(evaluating, "Generator", None)
    with pytest.raises(UserError, match=message) as caught:
        evaluated(cell)
    assert "\n" not in str(caught.value)
    assert not cell.path.exists()


def test_a_bad_cell_is_refused_before_the_good_ones_are_sampled(workplace):
    with pytest.raises(UserError, match="0000011"):
        evaluated(CELL, Cell(ADM, "0000011", "ddim", 5))
    assert not CELL.path.exists()


def test_exported_images_are_those_of_the_cell(workplace, monkeypatch):
    kept, generate = [], generating.Generator.one
    monkeypatch.setattr(generating.Generator, "one", lambda *args: kept.append(generate(*args)) or kept[-1])
    [record] = evaluated(CELL)
    images = torch.cat([block for block, _, _ in kept])[: record["counts"]["samples"]]
    for count, expected in ((10, images[:10]), (None, images)):  # without a number as many as the cell was scored from
        evaluating.export(load_cell(CELL), workplace / "images.npz", count)
        exported = torch.from_numpy(np.load(workplace / "images.npz")["arr_0"]).permute(0, 3, 1, 2)
        assert torch.equal(exported, expected)


def test_a_reference_of_fewer_images_has_an_address_of_its_own(workplace):
    whole = REFERENCE.read_bytes()
    reference(load("ci").suite("scratch"), 400)
    rows = read_record("results/ci/reference/digits-digits-cnn-n400-rows.json")
    assert rows["counts"]["train"] == rows["counts"]["heldout"] == rows["counts"]["samples"] == 400
    assert 0 < rows["floor"]["fd"]["mean"] < rows["ceiling"]["fd"]
    assert REFERENCE.read_bytes() == whole


@pytest.mark.parametrize(
    ("images", "word"), [(450, "--images 450.*split of 449"), (0, "allowed: 2 to"), (9, "metric op")]
)
def test_a_reference_of_impossible_counts_is_refused_at_once(workplace, monkeypatch, images, word):
    monkeypatch.setattr("atbench.tasks.reference.build_reference", None)
    with pytest.raises(UserError, match=word):
        reference(load("ci").suite("scratch"), images)


def test_an_attack_that_never_moves_is_told_in_the_record():
    still, moved = {"delta_rms": 0.0, "at_radius": 0.0}, {"delta_rms": 0.1, "at_radius": 1.0}
    assert "gradient was zero" in never_moved([still, still])[0]
    assert never_moved([still, moved]) == never_moved([still]) == never_moved([]) == []
    assert never_moved([{"delta_rms": 0.0}, {"delta_rms": 0.0}]) == []  # plain training has nothing to move
