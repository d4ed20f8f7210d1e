"""The noise of training: what a jitter and a setting change, what is kept of an interruption, known spreads."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from altered import altered
from made_up import provenance

from atbench.data import load
from atbench.data.batches import Batches
from atbench.probes.noise import PROBE, Setting, measure, page
from atbench.report import render
from atbench.runtime.errors import UserError
from atbench.runtime.records import write_record
from atbench.spec.load import load as load_scale
from atbench.tasks.reference import reference
from atbench.tasks.train import new_trainer, train

BENCHMARK, CPU = load_scale("ci"), torch.device("cpu")
PLAIN = {"plain": {"label": "as it is"}}
SMALL = {
    "seeds": [100, 101],
    "averages": [0.05, 0.25],
    "cells": {"samplers": ["ddim"], "nfe": [5]},
    "images": 128,
    "settings": PLAIN | {"half": {"label": "half the rate", "learning_rate_factor": 0.5, "batches_factor": 0.5}},
}


def small(**changes):
    return altered(BENCHMARK, "noise", **SMALL | changes)


def piece_of(twin=0, averages=(0.05, 0.25), **how):
    """A piece of one setting."""
    benchmark = small(settings={"one": {"label": "one"} | how}, averages=list(averages))
    return next(piece for piece in PROBE.pieces(benchmark) if piece.twin == twin)


def averages(piece):
    found = measure.trained(piece, load(piece.run.suite.data, "train"), CPU)
    return {length: list(average.module.parameters()) for length, average in found.items()}


def apart(first, second):
    return max((a - b).abs().max().item() for a, b in zip(first, second))


def test_the_unmoved_training_is_that_of_the_method():
    """Its average of the scale's own length has the product's bits."""
    piece = piece_of()
    images, recipe = load(piece.run.suite.data, "train"), piece.run.recipe
    trainer = new_trainer(recipe, images, CPU)
    batches = Batches(images, recipe.training.batch_size, (*recipe.seed_names, "batches"), recipe.training.flip)
    for index in range(piece.run.batches):
        trainer.train_batch(*batches.batch(index))
    length = recipe.training.ema.relative_length
    assert apart(averages(piece_of(averages=[length]))[length], trainer.ema.module.parameters()) == 0


def test_twins_begin_a_jitter_apart_and_lengths_are_averages_of_one_training():
    plain, twin = averages(piece_of()), averages(piece_of(twin=1))
    assert 0 < apart(plain[0.05], twin[0.05]) < 0.01 and apart(plain[0.05], plain[0.25]) > 0


def test_all_weights_are_jittered_but_those_of_layers_that_start_at_zero():
    trainer = new_trainer(piece_of().run.recipe, load(piece_of().run.suite.data, "train"), CPU)
    before = [parameter.clone() for parameter in trainer.parameters]
    measure.move(trainer, 1e-3, "a")
    pairs = list(zip(trainer.parameters, before))
    moved = torch.cat([(now - then).flatten() for now, then in pairs if then.any()])
    assert moved.std().item() == pytest.approx(1e-3, rel=0.05) and (moved != 0).float().mean() > 0.99
    still = [now for now, then in pairs if not then.any()]
    assert still and not any(parameter.any() for parameter in still)


def test_a_setting_changes_rate_batches_and_their_size():
    piece = piece_of(batch_size_factor=2, batches_factor=0.5, warm_up_share=0.5)
    assert (piece.batches, piece.batch_size) == (10, 128)
    assert [round(measure.rise(piece, index), 3) for index in (0, 1, 4, 9)] == [0.2, 0.4, 1.0, 1.0]
    assert measure.rise(piece_of(), 0) == 1
    still = averages(piece_of(learning_rate_factor=1e-6))
    assert apart(still[0.05], averages(piece_of())[0.05]) > 1e-3


def test_digests_of_pieces_tell_settings_apart_and_outlive_what_does_not_concern_them():
    def keys(**changes):
        return {str(piece.path): piece.digest for piece in PROBE.pieces(small(**changes))}

    before = keys()
    assert len(set(before.values())) == len(before) == 8
    assert keys(seeds=[100, 101, 102]).items() > before.items()
    assert keys(settings=PLAIN).items() < before.items()
    assert not keys(images=256).items() & before.items() and not keys(averages=[0.1]).items() & before.items()
    jittered = {path for path, key in keys(jitter=1e-4).items() if before[path] != key}
    assert jittered == {path for path in before if path.endswith("-twin1.json")}
    assert PROBE.digest(small()) != PROBE.digest(small(seeds=[100, 102]))


def test_digests_of_pieces_outlive_what_a_pilot_helps_to_choose():
    suite = BENCHMARK.resolved["scratch"]

    def digests(part="training", **changes):
        entry = getattr(suite, part)
        changed = replace(suite, **{part: type(entry).model_validate(entry.written() | changes)})
        resolved = {**BENCHMARK.resolved, "scratch": changed}
        others = replace(BENCHMARK, resolved=resolved, _suites={}, _runs={}, _judgings={})
        return {piece.digest for piece in PROBE.pieces(altered(others, "noise", **SMALL))}

    before = digests()
    assert len(before) == 8 and digests(ema={"relative_length": 0.25}) == before
    assert digests("evaluation", samples=64) == before
    assert not digests("size", batches=40) & before and not digests(flip=True) & before


def test_settings_of_suites_that_a_scale_lacks_are_left_out():
    tour = load_scale("tour")
    assert "conditional" in PROBE.here(BENCHMARK) and "conditional" not in PROBE.here(tour)
    with pytest.raises(UserError, match=r"noise\.yaml: settings: scale tour has none of their suites"):
        PROBE.measure(altered(tour, "noise", settings={"c": {"label": "c", "suite": "class-conditional"}}))


@pytest.mark.parametrize(("method", "suite"), [("at", "scratch"), ("adm-3x", "scratch"), ("adm", "finetune")])
def test_what_makes_several_updates_a_batch_or_starts_elsewhere_is_refused(method, suite):
    with pytest.raises(UserError, match=r"noise\.yaml: method: .*one update a batch, from random weights"):
        PROBE.pieces(small(method=method, settings={"x": {"label": "x", "suite": suite}}))


@pytest.mark.slow
def test_an_interrupted_measurement_goes_on_with_what_is_there(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    benchmark = small()
    with pytest.raises(UserError, match=r"digits-digits-cnn\.npz: not there yet.*snakemake --cores 1 results/ci"):
        PROBE.measure(benchmark)
    train(benchmark.extractor_run)
    reference(benchmark.suite("scratch"))
    pieces, whole = PROBE.pieces(benchmark), measure.train_and_score
    made = []

    def stopping(piece, device):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(piece.path)
        whole(piece, device)

    monkeypatch.setattr(measure, "train_and_score", stopping)
    with pytest.raises(KeyboardInterrupt):
        PROBE.measure(benchmark)
    assert made == [piece.path for piece in pieces[:3]] and not PROBE.path(benchmark).exists()
    assert not list((tmp_path / "results/ci/noise").rglob("*.lock"))
    times = [path.stat().st_mtime_ns for path in made]
    monkeypatch.setattr(measure, "train_and_score", whole)
    PROBE.measure(benchmark)
    assert [path.stat().st_mtime_ns for path in made] == times
    record = json.loads(PROBE.path(benchmark).read_text())
    assert len(record["rows"]) == 2 * 4 * 2 and record["config"] == {"noise": PROBE.digest(benchmark)}
    table = page.table(benchmark, PROBE.shown(benchmark, tmp_path / "results/ci"))
    assert list(table.numbers.setting) == ["plain", "plain", "half", "half"] and (table.numbers.twin_sd > 0).all()
    assert "ADM alone, from 2 seeds and from each 2 times" in table.caption
    assert "half the rate" in render.markdown(table) and "twin sd, \\% & " in render.latex(table, "noise")


def rows(twin, seed, count=400):
    """Distances whose logarithms vary by known amounts, alike in both cells."""
    draw = np.random.RandomState(0)
    found = []
    for number in range(count):
        base = draw.normal(0, seed)
        for k in range(2):
            log = base + draw.normal(0, twin)
            axes = {"setting": "plain", "average": 0.1, "seed": number, "twin": k, "sampler": "ddim"}
            found += [axes | {"nfe": nfe, "fd_heldout": float(np.exp(log + shift))} for nfe, shift in ((5, 2), (10, 1))]
    return found


def test_spreads_are_those_of_a_ratio_of_two_trainings():
    [found] = page.noise(pd.DataFrame(rows(0.03, 0.04))).to_dict("records")
    assert found["twin_sd"] == pytest.approx(np.sqrt(2) * 0.03, rel=0.1)
    assert found["seed_sd"] == pytest.approx(np.sqrt(2) * 0.05, rel=0.1)  # a seed's own part and a twin's
    assert found["twin_low"] < np.sqrt(2) * 0.03 < found["twin_high"]
    assert found["mean_fd"] == pytest.approx(np.exp(1.5), rel=0.02) and found["ddim_nfe5"] > found["ddim_nfe10"]
    pair = [row for row in rows(0.03, 0.04, 2) if row["nfe"] == 5]
    logs = np.log([row["fd_heldout"] for row in pair]).reshape(2, 2)
    [few] = page.noise(pd.DataFrame(pair)).to_dict("records")
    assert few["twin_sd"] == pytest.approx(np.sqrt(np.square(logs[:, 0] - logs[:, 1]).mean()))


def test_stale_measurements_are_left_out_and_damaged_ones_named(tmp_path, capfd):
    made = provenance(date="2025-01-01T00:00:00+00:00", seconds=7200.0)
    record = {"rows": rows(0.1, 0.1, 3), "settings": PROBE.settings(BENCHMARK).written(), "provenance": made}
    write_record(tmp_path / "noise.json", record | {"config": PROBE.digests(BENCHMARK)})
    text = render.markdown(page.table(BENCHMARK, PROBE.shown(BENCHMARK, tmp_path)))
    assert "2.0 CPU hours" in text and "| as the scale has it" in text
    write_record(tmp_path / "noise.json", record | {"config": {"noise": "0" * 16}})
    table = page.table(BENCHMARK, PROBE.shown(BENCHMARK, tmp_path))
    assert table.numbers.empty and "no results yet" in table.caption and "—" in render.markdown(table)
    write_record(tmp_path / "noise.json", {"rows": []})
    assert PROBE.shown(BENCHMARK, tmp_path) is None and "noise.json: " in capfd.readouterr().err


def test_a_setting_is_refused_by_its_range():
    for wrong in ({"warm_up_share": 1.0}, {"batch_size_factor": 0}, {"learning_rate_factor": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Setting.model_validate({"label": "x"} | wrong)
