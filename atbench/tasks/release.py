"""Release: write what a finished scale or suite shows into results/released, which git keeps.

Records of runs become lines of packs, a suite's cells one file and all else another (`atbench.reading.packs`). Of the
pictures beside cells a sheet per method and sampler is kept, of weights those that the scale releases. All else
is copied, but tables and figures: they are drawn from what is released. A suite of many seeds may be released some
seeds at a time.
"""

from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from atbench.reading import doubt, packs, timing
from atbench.reading.pictures import first_rows, sheet_path, write_sheet
from atbench.reading.rows import all_reference_rows
from atbench.reading.runs import collect_runs
from atbench.reading.tidy import collect
from atbench.reading.tree import MANIFEST, Tree, manifest, pack_of
from atbench.report.build import build
from atbench.report.outputs import outputs, outputs_of
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.runtime.files import copy, file_hash, visible
from atbench.runtime.json_files import write_json
from atbench.runtime.records import read_record
from atbench.spec.address import FINAL, RELEASED, ROOT
from atbench.spec.benchmark import Benchmark, Suite
from atbench.spec.load import workflow
from atbench.spec.records import TimeForm
from atbench.spec.run import RunSpec
from atbench.tasks import beside, release_measures
from atbench.tasks.run_record import verified

MOST_WEIGHTS = 6_000_000  # bytes that a scale's released weights have at most
Sheets = dict[str, dict[int, Path]]  # sheet -> step count -> the picture that the strip comes from


def release(benchmark: Benchmark, suites: list[str], seeds: list[int] | None = None) -> None:
    """Write the records, sheets, reference rows, tables and figures of ``suites``, with a manifest.

    What was released of other suites stays, and of other seeds where ``seeds`` are given. Raises UserError when a cell
    is missing or was made by another configuration: only whole runs are released, and all of a seed; and where what
    stays is of another protocol or judged by another extractor. Stopped, it is continued by the same command.
    """
    source, target = Path(ROOT, benchmark.scale), Path(RELEASED, benchmark.scale)
    beside.refuse_another_protocol(benchmark, target)
    beside.refuse_other_foundations(benchmark, target, suites)
    spent = Tree(target).read(target / timing.TIME, TimeForm) or {}  # while the manifest still lists it
    chosen = [of_seeds(benchmark.suite(name), seeds) for name in suites]
    whole = {suite.name for suite in chosen} if seeds is None else set()
    names = {name for suite in chosen for name in suite_files(suite)} | {*shared_files(benchmark, suites, seeds)}
    names |= {*weights_files(benchmark, suites, seeds)}
    drawn = {name: strips for suite in chosen for name, strips in sheets(suite).items()}
    check_all_there([source / name for name in sorted(names)] + [path for s in drawn.values() for path in s.values()])
    written = [*write_packs(source, target, names, chosen, whole), *drawn]
    before = released_before(target, chosen, whole)
    for name, strips in drawn.items():
        write_sheet(target / name, {nfe: first_rows(path) for nfe, path in strips.items()})
    for name in sorted(name for name in names if pack_of(name) is None):
        copy(source / name, target / name)
        written.append(name)
    write_manifest(benchmark, target, before, written)  # what is read from here on is believed by it
    written += draw(benchmark, target)
    write_json(target / timing.TIME, spent | cost(benchmark, suites))
    written.append(timing.TIME)
    write_manifest(benchmark, target, before, written)
    print(f"{target}: {len(written)} files with {len(names)} records of {', '.join(suites)}, tables and figures")


def draw(benchmark: Benchmark, target: Path) -> list[str]:
    """Draw every table and figure of which there are released records; returns their paths below ``target``."""
    shown = Tree(target).suites(benchmark)
    wanted = [*outputs(benchmark, shown), *release_measures.pages(benchmark, target, shown)]
    pages = build(benchmark, target, shown, only=wanted)
    return [str(path.relative_to(target)) for path in pages]


def of_seeds(suite: Suite, seeds: list[int] | None) -> Suite:
    """A suite with some of its seeds alone. Raises UserError for one that it does not have, and for a search."""
    if suite.is_search:
        raise UserError(f"--suites: {suite.name}: a search, whose results are released with its scale as tuning/*.json")
    if seeds is None:
        return suite
    if foreign := set(seeds) - set(suite.size.seeds):
        raise UserError(f"--seeds: {min(foreign)}: scale {suite.scale} has no such seed of {suite.name}")
    return replace(suite, size=suite.size.model_copy(update={"seeds": tuple(seeds)}))


def check_all_there(paths: list[Path]) -> None:
    """Raises UserError naming the first file that is missing."""
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise UserError(f"{missing[0]}: missing, and {len(missing) - 1} more; finish the suite first")


def released_before(target: Path, suites: list[Suite], whole: set[str]) -> dict[str, str]:
    """The files of the manifest that stay, by hash: sheets, weights and pages of ``suites`` go, to be written anew.

    Of those in ``whole`` the weights of every seed go, else of the suite's.
    """
    files = manifest(target)
    pages = {page for s in suites for page in (*outputs_of(s.benchmark, s.name), *release_measures.pages_of(s))}
    seeds = {suite.name: ["*"] if suite.name in whole else suite.size.seeds for suite in suites}
    kinds = [f"{name}/*/seed{seed}/weights/*" for name, of in seeds.items() for seed in of]
    kinds += [f"{suite.name}/sheets/*" for suite in suites if sheets(suite)]
    gone = {name for name in files if name in pages or any(fnmatch(name, kind) for kind in kinds)}
    for name in gone:
        (target / name).unlink(missing_ok=True)
    return {name: value for name, value in files.items() if name not in gone}


