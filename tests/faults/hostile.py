"""Hostile files of each kind: the tests of the project's own, counted.

python -m faults.hostile
"""

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from checkout import REPOSITORY
from faults.trials import ACCEPTED, REFUSED, SKIPPED, TRACEBACK, Ledger, Trial

COMMAND = "python -m faults.hostile"
TESTS = "tests/data/test_hostile_files.py"
HOSTILE = "hostile file"


def main() -> None:
    ledger = Ledger("hostile", COMMAND)
    if not ledger.trials:
        ledger.add(*trials())
    print(ledger.summary())


def trials() -> list[Trial]:
    """A trial per test: one that passes has seen its file refused, within its bounds."""
    if not (REPOSITORY / TESTS).exists():
        return [Trial(HOSTILE, TESTS, SKIPPED, f"{TESTS}: there is none")]
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "tests.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", TESTS, f"--junitxml={found}"]
        subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
        return [_trial(case) for case in ElementTree.parse(found).iter("testcase")]


def _trial(case: ElementTree.Element) -> Trial:
    ends = {child.tag: child.get("message", "") for child in case if child.tag in ("failure", "error", "skipped")}
    taken = " ".join(found.get("value", "") for found in case.iter("property"))
    detail = " ".join([*ends.values(), taken]).split("\n")[0][:300]
    if not ends:
        verdict = REFUSED
    elif "skipped" in ends:
        verdict = SKIPPED
    else:
        verdict = ACCEPTED if "DID NOT RAISE" in detail else TRACEBACK
    return Trial(HOSTILE, case.get("name", ""), verdict, detail)


if __name__ == "__main__":
    main()
