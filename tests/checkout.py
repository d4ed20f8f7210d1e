"""A copy of the repository in which commands run as a user would type them, and what Snakemake says it did."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
CELL = "results/ci/scratch/at/seed0/final/ddim-nfe10.json"
REPORT_JOBS = {"scratch", "finetune", "class_conditional", "consistency", "latent_consistency"}  # suites
REPORT_JOBS |= {"tidy", "claims", "figures", "tables", "all"}


def link_released(folder: Path) -> None:
    """Give a folder the released results, as a fresh clone has them."""
    (folder / "results").mkdir()
    (folder / "results/released").symlink_to(REPOSITORY / "results/released")


class Checkout:
    """A copy of the repository in which commands run as a user would type them."""

    def __init__(self, folder: Path):
        self.folder = folder
        ignored = shutil.ignore_patterns(
            ".git", ".venv", "build", "results", ".snakemake", "__pycache__", "*.egg-info", ".*_cache"
        )
        shutil.copytree(REPOSITORY, folder, ignore=ignored, dirs_exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which a command finds this copy."""
        return os.environ | {"PYTHONPATH": str(self.folder), "PATH": f"{BIN}:{os.environ['PATH']}"}

    def run(self, *command: str, expect: int = 0) -> str:
        """Output of a command; its exit code must be ``expect`` (None: any)."""
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        output = done.stdout + done.stderr
        assert expect is None or done.returncode == expect, output[-4000:]
        return output

    @contextmanager
    def started(self, *command: str) -> Iterator[subprocess.Popen]:
        """A command that runs as a process group of its own, to be killed; awaited at the end."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment, start_new_session=True, **quiet)
        try:
            yield process
            process.wait(timeout=120)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def snakemake(self, *arguments: str, expect: int = 0, scale: str = "ci", config: tuple = ()) -> str:
        command = ("snakemake", "--cores", "2", "--quiet=rules", *arguments)
        return self.run(*command, "--config", f"scale={scale}", *config, expect=expect)

    def planned(self, *arguments: str, scale: str = "ci", config: tuple = ()) -> dict[str, list[str]]:
        """Rule -> suite/method of its jobs, or nothing where they are not about a run; from a dry run."""
        output = self.run("snakemake", "-n", "--cores", "2", *arguments, "--config", f"scale={scale}", *config)
        found: dict[str, list[str]] = {}
        for rule, about in re.findall(r"^ *(?:local)?(?:rule|checkpoint) (\w+):\n((?: +\S.*\n)+)", output, re.M):
            run = re.search(r"wildcards: suite=([^,\n]+), method=([^,\n]+)", about)
            found.setdefault(rule, []).append("/".join(run.groups()) if run else "")
        return {rule: sorted(runs) for rule, runs in found.items()}

    def build_environment(self) -> None:
        """Have what the first `make` would build: the environment of the tests."""
        environment = self.folder / ".venv"
        environment.mkdir()
        for entry in BIN.parent.iterdir():
            (environment / entry.name).symlink_to(entry)
        (environment / "ready").unlink(missing_ok=True)
        (environment / "ready").touch()

    def copy(self, folder: Path) -> "Checkout":
        """A copy with results and Snakemake's memory, time stamps kept."""
        shutil.copytree(self.folder, folder)
        return self.at(folder)

    @classmethod
    def at(cls, folder: Path) -> "Checkout":
        """The checkout that is already there."""
        found = object.__new__(cls)
        found.folder = folder
        return found


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    """Come back once ``condition`` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def edit(file: Path, change: Callable[[dict], object]) -> None:
    """Change the content of a YAML file in place; its comments are lost."""
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content))


def jobs(output: str) -> dict[str, int]:
    """Rule -> number of jobs, from Snakemake's job statistics; empty when there is nothing to do."""
    if "Job stats:" not in output:
        assert "Nothing to be done" in output, output[-3000:]
        return {}
    table = output.split("Job stats:")[1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", table, re.M)}


def compute_jobs(output: str) -> dict[str, int]:
    return {name: count for name, count in jobs(output).items() if name not in REPORT_JOBS}
