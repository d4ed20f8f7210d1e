"""What all tests share."""

import os
import signal
import sys
from pathlib import Path

import pages
import pytest
from checkout import Checkout
from filelock import FileLock

# Before torch is imported: tiny tensors only lose time to a second thread, and bits depend on the number of threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell lets what it starts in its background ignore Ctrl-C, and so would all that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
TIERS = {
    "tasks": "slow",
    "mismatch": "slow",
    "workflow": "workflow",
    "journeys": "journey",
}  # folder of tests -> marker


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's tier follows from its folder. The tests of the whole workflow come first: they take half of the time."""
    for item in items:
        if item.path.parent.name in TIERS:
            item.add_marker(TIERS[item.path.parent.name])
    items.sort(key=lambda item: item.path.name not in ("test_workflow.py", "test_targets.py"))


def pytest_terminal_summary(terminalreporter) -> None:
    """What tests have recorded, a journey its time, below everything else."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Checkout:
    """A checkout in which the whole ci scale has run once, by whichever of several test processes came first."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    with FileLock(shared / "finished.lock"):
        if not (shared / "finished").exists():
            checkout = Checkout(shared / "unfinished" / "atbench")
            assert "(100%) done" in checkout.snakemake()
            (shared / "unfinished").rename(shared / "finished")
    return Checkout.at(shared / "finished" / "atbench").copy(tmp_path_factory.mktemp("finished") / "atbench")


@pytest.fixture
def scratchpad(finished, tmp_path) -> Checkout:
    """A copy of the finished checkout that a test may change."""
    return finished.copy(tmp_path / "atbench")


@pytest.fixture(autouse=True)
def forget_other_folders():
    """Addresses are relative: what a process remembers of one current directory is wrong in the next."""
    evaluating = sys.modules.get("atbench.tasks.evaluate")
    if evaluating is not None:
        evaluating.weights.cache_clear()
        evaluating.run_record.cache_clear()
    if reading := sys.modules.get("atbench.reading.tree"):
        reading.name_once.cache_clear()


@pytest.fixture(scope="session")
def readme_commands() -> list[str]:
    """The command lines of the README's indented blocks, without their comments."""
    lines = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8").splitlines()
    return pages.commands(line for line in lines if line.startswith("    "))


@pytest.fixture(scope="session")
def documented_commands() -> list[str]:
    """The commands in the documentation's shell blocks that need nothing but this repository, each once."""
    return list(dict.fromkeys(command for page in pages.DOCS for command in pages.runnable(page)))


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """Everything that a machine at paper scale has for text to image, tiny and randomly initialised."""
    import text_to_image_files as files

    root = tmp_path_factory.mktemp("world")
    for make, name in (
        (files.pipeline, "pipeline"),
        (files.clip, "clip"),
        (files.coco, "coco"),
        (files.shards, "shards"),
        (files.captioned_folder, "folder"),
    ):
        make(root / name)
    return root
