"""The released results: few and small, what the manifest names is there, and no record was changed since."""

import json
import re
import shutil

import pytest
from checkout import REPOSITORY

from atbench.reading import packs
from atbench.reading.released import released_run
from atbench.reading.tree import CELLS, RUNS, pack_of
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.spec.address import parse_run
from atbench.spec.load import load_run

RELEASED = REPOSITORY / "results/released"
FILES = [path for path in RELEASED.rglob("*") if path.is_file() and path.suffix != ".log"]
SCALES = sorted(path.parent.name for path in RELEASED.glob("*/manifest.json"))
PACKS = sorted(path.relative_to(RELEASED) for path in FILES if path.name in (CELLS, RUNS))
WEIGHTS = [path for path in FILES if path.suffix == ".safetensors"]
MOST_FILES, MOST_BYTES, MOST_WEIGHTS = 1_200, 20_000_000, 6_000_000  # while there are results of two protocols


def test_they_are_few_and_small():
    assert len(FILES) <= MOST_FILES
    assert sum(path.stat().st_size for path in FILES if path not in WEIGHTS) <= MOST_BYTES
    assert 0 < sum(path.stat().st_size for path in WEIGHTS) <= MOST_WEIGHTS


@pytest.mark.parametrize("scale", SCALES)
def test_manifest_names_exactly_what_is_released(scale):
    root = RELEASED / scale
    files = json.loads((root / "manifest.json").read_text())["files"]
    present = {str(path.relative_to(root)) for path in FILES if path.is_relative_to(root)}
    assert present - {"manifest.json"} == set(files)
    # Tables and figures may be drawn anew (`make figures`); what they are drawn from may not change.
    source = re.compile(r".*\.jsonl?|.*\.safetensors|.*/sheets/.*\.png|reference/.*\.png")
    changed = [name for name, value in files.items() if source.fullmatch(name) and file_hash(root / name) != value]
    assert changed == []


@pytest.mark.parametrize("pack", PACKS, ids=str)
def test_every_line_fits_its_seal(pack):
    assert packs.read_whole(RELEASED / pack)


def test_no_record_of_a_run_stands_beside_the_packs():
    names = ["/".join(path.relative_to(RELEASED).parts[1:]) for path in FILES if path.parent != RELEASED]
    assert [name for name in names if pack_of(name)] == []


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: str(path.relative_to(RELEASED)))
def test_released_weights_are_those_of_the_present_configuration(path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    run = load_run(parse_run(f"results/{path.parent.parent.relative_to(RELEASED)}"))
    assert path.relative_to(REPOSITORY) in released_run(run).weights.values()


def test_a_number_changed_by_hand_is_seen(tmp_path):
    shutil.copy(RELEASED / "laptop/scratch" / CELLS, tmp_path / CELLS)
    lines = (tmp_path / CELLS).read_text().splitlines(keepends=True)
    value = re.search(r'"fd":([0-9.]+)', lines[6])[1]
    lines[6] = lines[6].replace(f'"fd":{value}', f'"fd":{float(value) - 0.1}')
    (tmp_path / CELLS).write_text("".join(lines))
    with pytest.raises(UserError, match=rf"{CELLS}: line 7: .*its seal does not fit its content"):
        packs.read_whole(tmp_path / CELLS)


def test_both_scales_of_the_readme_are_released():
    assert {"laptop", "workstation"} <= set(SCALES)
