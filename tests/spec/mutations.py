"""Mutations of the experiment files: each says whether its outcome must be refused, or may be valid.

An operator takes the parsed files (name below experiments/ -> content) and a ``random.Random``, and gives a Mutation: a
copy in which one file is changed. What must be refused is written here, key by key, and never read from the types that
the files are checked by: a test that asked them what to expect would agree with any mistake of theirs.
"""

import copy
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

SCALE = "ci"
CHAIN = ("scales/ci.yaml", "scales/workstation.yaml")  # the scale's file, then that which it extends
FILES = (*CHAIN, "methods.yaml", "samplers.yaml", "tuning.yaml", "claims.yaml", "reviews.yaml", "config.yaml")
FILES += ("mismatch.yaml", "heldout.yaml", "wide.yaml", "cost.yaml", "mixture.yaml", "noise.yaml", "recognition.yaml")
FILES += tuple(
    f"suites/{name}.yaml"
    for name in ("scratch", "finetune", "class-conditional", "consistency", "latent", "latent-consistency", "edm")
)
FILES += tuple(f"suites/{name}.yaml" for name in ("ablations", "placement", "autoencoder", "extractor"))

# Keys whose values are whole numbers, and lists of such.
WHOLE = {"batch_size", "batches", "snapshots", "seeds", "seed", "nfe", "image_size", "in_channels", "channels"}
WHOLE |= {"channel_mult", "num_res_blocks", "attention_resolutions", "channels_per_head", "num_groups", "width"}
WHOLE |= {"latent_channels", "num_classes", "samples", "kid_subsets", "kid_subset_size", "is_splits", "pr_neighbours"}
WHOLE |= {"blocks", "floor_repeats", "threads", "t_start", "stride", "inner_steps", "budget", "order", "levels"}
WHOLE |= {"draws", "ascent_steps", "images", "warm_up", "turns", "bumps", "from", "to"}
WHOLE |= {"twins", "batch_size_factor"}
# Keys in whose lists nothing may stand twice.
DISTINCT = {"seeds", "nfe", "methods", "samplers", "suites", "attention_resolutions", "levels", "radii", "bumps"}
DISTINCT |= {"learning_rate", "gamma", "step_rms", "claims", "metrics", "kl", "state", "averages"}
# Values that a key can never have, whatever stands beside it.
IMPOSSIBLE: dict[str, tuple[Any, ...]] = {
    "batch_size": (0, -64, 10**9),
    "weight_decay": (-0.1, 1.5, 1e30),
    "learning_rate": (0.0, -0.001, 2.0, 1e30),
    "relative_length": (0.0, -0.05, 0.5, 2.0),
    "target_decay": (-0.1, 1.0, 1.5),
    "dropout": (-0.1, 1.0, 30.0),
    "batches": (0, -5, 10**9),
    "snapshots": (0, -1, 10**9),
    "seed": (-1, 2**40),
    "threads": (0, -1, 10**6),
    "samples": (0, -1, 10**12),
    "memory_gb": (0, -2, 1e12),
    "pass_ms": (0.0, -1.0, 1e30),
    "cell_minutes": (0.0, -1.0, 1e30),
    "image_size": (0, -8, 10**7),
    "channels": (0, -16, 10**8),
    "num_groups": (0, -8, 10**8),
    "channels_per_head": (0, -16, 10**8),
    "num_res_blocks": (0, -1, 10**6),
    "t_start": (0, -960, 1000),
    "stride": (0, -40, 1000),
    "inner_steps": (0, -3, 10**7),
    "step_rms": (0.0, -0.01, 1e30),
    "radius_rms": (0.0, -0.1, 1e30),
    "gamma": (0.0, -0.1, 1e30),
    "learning_rate_factor": (0.0, -3.0, 1e30),
    "budget": (-1, 10**9),
    "eps_scale": (0.0, -1.0, 1e30),
    "guidance": (-1.0, 1e30),
    "nfe": (0, -5, 1001, 10**6),
    "floor_repeats": (0, 1, 10**12),
    "kid_subset_size": (0, 1, 10**9),
    "blocks": (0, 1, 10**9),
    "relative": (0.0, -0.05, 1.5),
    "draws": (0, -1, 10**9),
    "ascent_steps": (0, -1, 10**9),
    "turns": (0, -1, 10**9),
    "twins": (0, -1, 10**9),
    "jitter": (0.0, -0.01, 1e30),
    "averages": (0.0, -0.1, 0.28),
    "batch_size_factor": (0, -1, 10**9),
    "warm_up": (0, -1, 10**9),
}
REQUIRED: dict[str, tuple[str, ...]] = {  # at the top of a file, or of each of its entries
    "samplers.yaml": ("label", "kind"),
    "claims.yaml": ("claim", "source", "suites", "method", "against", "samplers", "judged", "nfe", "metric", "margin"),
    "tuning.yaml": ("suites", "seed", "metric", "search"),
    "scales/workstation.yaml": ("data", "training", "extractor", "threads", "queue", "tuned"),
    "config.yaml": ("scale", "suites"),
    "mismatch.yaml": ("suites", "samplers", "nfe", "draws", "levels", "radii", "ascent_steps"),
    "heldout.yaml": ("suites", "levels", "images"),
    "wide.yaml": ("suites", "samplers", "nfe"),
    "cost.yaml": ("methods", "warm_up", "turns"),
    "mixture.yaml": ("mixture", "nfe", "bumps", "radii"),
    "recognition.yaml": ("seed", "sure", "suite", "methods", "seeds", "cells"),
    "noise.yaml": ("method", "seeds", "twins", "jitter", "averages", "cells", "images", "settings"),
    "suites": ("title", "paper", "methods", "samplers", "init", "conditional"),
}
DEEP = 60  # levels; no key of any file is deeper than ten