def write_packs(source: Path, target: Path, names: set[str], suites: list[Suite], whole: set[str]) -> list[str]:
    """Write the records among ``names`` into the packs of their suites, in place of all lines of the same suites' runs.

    Of suites in ``whole`` no other line stays: what a scale has no longer, a seed or a method, goes. Returns the packs
    below ``target``. Raises UserError for a broken line: it would be sealed anew.
    """
    replaced = {(run.suite.name, run.address.method, f"seed{run.address.seed}") for s in suites for run in s.runs()}
    found: dict[str, dict[str, packs.Record]] = {}
    for name in names:
        if pack := pack_of(name):
            found.setdefault(pack, {})[Path(*Path(name).parts[1:]).as_posix()] = read_record(source / name)
    before = {pack: packs.read_whole(target / pack) for pack in found}
    for pack, records in found.items():
        suite = Path(pack).parts[0]
        others = {} if suite in whole else before[pack]
        kept = {name: line for name, line in others.items() if (suite, *Path(name).parts[:2]) not in replaced}
        packs.write(target / pack, kept | records)
    return sorted(found)


def write_manifest(benchmark: Benchmark, target: Path, before: dict[str, str], written: list[str]) -> None:
    """List every file of the scale with its hash, and the commit."""
    files = before | {name: file_hash(target / name) for name in written}
    content = provenance.commit() | {
        "scale": benchmark.scale,
        "protocol": benchmark.protocol,
        "files": dict(sorted(files.items())),
    }
    write_json(target / MANIFEST, content)


def sheets(suite: Suite) -> Sheets:
    """The pictures behind each sheet: of the last step's grid, with the smallest seed; none without that seed.

    Samplers that are rivals of the suite's own, which they look like, have none.
    """
    runs, found, rivals = suite.runs(), Sheets(), suite.benchmark.declared[suite.name].rivals
    first = min(suite.benchmark.suite(suite.name).size.seeds)
    for cell in (cell for run in runs if run.address.seed == first for cell in run.cells):
        at = cell.address
        if at.step == FINAL and at.sampler not in rivals:
            found.setdefault(sheet_path(at.run, at.sampler), {})[at.nfe] = at.path.with_suffix(".png")
    return found


def cost(benchmark: Benchmark, suites: list[str]) -> dict[str, dict[str, float]]:
    """What `atbench status --time` prints, for each of ``suites`` and of those that only train what they rest on."""
    root = Path(RELEASED, benchmark.scale)
    names = list(dict.fromkeys([*(run.suite.name for run in only_trained(benchmark, suites)), *suites]))
    frame, runs = collect(benchmark, root, names), collect_runs(benchmark, root, names)
    found = timing.by_suite(frame, runs, all_reference_rows(benchmark, root))
    return {name: seconds for name, seconds in found.items() if name in (*names, timing.REFERENCES)}


def suite_files(suite: Suite) -> list[str]:
    """Paths below the scale's folder of all that a suite's report reads, but pictures. Refuses stale cells."""
    paths = []
    for run in suite.runs():
        paths.append(trained(run))
        paths += [release_measures.current(cell) for cell in run.cells]
    paths.append(suite.judging.rows_path())
    if suite.is_latent:
        paths.append(suite.judging.reconstruction_path)
    paths += [suite.judging.picture_path] if suite.judging.picture_path.exists() else []
    return below_scale(suite.benchmark, paths + release_measures.of_suite(suite))


def trained(run: RunSpec) -> Path:
    """The record of a run. Raises UserError for one that another configuration made, or that tells of other files."""
    path, tree = run.address.record, Tree(Path(run.address.root, run.address.scale))
    if (record := tree.run(run.address)) and (problem := doubt.of_run(tree, run, record)):
        raise UserError(f"{path}: {problem}; train it again before releasing")
    return path


def weights_files(benchmark: Benchmark, suites: list[str], seeds: list[int] | None = None) -> list[str]:
    """Averaged weights of ``suites`` and of what they rest on, each with the record that tells of it.

    None of suites whose weights the scale does not release. Raises UserError for a file that its record does not tell
    of, and for more bytes than a clone should carry.
    """
    runs = [run for run in benchmark.needed(suites, seeds) if run.suite.name in benchmark.file.releases_weights]
    weights = {run.address.weights(step): run.address for run in runs for step in run.snapshots}
    check_all_there([*weights, *(run.address.record for run in runs)])
    for path, run in weights.items():
        verified(run, path)
    size = sum(path.stat().st_size for path in weights)
    if size > MOST_WEIGHTS:
        raise UserError(f"{ROOT}/{benchmark.scale}: weights of {size:,} bytes, allowed: {MOST_WEIGHTS:,}")
    return below_scale(benchmark, [*weights, *(run.address.record for run in runs)])


def shared_files(benchmark: Benchmark, suites: list[str], seeds: list[int] | None) -> list[str]:
    """Files beside those of single suites: records of the runs they rest on, tuning searches, the scale's measures."""
    paths = visible(Path(ROOT, benchmark.scale), "tuning/*.json")
    paths += [trained(run) for run in only_trained(benchmark, suites, seeds)]
    return below_scale(benchmark, paths + release_measures.of_scale(benchmark))


def only_trained(benchmark: Benchmark, suites: list[str], seeds: list[int] | None = None) -> list[RunSpec]:
    """The runs that ``suites`` rest on and that no table shows: extractor, autoencoder, teachers of other students."""
    shown = {*suites, *workflow().suites}
    return [run for run in benchmark.needed(suites, seeds) if run.suite.name not in shown]


def below_scale(benchmark: Benchmark, paths: list[Path]) -> list[str]:
    """The paths as they stand below the scale's folder."""
    return [str(path.relative_to(Path(ROOT, benchmark.scale))) for path in paths]
