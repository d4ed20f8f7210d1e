"""The scale `tour`, made and released, of made-up numbers and weights."""

import shutil
from pathlib import Path

import pytest
from made_up import SOURCES, write_trained
from test_report import SUITE, make_tree

from atbench.report.build import build
from atbench.runtime import provenance
from atbench.runtime.files import file_hash
from atbench.runtime.records import read_record, write_record
from atbench.spec.load import load
from atbench.tasks.release import release

BENCHMARK = load("tour")
RELEASED = Path("results/released/tour")
RUN, EXTRACTOR = BENCHMARK.suite(SUITE).run("at", 0), BENCHMARK.extractor_run
FILE = RELEASED / "scratch/at/seed0/weights/final.safetensors"


def make_and_release() -> None:
    """Do it below the current folder."""
    suite = BENCHMARK.suite(SUITE)
    make_tree(BENCHMARK, Path("results/tour"), [0])
    for run in [*suite.runs(), EXTRACTOR]:
        write_trained(run)
    extractor = file_hash(EXTRACTOR.address.weights())
    for cell in suite.cells():
        inputs = {"weights": file_hash(cell.run.address.weights()), "extractor": extractor}
        change(cell.address.path, "inputs", inputs)
    change(suite.judging.rows_path(), "extractor", {"hash": extractor})
    shutil.copy(suite.cells()[0].address.path.with_suffix(".png"), suite.judging.picture_path)
    build(BENCHMARK, Path("results/tour"), [SUITE])
    release(BENCHMARK, [SUITE])


def finished_in(folder: Path) -> Path:
    """The folder, in which the scale is made, of made-up numbers and weights, and released."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "source_hash", SOURCES.get)
        patch.chdir(folder)
        make_and_release()
    return folder


def change(path: Path, block: str, values: dict) -> None:
    """Let a record have other values in one of its blocks."""
    record = read_record(path)
    write_record(path, record | {block: record[block] | values})