Tree = dict[str, Any]
Path_ = tuple[Any, ...]


class Mutation(NamedTuple):
    """A changed copy of the files."""

    tree: Tree
    must_be_refused: bool
    file: str  # the one that is changed
    what: str  # in words, for the message of a failing test


class Place(NamedTuple):
    """A value in a file that decides something at the scale: no other file stands on top of it."""

    file: str
    path: Path_
    value: Any

    @property
    def key(self) -> str:
        """The name of the value, that of its list where it stands in one."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")


def read(experiments: Path) -> Tree:
    """The files that decide what the scale is."""
    return {name: yaml.safe_load((experiments / name).read_text(encoding="utf-8")) for name in FILES}


def write(mutation: Mutation, experiments: Path) -> None:
    """Write the changed file."""
    text = yaml.dump(mutation.tree[mutation.file], Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    (experiments / mutation.file).write_text(text, encoding="utf-8")


def places(tree: Tree) -> list[Place]:
    """Every value of every file, mappings and lists included."""
    found = [place for file, content in tree.items() for place in _within(file, (), content)]
    return [place for place in found if place.path != ("extends",) and not _replaced(place, tree)]


def _within(file: str, path: Path_, value: Any) -> Iterator[Place]:
    if path:
        yield Place(file, path, value)
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _within(file, (*path, key), inner)


def _replaced(place: Place, tree: Tree) -> bool:
    """Whether the scale's own file puts something in the place of a value in the file that it extends."""
    if place.file != CHAIN[1]:
        return False
    above: Any = tree[CHAIN[0]]
    for part in place.path:
        if not isinstance(above, dict):
            return True
        if part not in above:
            return False
        above = above[part]
    return not (isinstance(above, dict) and isinstance(place.value, dict))


def _merged(place: Place, tree: Tree) -> bool:
    """Whether a mapping gets keys from the file on top: in place of anything else they would stand alone."""
    above: Any = tree[CHAIN[0]]
    for part in place.path if place.file == CHAIN[1] else ():
        above = above.get(part) if isinstance(above, dict) else None
    return place.file == CHAIN[1] and above is not None


