"""A working skeleton of something of one's own, with its test: `atbench new`."""

import re
from functools import partial
from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically
from atbench.spec.address import NAME

SKELETONS = Path(__file__).parent / "skeletons"
TEST = "test_of.py"
# Sort -> the file whose entry names it, and that entry.
ENTRIES = {
    "perturbation": (
        "experiments/methods.yaml",
        "{name}: {{label: {label}, extends: adm, perturbation: {{kind: {name}, size: 0.1}}, suites: [scratch]}}",
    ),
    "sampler": ("experiments/samplers.yaml", "{name}: {{label: {label}, kind: {name}}}"),
    "objective": (
        "experiments/methods.yaml",
        "{name}: {{label: {label}, objective: {name}, perturbation: {{kind: none}}, suites: [scratch]}}",
    ),
}


def new(sort: str, name: str, folder: Path) -> list[Path]:
    """Write a skeleton and its test into a folder; returns both files.

    Raises UserError for a name that may not stand in an address, and rather than overwrite a file.
    """
    if not re.fullmatch(NAME, name) or not name[0].isalpha():
        raise UserError(f"{name!r}: must be lower-case letters, digits and single hyphens, a letter first")
    snake, camel = name.replace("-", "_"), "".join(part.capitalize() for part in name.split("-"))
    words = {f"example-{sort}": name, f"example_{sort}": snake, f"Example{sort.capitalize()}": camel}
    words |= {"example-kind": name, "example_file": snake}
    files = {folder / f"{snake}.py": SKELETONS / f"{sort}.py", folder / f"test_{snake}.py": SKELETONS / TEST}
    for file in files:
        if file.exists():
            raise UserError(f"{file}: is there already; choose another name, or remove it")
    for file, skeleton in files.items():
        text = skeleton.read_text(encoding="utf-8")
        for word, own in words.items():
            text = text.replace(word, own)
        write_atomically(file, partial(_write, text))
    return list(files)


def _write(text: str, file: Path) -> None:
    file.write_text(text, encoding="utf-8")


def next_steps(sort: str, name: str, files: list[Path]) -> str:
    """What to type next, for `new`."""
    file, test = files
    lines = [f"atbench check {file}", f"python -m pytest {test}", f"experiments/config.yaml:  plugins: [{file}]"]
    if sort in ENTRIES:
        place, entry = ENTRIES[sort]
        lines.append(f"{place}:  {entry.format(name=name, label=name.replace('-', ' ').capitalize())}")
    if sort == "sampler":
        lines.append(f"experiments/suites/<suite>.yaml:  samplers: [..., {name}]")
    return "\n".join(["Next:", *(f"  {line}" for line in lines)])
