"""What `snakemake -n` takes, by the number of jobs that it plans."""

from collections.abc import Callable
from pathlib import Path

from checkout import Checkout, edit, jobs

from benchmarks.entries import Curve, Growth, Setting
from benchmarks.method import Budget

SCALE = "laptop"
FULL, QUICK = (300, 1200, 5000), (100, 400)  # jobs, about so many: a seed more is some dozens of jobs more


def planned(checkout: Checkout) -> int:
    """Plan everything; returns how many jobs there are."""
    return sum(jobs(checkout.run("snakemake", "-n", "--cores", "2", "--config", f"scale={SCALE}")).values())


def seeded(folder: Path, seeds: int) -> Checkout:
    """A checkout whose suites have so many seeds."""
    checkout = Checkout(folder)

    def sow(scale: dict) -> None:
        for suite in scale["suites"].values():
            if len(suite["seeds"]) > 1:
                suite["seeds"] = list(range(seeds))

    edit(checkout.folder / f"experiments/scales/{SCALE}.yaml", sow)
    return checkout


def planning(setting: Setting) -> Growth:
    """Checkouts of a few sizes, each planned once or twice."""
    few, many = (planned(seeded(setting.scratch / f"of-{seeds}", seeds)) for seeds in (2, 4))
    actions: dict[int, Callable[[], int]] = {}
    for wanted in QUICK if setting.quick else FULL:
        seeds = max(2, round(2 + 2 * (wanted - few) / (many - few)))
        checkout = seeded(setting.scratch / f"seeds-{seeds}", seeds)
        size = few + (many - few) * (seeds - 2) // 2
        actions[size] = lambda checkout=checkout: planned(checkout)
    return Growth(actions, Budget(1, 1 if setting.quick else 2, 60), warm=False)


CURVES = (Curve("planning", "`snakemake -n` in a fresh clone, all suites of the default run", "jobs", planning),)
