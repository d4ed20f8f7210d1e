"""A training tells how far it is while it runs, and nothing once it is over."""

import json

import pytest
from runs import ADM, AT, interrupted, stop_at, train

from atbench.runtime.errors import UserError
from atbench.spec.progress import progress_of
from atbench.tasks import progress


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    monkeypatch.setattr(progress, "PAUSE", 0.0)  # after every batch


def test_what_is_told_is_what_the_training_shows_at_that_batch(monkeypatch):
    seen = []
    stop_at(monkeypatch, 15, lambda trainer: seen.append(progress_of(AT)))
    train(AT)
    (told,) = seen
    last = [json.loads(line) for line in AT.log.read_text().splitlines()][-1]
    assert told.batches == 15 and told.of == last["batches"] == 20
    assert told.loss > 0 and told.delta_rms > 0 and told.images_per_second > 0
    assert not AT.progress.exists()


def test_a_training_that_breaks_off_tells_nothing_any_more():
    interrupted(ADM, 5)
    assert progress_of(ADM) is None and not ADM.progress.exists()


def test_a_look_that_cannot_be_written_ends_no_training(monkeypatch):
    def full(path, value):
        raise UserError(f"{path}: cannot be written (No space left on device)")

    monkeypatch.setattr(progress, "write_json", full)
    train(ADM)
    assert ADM.record.exists()
