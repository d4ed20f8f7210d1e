"""The ci scale through SLURM, bit for bit as here: `make test-slurm`, no part of `make test`.

Installs SLURM from Debian's packages where it is missing, and starts a cluster of one node on this machine. Needs root.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from checkout import Checkout, jobs

from atbench.spec.load import load, workflow

PACKAGES = ["slurmctld", "slurmd", "slurm-client", "munge"]
CONFIGURATION = Path("/etc/slurm/slurm.conf")  # jobs read this one: the plugin keeps SLURM_CONF from them
OURS = "# Of tests/workflow/smoke_slurm.py"
PROFILE = ("--profile", "experiments/profiles/slurm")
# The profile's 40 seconds spare a cluster many questions. squeue, because sacct knows nothing without a data base.
HURRY = ("--slurm-init-seconds-before-status-checks", "3", "--slurm-status-command", "squeue")


def configuration(folder: Path, cores: int, memory: int) -> str:
    """A cluster of this machine, whose daemons keep everything in ``folder``; memory in MB."""
    host = socket.gethostname().split(".")[0]
    controller, node = free_ports(2)
    return f"""{OURS}
ClusterName=atbench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/node
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def install() -> None:
    """SLURM and munge, where they are missing."""
    if not all(map(shutil.which, ("slurmctld", "slurmd", "sbatch", "munged"))):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
            subprocess.run(["apt-get", "--quiet", *command], env=environment, check=True)


def wait_until_idle(folder: Path, daemons: list[subprocess.Popen]) -> None:
    for _ in range(60):
        found = subprocess.run(["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True)
        if found.stdout.strip() == "idle":
            return
        assert all(daemon.poll() is None for daemon in daemons), logs(folder)
        time.sleep(1)
    raise AssertionError(f"no node is idle: {found.stdout}{found.stderr}\n{logs(folder)}")


def logs(folder: Path) -> str:
    return "\n".join(file.read_text()[-2000:] for file in folder.glob("*.log"))


@pytest.fixture(scope="module")
def cores(tmp_path_factory):
    """The cores of a running cluster, whose daemons end with the test."""
    if os.geteuid():
        pytest.fail("make test-slurm: starts daemons and needs root", pytrace=False)
    install()
    if CONFIGURATION.exists() and not CONFIGURATION.read_text().startswith(OURS):
        pytest.fail(f"{CONFIGURATION}: this machine has a SLURM of its own; left alone", pytrace=False)
    folder, count = tmp_path_factory.mktemp("slurm"), len(os.sched_getaffinity(0))
    for name in ("controller", "node"):
        (folder / name).mkdir()
    key = folder / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    CONFIGURATION.write_text(configuration(folder, count, memory))
    munged = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge"]
    munged += [f"--{kind}-file={folder}/munged.{kind}" for kind in ("log", "pid", "seed")]
    daemons = []
    try:
        for command in (munged, ["slurmctld", "-D"], ["slurmd", "-D"]):
            daemons.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            time.sleep(1)
        wait_until_idle(folder, daemons)
        yield count
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(timeout=30)
        CONFIGURATION.unlink()


def cells(checkout: Checkout) -> dict[Path, dict]:
    """Path below the results -> what its numbers are and what made them."""
    root = checkout.folder / "results/ci"
    records = {path.relative_to(root): json.loads(path.read_text()) for path in root.glob("*/*/seed*/*/*-nfe*.json")}
    return {path: {key: record[key] for key in ("metrics", "counts", "config")} for path, record in records.items()}


def declared() -> set[Path]:
    """The paths that the default suites promise."""
    cells = [cell for suite in workflow().suites for cell in load("ci").suite(suite).cells()]
    return {cell.address.path.relative_to("results/ci") for cell in cells}


def timed(what: str, action, *arguments) -> str:
    begin = time.perf_counter()
    output = action(*arguments)
    print(f"\n{what}: {time.perf_counter() - begin:.0f} s", flush=True)
    return output


def test_slurm_makes_what_a_local_run_makes(cores, tmp_path):
    here, there = Checkout(tmp_path / "here"), Checkout(tmp_path / "there")
    timed(f"ci on {cores} cores here", here.run, "snakemake", "--cores", str(cores), "--config", "scale=ci")
    command = ("snakemake", *PROFILE, *HURRY, "--cores", str(cores), "--config", "scale=ci")
    output = timed(f"ci on {cores} cores through SLURM", there.run, *command)
    submitted = len(set(re.findall(r"SLURM jobid (\d+)", output)))
    assert 0 < submitted < sum(jobs(output).values())  # some in groups
    assert cells(here).keys() == declared() and cells(here) == cells(there)
    print(f"{len(cells(here))} cells equal, bit for bit; {sum(jobs(output).values())} jobs in {submitted} submissions")
    assert jobs(there.snakemake("-n")) == jobs(there.run(*command, "-n")) == {}
