"""Weights of one's own as a scale: the files are read and compared with its network before anything is written."""

import re
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from atbench.models.diffusers_folder import weights_file
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash, write_atomically
from atbench.spec.address import made_by
from atbench.spec.load import load
from atbench.spec.scales import scale_file
from atbench.spec.yaml import short
from atbench.tasks.weights import has_classes, read_fitting

SUITES = {False: "imported", True: "imported-class-conditional"}  # by whether the network has classes
PATTERNS = {False: "scratch", True: "class-conditional"}  # suites of such networks that are trained here
BLOCKS = ("data", "judged_by", "model", "evaluation")  # that a suite may have of its own
BATCHES = re.compile(r"(\d{4,})$")  # at the end of a name, as guided-diffusion writes it: model020000.pt


class Adopted(NamedTuple):
    """What a scale of weights of one's own comes to."""

    text: str  # that tells of it
    suite: str
    command: list[str]  # that makes its cells, tables and figures


def adopt(name: str, ema: Path, raw: Path | None, like: str, method: str, batches: int | None) -> Adopted:
    """Write ``experiments/scales/<name>.yaml`` for weights of a network of the scale ``like``.

    ema, raw: moving average, and the weights themselves where there are any to go on from: files of guided-diffusion
    or folders of diffusers. method: of the suite, under which they stand in tables. batches: that they were trained
    for; None: what their names end with. Raises UserError for a scale of that name with another content, and for files
    of another network.
    """
    given = [path for path in (ema, raw) if path is not None]
    files = dict(zip(("ema", "raw"), map(weights_file, given)))
    conditional = has_classes(files["ema"])
    benchmark, suite = load(like), SUITES[conditional]
    pattern = benchmark.suite(PATTERNS[conditional] if PATTERNS[conditional] in benchmark.suites else PATTERNS[False])
    network = pattern.network.written()
    for path in files.values():
        _, network = read_fitting(path, network, conditional)
    own = pattern.size.written()
    environment = Environment(loader=PackageLoader("atbench.study"), undefined=StrictUndefined, trim_blocks=True)
    text = environment.get_template("weights.yaml.jinja").render(
        name=name,
        like=like,
        suite=suite,
        blocks={key: own[key] for key in BLOCKS if own.get(key) is not None},
        method=method,
        batches=_batches(given) if batches is None else batches,
        files=[(role, str(path), file_hash(path)) for role, path in files.items()],
    )
    cell = f"results/{name}/{suite}/{method}/seed0/final/ddim-nfe10.json"
    command = ["snakemake", "--cores", "all", suite, "--config", f"scale={name}", f"suites=[{suite}]"]
    shown = " ".join(f'"{word}"' if "[" in word else word for word in command)
    lines = [_write(name, text), f"All cells: {shown}", f"A cell:    {made_by(cell, name)}"]
    return Adopted("\n".join(lines), suite, command)


def _batches(paths: list[Path]) -> int:
    for path in paths:
        if (found := BATCHES.search(path.stem)) and int(found[1]) > 0:
            return int(found[1])
    names = " and ".join(str(path) for path in paths)
    raise UserError(f"--batches: how many was it trained for? The name of {names} does not end with their number")


def _write(name: str, text: str) -> str:
    """Write the scale; one of the same content stays. Raises UserError for another, and for what no scale may say."""
    file = scale_file(name)
    if file.exists():
        if file.read_text() == text:
            return f"Is there: {short(file)}"
        raise UserError(f"{short(file)}: is there already: choose another name, or remove it")
    write_atomically(file, lambda path: path.write_text(text))
    try:
        load(name)
    except UserError:
        file.unlink()  # what it refuses is said; a file that cannot be used would stand in the way of the next try
        raise
    return f"Written: {short(file)}"
