"""A failed job says why on the screen, and a second process who it would disturb."""

import logging
from types import SimpleNamespace

import pytest

from atbench.workflow.screen import name_the_living, say_why


@pytest.fixture
def logger(request):
    return logging.getLogger(request.node.name)


def failed(logger: logging.Logger, *logs) -> None:
    """What Snakemake logs of a failed job."""
    logger.error("Error in rule train, jobid: 1", extra={"event": SimpleNamespace(name="JOB_ERROR"), "log": logs})


def test_the_last_line_of_a_failed_job_is_said(logger, caplog, tmp_path):
    file = tmp_path / "train.log"
    file.write_text("training on CPU from batch 0\natbench: data.path: no such folder\n\n")
    say_why(logger)
    failed(logger, file)
    assert f"atbench: data.path: no such folder (log: {file})" in caplog.messages


def test_a_job_that_said_nothing_or_could_not_write_its_log_is_named(logger, caplog, tmp_path):
    silent, lacking = tmp_path / "silent.log", tmp_path / "lacking.log"
    silent.touch()
    say_why(logger)
    failed(logger, silent, lacking)
    assert any("without a word" in line and str(silent) in line for line in caplog.messages)
    assert any("cannot be read" in line and str(lacking) in line for line in caplog.messages)


def test_the_refusal_of_a_second_process_is_one_line(logger, caplog):
    name_the_living(logger, ["process 7 on here since 2026-01-01 10:00"])
    logger.error("LockException:\nError: Directory cannot be locked. Please make sure\n... --unlock argument.")
    (record,) = caplog.records
    assert record.getMessage() == (
        "atbench: the directory cannot be locked: process 7 on here since 2026-01-01 10:00 makes the same files; "
        "wait for its end"
    )