def changed(tree: Tree, place: Place, value: Any, refused: bool, what: str) -> Mutation:
    """The mutation that puts ``value`` in a place."""
    copied = tree | {place.file: copy.deepcopy(tree[place.file])}
    _holder(copied, place)[place.path[-1]] = value
    return Mutation(copied, refused, place.file, f"{place.file}: {_dotted(place.path)}: {what}")


def _holder(tree: Tree, place: Place) -> Any:
    holder = tree[place.file]
    for part in place.path[:-1]:
        holder = holder[part]
    return holder


def _dotted(path: Path_) -> str:
    return ".".join(map(str, path))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _by_nfe(value: dict[Any, Any]) -> bool:
    """Whether the keys of a mapping are step counts, of which any may stand there."""
    return all(isinstance(key, int) for key in value)


# What must be refused.


def unknown_key(tree: Tree, rng: random.Random) -> Mutation:
    """A key that no file knows, in any mapping."""
    named = [place for place in places(tree) if isinstance(place.value, dict) and not _by_nfe(place.value)]
    place = rng.choice(named)
    key = rng.choice(["colour", "Batch_Size", "learning-rate", "métrique", 7, True, 0.5])
    return changed(tree, place, place.value | {key: rng.choice([1, "red", [1], {"a": 1}])}, True, f"with a key {key!r}")


def not_finite(tree: Tree, rng: random.Random) -> Mutation:
    """NaN or an infinity for any number."""
    place = rng.choice([place for place in places(tree) if _is_number(place.value)])
    value = rng.choice([math.nan, math.inf, -math.inf])
    return changed(tree, place, value, True, f"{value} for {place.value}")


def fractional(tree: Tree, rng: random.Random) -> Mutation:
    """A float where a whole number belongs, also one without a fraction."""
    place = rng.choice([p for p in places(tree) if type(p.value) is int and p.key in WHOLE and _counts(p)])
    value = place.value + rng.choice([0.0, 0.5])
    return changed(tree, place, value, True, f"{value} for {place.value}")


def _counts(place: Place) -> bool:
    """`batches` is a key of margins' budgets too, with names as values; of numbers it is always a count."""
    return not (place.file == "claims.yaml" and "margin" in place.path)


def text_for_number(tree: Tree, rng: random.Random) -> Mutation:
    """Words where a number belongs; a number in quotes is one of them."""
    place = rng.choice([place for place in places(tree) if _is_number(place.value)])
    value = rng.choice(["many", "", f"{place.value}", "1e-4 ", "0x10", "½"])
    return changed(tree, place, value, True, f"{value!r} for {place.value}")


def wrong_type(tree: Tree, rng: random.Random) -> Mutation:
    """A value of another kind altogether."""
    place = rng.choice([place for place in places(tree) if place.value is not None and not _merged(place, tree)])
    others: list[Any] = [{"colour": 1}, [["nested"]], -12.5, True, b"bytes"]
    if isinstance(place.value, bool):
        others = [{"colour": 1}, [True], 12.5, "perhaps"]
    elif _is_number(place.value):
        others = [{"colour": 1}, [place.value], True]
    elif isinstance(place.value, str):
        others = [{"colour": 1}, [place.value, place.value], 12.5]
    elif isinstance(place.value, list):
        others = ["words", 3, {"colour": 1}, -0.5]
    elif isinstance(place.value, dict):
        others = ["words", -3, [1, 2]]
    value = rng.choice(others)
    return changed(tree, place, value, True, f"{value!r} for {str(place.value)[:60]}")


def impossible(tree: Tree, rng: random.Random) -> Mutation:
    """A number out of the range that is written above."""
    place = rng.choice([p for p in places(tree) if _is_number(p.value) and IMPOSSIBLE.get(p.key) and _ranged(p)])
    value = rng.choice(IMPOSSIBLE[place.key])
    return changed(tree, place, value, True, f"{value} for {place.value}")


def _ranged(place: Place) -> bool:
    """A sampler's `t_start` is a time in (0, 1], that of a distillation a timestep: the range above is the latter's."""
    return place.file != "samplers.yaml" or place.key != "t_start"


