"""Ways to spoil a record: each takes one with a source of chance, and gives what the file holds instead.

An operator returns a mapping, or the text of the file where JSON can say what no mapping can, and whether that *must*
be refused. A record bears a seal, the digest of all else: every change of its content must. `sealed_anew` gives the
same nonsense under a seal that fits, as a faulty program would write it: what must be refused then is stated here by
ranges of our own, not read from the package.
"""

import json
import math
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from atbench.runtime import records

Record = dict[str, Any]
Operator = Callable[[Record, random.Random], tuple[Record | str, bool]]
Place = tuple[str | int, ...]
MARK = "\0mark"  # stands in JSON for text that json.dumps cannot write
DEPTHS = (40, 1_000, 100_000)


def sealed(record: Record) -> Record:
    """The record as a job writes it: with the digest of all else."""
    return records.sealed(records.unsealed(record))


def places(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every place of a record below its top, with what stands there."""
    if at:
        yield at, value
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from places(item, (*at, key))


def with_value(record: Record, place: Place, value: Any) -> Record:
    """A copy with another value at a place."""
    changed = deepcopy(record)
    _holder(changed, place)[place[-1]] = value
    return changed


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_leaf(value: Any) -> bool:
    return not isinstance(value, dict | list)


def change_number(record: Record, chance: random.Random) -> tuple[Record, bool]:
    """Another number that might as well be right: a better distance, a digit more."""
    place, value = _number(record, chance, is_number)
    new = value + chance.choice([-1, 1, 2]) if isinstance(value, int) else value * chance.uniform(0.5, 0.99) + 0.001
    return with_value(record, place, new), True


def last_digit(record: Record, chance: random.Random) -> tuple[Record, bool]:
    """The next number that a float can hold."""
    place, value = _number(record, chance, lambda value: isinstance(value, float))
    return with_value(record, place, math.nextafter(value, math.inf)), True


def not_finite(record: Record, chance: random.Random) -> tuple[Record, bool]:
    return _replaced(record, chance, is_number, [math.nan, math.inf, -math.inf])


def negative(record: Record, chance: random.Random) -> tuple[Record, bool]:
    place, value = _number(record, chance, is_number)
    return with_value(record, place, -abs(value) - 1), True


def huge(record: Record, chance: random.Random) -> tuple[Record | str, bool]:
    """Numbers that no float holds, some longer than Python converts."""
    place, _ = _chosen(record, chance, is_number)
    text = chance.choice(["1e400", "-1e400", "9" * 400, "9" * 5000, "1e308"])
    return _text(with_value(record, place, MARK), text), True


def boolean(record: Record, chance: random.Random) -> tuple[Record, bool]:
    return _replaced(record, chance, lambda value: is_leaf(value) and not isinstance(value, bool), [True, False])


def string(record: Record, chance: random.Random) -> tuple[Record, bool]:
    return _replaced(record, chance, is_number, ["", "nan", "1", "\u0661", "$(touch x)", "a" * 10_000])


def null(record: Record, chance: random.Random) -> tuple[Record, bool]:
    return _replaced(record, chance, lambda value: value is not None, [None])


def other_shape(record: Record, chance: random.Random) -> tuple[Record, bool]:
    """A list or a mapping where something else stood."""
    return _replaced(record, chance, lambda value: value not in ([], {}, [[]]), [[], {}, [[]]])


def float_for_integer(record: Record, chance: random.Random) -> tuple[Record, bool]:
    place, value = _number(record, chance, lambda value: isinstance(value, int) and not isinstance(value, bool))
    return with_value(record, place, float(value)), True


def remove_block(record: Record, chance: random.Random) -> tuple[Record, bool]:
    """The seal too is one."""
    gone = chance.choice(sorted(record))
    return {key: value for key, value in record.items() if key != gone}, True


def remove_key(record: Record, chance: random.Random) -> tuple[Record, bool]:
    changed = deepcopy(record)
    place, _ = _chosen(record, chance, lambda value: True)
    del _holder(changed, place)[place[-1]]
    return changed, True


def add_key(record: Record, chance: random.Random) -> tuple[Record, bool]:
    mappings = [(), *(place for place, value in places(record) if isinstance(value, dict))]
    changed, place = deepcopy(record), chance.choice(mappings)
    _holder(changed, (*place, ""))[chance.choice(["extra", "fd ", "FD", "", "__class__"])] = chance.choice([0, "", {}])
    return changed, True


def second_key(record: Record, chance: random.Random) -> tuple[str, bool]:
    """A name that stands twice in one mapping: Python's json keeps the last silently."""
    changed = deepcopy(record)
    place, value = _chosen(record, chance, lambda value: True, lambda place: isinstance(place[-1], str))
    _holder(changed, place)[MARK] = value if chance.random() < 0.2 else chance.choice([0, 0.001, None, "other"])
    return json.dumps(changed).replace(json.dumps(MARK), json.dumps(place[-1])), True


def deep(record: Record, chance: random.Random) -> tuple[str, bool]:
    """Lists in lists, or mappings in mappings."""
    place, _ = _chosen(record, chance, lambda value: True)
    depth, (left, right) = chance.choice(DEPTHS), chance.choice([("[", "]"), ('{"a":', "}")])
    return _text(with_value(record, place, MARK), left * depth + "1" + right * depth), True


def truncated(record: Record, chance: random.Random) -> tuple[str, bool]:
    text = json.dumps(record, indent=1)
    return text[: chance.randrange(len(text))], True


def two_in_one(record: Record, chance: random.Random) -> tuple[str, bool]:
    """Two writers that did not know of each other."""
    return json.dumps(record) * 2, True


def empty(record: Record, chance: random.Random) -> tuple[str, bool]:
    return chance.choice(["", "\n", "\0" * 512, "{}"]), True


def wrong_top(record: Record, chance: random.Random) -> tuple[str, bool]:
    return json.dumps(chance.choice([[record], "text", 7, None, True, [list(record.items())]])), True


def of_another(others: list[Record]) -> Operator:
    """The operator that puts another record of the same kind in its place, seal and all."""

    def another(record: Record, chance: random.Random) -> tuple[Record, bool]:
        other = chance.choice(others)
        return deepcopy(other), other != record

    return another


OPERATORS: dict[str, Operator] = {
    operator.__name__.replace("_", " "): operator
    for operator in [
        *[change_number, last_digit, not_finite, negative, huge, boolean, string, null, other_shape, float_for_integer],
        *[remove_block, remove_key, add_key, second_key, deep, truncated, two_in_one, empty, wrong_top],
    ]
}

# What no seal excuses in a cell: the value at a place, and whether it can be right there.
NONSENSE: dict[tuple[str, str], list[Any]] = {
    ("metrics", "fd"): [-1.0, "1", True, None, [], 10**400],
    ("metrics", "kid_std"): [-0.5, None],
    ("metrics", "precision"): [-0.01, 1.01, "0.5"],
    ("metrics", "recall"): [-0.01, 1.01, False],
    ("counts", "samples"): [0, -5, 512.0, "512", True, 10**30],
    ("counts", "nfe"): [0, -1, 10.0, None],
    ("cell", "nfe"): [0, "ten", -3],
    ("cell", "seed"): [-1, "0", 0.0],
}


def sealed_anew(record: Record, chance: random.Random) -> tuple[Record, bool]:
    """Nonsense in a cell under a seal that fits, added where the record has no such place."""
    (block, key), values = chance.choice(sorted(NONSENSE.items()))
    changed = deepcopy(record)
    changed.setdefault(block, {})[key] = chance.choice(values)
    return sealed(changed), True


def _chosen(
    record: Record,
    chance: random.Random,
    fits: Callable[[Any], bool],
    stands: Callable[[Place], bool] = lambda place: True,
) -> tuple[Place, Any]:
    """A place of the record at random, among those with a value that fits; any, where there is none."""
    every = list(places(record))
    fitting = [(place, value) for place, value in every if fits(value) and stands(place)]
    return chance.choice(fitting or every)


def _number(record: Record, chance: random.Random, fits: Callable[[Any], bool]) -> tuple[Place, Any]:
    """The same with a number: 1 where the record has none that fits, as a manifest of hashes."""
    place, value = _chosen(record, chance, fits)
    return place, value if is_number(value) else 1


def _replaced(
    record: Record, chance: random.Random, fits: Callable[[Any], bool], values: list[Any]
) -> tuple[Record, bool]:
    place, old = _chosen(record, chance, fits)
    new = chance.choice(values)
    return with_value(record, place, new), json.dumps(new) != json.dumps(old)


def _holder(record: Any, place: Place) -> Any:
    for key in place[:-1]:
        record = record[key]
    return record


def _text(record: Record, instead: str) -> str:
    """JSON with other text in the place of MARK."""
    return json.dumps(record).replace(json.dumps(MARK), instead)
