"""Recognised images: what a classifier of known answers says, and what is refused before anything is trained."""

import json

import pytest
import torch
from altered import altered
from made_up import provenance

from atbench.probes.recognition import PROBE, measure, page
from atbench.report import render
from atbench.runtime.errors import UserError
from atbench.runtime.records import write_record
from atbench.spec.load import load
from atbench.tasks.train import train

BENCHMARK = load("ci")
SMALL = {"sure": 0.3, "seeds": [0], "cells": {"samplers": ["ddim"], "nfe": [5]}}


class Known(torch.nn.Module):
    """Two classes, whose logits are the first two pixels, tenfold."""

    def __init__(self):
        super().__init__()
        self.place = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return 10 * x.flatten(1)[:, :2]


def images(*pixels):
    return torch.tensor(pixels, dtype=torch.uint8).reshape(len(pixels), 1, 1, 2)


def test_recognised_are_images_of_whose_top_class_it_is_sure_enough():
    half = images((255, 0), (0, 255), (130, 128), (128, 128))  # sure, sure, 0.54, 0.5
    found = measure.says(Known(), half, 0.9)
    assert found["images"] == 4 and found["recognised"] == 0.5
    assert found["top"] == pytest.approx((1 + 1 + 0.539 + 0.5) / 4, abs=1e-3)
    assert measure.says(Known(), half, 0.52)["recognised"] == 0.75


def test_classes_are_counted_by_their_shares():
    assert measure.says(Known(), images(*[(255, 0)] * 8), 0.9)["classes"] == pytest.approx(1)
    assert measure.says(Known(), images(*[(255, 0), (0, 255)] * 4), 0.9)["classes"] == pytest.approx(2)
    assert 1 < measure.says(Known(), images(*[(255, 0)] * 7, (0, 255)), 0.9)["classes"] < 1.5


def test_the_classifier_is_not_the_one_whose_features_measure_distances():
    run = PROBE.classifier(BENCHMARK)
    own = BENCHMARK.suite("scratch").judging.extractor
    assert (run.address.suite, run.address.method) == (own.address.suite, own.address.method)
    assert run.address.seed == 1000 and run.digest != own.digest
    with pytest.raises(UserError, match=r"recognition\.yaml: seed: 0 is that of the features of distances"):
        PROBE.classifier(altered(BENCHMARK, "recognition", seed=0))
    with pytest.raises(UserError, match=r"scale paper trains no classifier on the images of scratch"):
        PROBE.measure(load("paper"))


def test_its_digest_follows_classifier_cells_and_threshold():
    before = PROBE.digest(BENCHMARK)
    changes = {"seed": 1001}, {"sure": 0.8}, {"cells": SMALL["cells"]}, {"methods": ["adm", "at"]}
    others = [PROBE.digest(altered(BENCHMARK, "recognition", **change)) for change in changes]
    assert len({before, *others}) == 5


def test_its_inputs_are_the_weights_of_all_sampled_runs():
    reads = [str(path) for path in PROBE.reads(altered(load("laptop"), "recognition", seeds=[0, 1, 2]))]
    assert reads == [
        f"results/laptop/scratch/adm/seed{seed}/{name}" for seed in (0, 1) for name in ("weights", "config.json")
    ]
    with pytest.raises(UserError, match=r"recognition\.yaml: seeds: scratch has none of 2, 3 here"):
        PROBE.reads(altered(BENCHMARK, "recognition", seeds=[2, 3]))


@pytest.mark.slow
def test_samples_are_measured_beside_test_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    benchmark = altered(BENCHMARK, "recognition", **SMALL)
    with pytest.raises(UserError, match=r"results/ci/scratch/adm/seed0"):
        PROBE.measure(benchmark)  # not trained yet
    train(benchmark.suite("scratch").run("adm", 0))
    PROBE.measure(benchmark)
    record = json.loads(PROBE.path(benchmark).read_text())
    [row] = record["rows"]
    assert (row["method"], row["seed"], row["sampler"], row["nfe"]) == ("adm", 0, "ddim", 5)
    assert row["images"] == benchmark.suite("scratch").evaluation.samples
    assert record["classifier"]["accuracy"] > 0.5 and 0 < record["real"]["recognised"] <= 1
    table = page.table(benchmark, PROBE.shown(benchmark, tmp_path / "results/ci"))
    assert table.numbers.ratio.tolist() == [1.0, row["recognised"] / record["real"]["recognised"]]
    assert "trained apart, from seed 1000" in table.caption and "ADM, DDIM" in render.markdown(table)


def seen(share, **axes):
    return {"images": 100, "recognised": share, "top": 0.9, "classes": 8.0} | axes


def test_the_table_has_means_over_seeds_and_leaves_out_what_is_stale(tmp_path):
    axes = {"method": "adm", "sampler": "ddim", "nfe": 50, "weights": "0" * 64}
    record = {
        "classifier": {"seed": 1000, "batches": 10, "accuracy": 0.9},
        "real": seen(0.8),
        "rows": [seen(0.6, seed=0, **axes), seen(0.7, seed=1, **axes)],
        "settings": PROBE.settings(BENCHMARK).written() | {"seeds": [0, 1]},
        "provenance": provenance(date="2025-01-01T00:00:00+00:00"),
    }
    write_record(tmp_path / "recognition.json", record | {"config": PROBE.digests(BENCHMARK)})
    table = page.table(BENCHMARK, PROBE.shown(BENCHMARK, tmp_path))
    text = table.text(render.MARKDOWN)
    assert "Recognised, \\% & " in render.latex(table, "recognition")  # a bare one would end the line
    assert text.iloc[0].tolist() == ["80.0", "100", "0.90", "8.0"]
    assert text.iloc[1].tolist() == ["65.0 [60.0, 70.0]", "81", "0.90", "8.0"]
    write_record(tmp_path / "recognition.json", record | {"config": {"recognition": "0" * 16}})
    stale = page.table(BENCHMARK, PROBE.shown(BENCHMARK, tmp_path))
    assert stale.numbers.empty and "no results yet" in stale.caption and "—" in render.markdown(stale)
