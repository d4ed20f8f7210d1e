"""Mutated experiment files, in process through the loader: what must be refused is, and nothing ends in a traceback."""

import random
import re

import pytest
from mutations import MAY_BE_VALID, MUST_BE_REFUSED, OPERATORS, SCALE, read, write

from atbench.runtime.errors import UserError
from atbench.spec.load import load, workflow

SAMPLES = 500
SEED = 16
LINE = re.compile(r"(\S+\.yaml|configuration \([^)]*\)): \S[^\n]*: [^\n]+")  # file: key: what is wrong


def outcome(mutation, experiments):
    """What the loader says of a mutation: None where it is accepted, else its one line."""
    original = (experiments / mutation.file).read_bytes()
    try:
        write(mutation, experiments)
        load.cache_clear()
        workflow()
        load(SCALE)
    except UserError as error:
        return str(error)
    finally:
        (experiments / mutation.file).write_bytes(original)
    return None


def test_mutated_files_are_refused_by_file_and_key_and_never_end_in_a_traceback(experiments):
    tree, rng = read(experiments), random.Random(SEED)
    accepted, refused = [], 0
    for place in range(SAMPLES):
        mutation = OPERATORS[place % len(OPERATORS)](tree, rng)
        try:
            message = outcome(mutation, experiments)
        except Exception as error:
            raise AssertionError(f"{mutation.what}: {error!r}") from error
        if message is None:
            assert not mutation.must_be_refused, f"accepted: {mutation.what}"
            accepted.append(mutation.what)
        else:
            assert LINE.fullmatch(message), f"{mutation.what}: {message}"
            refused += 1
    assert refused > SAMPLES / 2 and len(accepted) > SAMPLES / 20  # both happen


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_an_operator_changes_one_file_of_a_copy_and_repeats_itself_from_a_seed(experiments, operator):
    tree = read(experiments)
    before = repr(tree)
    first, again = (operator(tree, random.Random(3)) for _ in range(2))
    assert repr(tree) == before and repr(first) == repr(again)
    assert [name for name in tree if first.tree[name] is not tree[name]] == [first.file]
    assert first.must_be_refused == (operator in MUST_BE_REFUSED) != (operator in MAY_BE_VALID)
