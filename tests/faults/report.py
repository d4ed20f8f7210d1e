"""The table of all trials: results/released/reliability.md. Ends with 1 unless nothing was lost or believed.

python -m faults.report
"""

import sys

import pandas as pd
from checkout import REPOSITORY
from faults.hostile import HOSTILE
from faults.trials import ACCEPTED, FOLDER, LOST, REFUSED, SKIPPED, SURVIVED, TRACEBACK, VALID, head, read

from atbench.runtime import provenance

PARTS = ("kills-kill", "kills-term", "prefixes", "full-disk", "records", "experiments", "hostile")
PAGE = REPOSITORY / "results/released/reliability.md"
COLUMNS = {  # column -> verdicts that it counts
    "survived or refused": (SURVIVED, REFUSED, VALID),
    "lost": (LOST,),
    "wrongly accepted": (ACCEPTED,),
    "tracebacks": (TRACEBACK,),
}
WORDS = """# What was survived, and what was refused

Written by `make test-faults` at commit {commit}, in {minutes:.0f} minutes. A row is a kind of fault. *Survived*: the
same command came to the end of an undisturbed run, byte for byte but for times. *Refused*: one line named the file, and
no report showed a number of it; of mutants that may be valid, also those that were read. *Lost*: sound results were
gone, a report ended, or the same command could not continue. `python -m` needs `PYTHONPATH=tests:.`.

"""


def main() -> None:
    missing = [part for part in PARTS if not (FOLDER / f"{part}.jsonl").exists()]
    if missing:
        sys.exit(f"{', '.join(missing)}: not run yet, so there is no table")
    trials = pd.concat([_trials(part) for part in PARTS])
    table = counts(trials[trials.verdict != SKIPPED])
    text = WORDS.format(commit=_commit(), minutes=trials.seconds.sum() / 60) + table.to_markdown(index=False) + "\n"
    text += "\n" + hostile_files(trials[trials.fault == HOSTILE])
    for row in trials[trials.verdict == SKIPPED].itertuples():
        text += f"\nSkipped: {row.fault}: {row.detail}\n"
    PAGE.write_text(text)
    print(text)
    sys.exit(int(table[["lost", "wrongly accepted", "tracebacks"]].sum().sum() > 0))


def counts(trials: pd.DataFrame) -> pd.DataFrame:
    """A row per kind of fault, in the order of the trials, and their sum."""
    rows = [
        {"fault": fault, "tried": len(found)}
        | {column: int(found.verdict.isin(verdicts).sum()) for column, verdicts in COLUMNS.items()}
        | {"command": f"`{command}`"}
        for (fault, command), found in trials.groupby(["fault", "command"], sort=False)
    ]
    table = pd.DataFrame(rows)
    total = {"fault": "all", "command": ""} | {key: int(table[key].sum()) for key in ("tried", *COLUMNS)}
    return pd.concat([table, pd.DataFrame([total])], ignore_index=True)


def hostile_files(trials: pd.DataFrame) -> str:
    """The most memory and time that a refusal took, in a sentence."""
    taken = trials.detail.str.extract(r"(?P<memory>[\d.]+) MB, (?P<seconds>[\d.]+) s$").astype(float).max()
    return (
        f"The refusal of a hostile file took {taken.memory:.0f} MB beyond an idle process "
        f"and {taken.seconds:.1f} CPU seconds at most.\n"
    )


def _trials(part: str) -> pd.DataFrame:
    file = FOLDER / f"{part}.jsonl"
    return pd.DataFrame(read(file)).assign(command=head(file)["command"])


def _commit() -> str:
    found = provenance.commit()
    return str(found["commit"])[:10] + ("+changes" if found.get("dirty") else "")


if __name__ == "__main__":
    main()