def repeated(tree: Tree, rng: random.Random) -> Mutation:
    """The same twice in a list."""
    lists = [p for p in places(tree) if isinstance(p.value, list) and p.value and p.key in DISTINCT]
    place = rng.choice([p for p in lists if not isinstance(p.path[-1], int)])
    value = [*place.value, rng.choice(place.value)]
    rng.shuffle(value)
    return changed(tree, place, value, True, "one of them twice")


def missing(tree: Tree, rng: random.Random) -> Mutation:
    """A file, or an entry of one, without a key that it must have."""
    file = rng.choice([name for name in tree if name in REQUIRED or name.startswith("suites/")])
    key = rng.choice(REQUIRED[file if file in REQUIRED else "suites"])
    copied = tree | {file: copy.deepcopy(tree[file])}
    entry, where = copied[file], ""
    if file in ("samplers.yaml", "claims.yaml"):
        entries = entry["claims"] if file == "claims.yaml" else entry
        where = rng.choice(sorted(entries))
        entry = entries[where]
    del entry[key]
    return Mutation(copied, True, file, f"{file}: {where} without {key}")


def buried(tree: Tree, rng: random.Random) -> Mutation:
    """A value below many levels of lists or mappings."""
    place = rng.choice([place for place in places(tree) if not _merged(place, tree)])
    value = place.value
    for _ in range(DEEP):
        value = [value] if rng.random() < 0.5 else {"deeper": value}
    return changed(tree, place, value, True, f"below {DEEP} levels")


# What may be valid.


def another_number(tree: Tree, rng: random.Random) -> Mutation:
    """Another number of the same kind."""
    place = rng.choice([place for place in places(tree) if _is_number(place.value)])
    factor = rng.choice([0.5, 2, 3, 10, -1, 0.1])
    value = int(place.value * factor) if isinstance(place.value, int) else place.value * factor
    return changed(tree, place, value, False, f"{value} for {place.value}")


def another_word(tree: Tree, rng: random.Random) -> Mutation:
    """A word that stands somewhere else in the files, under the same key or any."""
    words = [place for place in places(tree) if isinstance(place.value, str)]
    place, other = rng.choice(words), rng.choice(words)
    alike = [p for p in words if p.key == place.key]
    value = rng.choice(alike).value if rng.random() < 0.7 else other.value
    return changed(tree, place, value, False, f"{value!r} for {place.value!r}")


def swapped(tree: Tree, rng: random.Random) -> Mutation:
    """What stands at another key of the same file."""
    file = rng.choice(sorted(tree))
    place, other = (rng.choice([p for p in places(tree) if p.file == file]) for _ in range(2))
    return changed(tree, place, copy.deepcopy(other.value), False, f"what stands at {_dotted(other.path)}")


def without(tree: Tree, rng: random.Random) -> Mutation:
    """One key or member less."""
    place = rng.choice(places(tree))
    copied = tree | {place.file: copy.deepcopy(tree[place.file])}
    del _holder(copied, place)[place.path[-1]]
    return Mutation(copied, False, place.file, f"{place.file}: without {_dotted(place.path)}")


def null(tree: Tree, rng: random.Random) -> Mutation:
    """Nothing in place of a value: in a scale it removes a key, elsewhere it may mean the default."""
    return changed(tree, rng.choice(places(tree)), None, False, "null")


def reordered(tree: Tree, rng: random.Random) -> Mutation:
    """A list in another order."""
    place = rng.choice([p for p in places(tree) if isinstance(p.value, list) and len(p.value) > 1])
    return changed(tree, place, rng.sample(place.value, len(place.value)), False, "in another order")


Operator = Callable[[Tree, random.Random], Mutation]
MUST_BE_REFUSED: tuple[Operator, ...] = (
    unknown_key,
    not_finite,
    fractional,
    text_for_number,
    wrong_type,
    impossible,
    repeated,
    missing,
    buried,
)
MAY_BE_VALID: tuple[Operator, ...] = (another_number, another_word, swapped, without, null, reordered)
OPERATORS = MUST_BE_REFUSED + MAY_BE_VALID
