"""The verbs for what is one's own: images, samples, checkpoints, perturbations and the like. torch as in `verbs`."""

import argparse
from pathlib import Path

from atbench.cli.put import put
from atbench.runtime import launch
from atbench.runtime.errors import UserError
from atbench.spec import address
from atbench.spec.load import load, load_cell, load_run, suites_at, workflow
from atbench.spec.yaml import parsed


def init(options: argparse.Namespace) -> None:
    """Begin a study of images of yours: look at a folder, write a scale that fits them, say what it costs."""
    launch.with_allocator()  # first: it starts this command anew
    from atbench.study.begin import begin

    held_out = options.held_out_folders or options.held_out
    print(begin(options.name, Path(options.images), options.size, held_out), flush=True)
    if options.probe:
        from atbench.estimate.forecast import estimate

        benchmark = load(options.name)
        print(f"\n{estimate(benchmark, suites_at(benchmark, workflow().suites))}")


def score(options: argparse.Namespace) -> None:
    """Measure images made elsewhere, one set or several."""
    from atbench.tasks.score import score

    samples, names = list(map(Path, options.samples)), options.name or []
    if names and len(names) != len(samples):
        raise UserError(f"--name: {len(names)} names for {len(samples)} sets of samples")
    names = names or [path.resolve().stem.lower() for path in samples]
    if len(set(names)) < len(names):
        raise UserError(f"--name: {', '.join(names)}: two sets of one name; give each its own")
    suite, csv = load(options.scale).suite(options.suite), options.csv and Path(options.csv)
    against: dict[str, Path] = {}
    for each in options.against:
        name, given, file = each.partition("=")
        if not given or not file or name in against:
            raise UserError(f"--against: {each!r}: must be NAME=FILE, each name once")
        against[name] = Path(file)
    put(score(suite, dict(zip(names, samples)), csv, against), options)


def export(options: argparse.Namespace) -> None:
    """Write a cell's samples as npz."""
    from atbench.tasks.evaluate import export

    export(load_cell(address.parse_cell(options.cell)), Path(options.file), options.count)


def import_weights(options: argparse.Namespace) -> None:
    """Turn weights of guided-diffusion (.pt) or diffusers (a folder) into a run, or into a weights file."""
    from atbench.tasks.weights import import_file, import_run

    files = [Path(file) for file in options.files]
    if address.is_run(options.target):
        import_run(files, load_run(address.parse_run(options.target)))
    elif len(files) > 1:
        raise UserError(f"{options.target}: not the address of a run, so it takes one file")
    else:
        print(import_file(files[0], Path(options.target), load(options.scale).suite(options.suite)))


def export_weights(options: argparse.Namespace) -> None:
    """Write a run's weights as guided-diffusion's .pt, or as a folder that diffusers loads."""
    from atbench.tasks.weights import export, export_to_diffusers

    run, step = address.parse_snapshot(options.snapshot)
    write = export_to_diffusers if options.diffusers else export
    write(load_run(run), step, Path(options.target), options.raw)


def adopt(options: argparse.Namespace) -> int:
    """Make a scale of weights of yours, guided-diffusion's or diffusers', and with --run all of its cells."""
    from atbench.study.adopt import adopt

    raw = options.raw and Path(options.raw)
    found = adopt(options.name, Path(options.ema), raw, options.like, options.method, options.batches)
    print(found.text, flush=True)
    if not options.run:
        return 0
    from atbench.workflow.onlooker import look_on
    from atbench.workflow.taken import watch_of

    return look_on(watch_of(load(options.name), [found.suite]), found.command)


def check(options: argparse.Namespace) -> int:
    """Run the contract tests on a file with a perturbation, sampler, objective or metric of yours."""
    given = dict(each.partition("=")[::2] for each in options.option)
    from atbench.contracts.check import check, listed

    found = listed(options.file, check(options.file, {name: parsed(value) for name, value in given.items()}))
    put(found, options)
    return 1 if found.value["failed"] else 0


def new(options: argparse.Namespace) -> None:
    """Write a working perturbation, sampler, objective or metric to start from, with its test."""
    from atbench.contracts.new import new, next_steps

    files = new(options.sort, options.name, Path(options.folder))
    for path in files:
        print(path)
    print(next_steps(options.sort, options.name, files))
