"""Reading the experiment files: merge, validate against the schemas, refuse what is unknown.

Four kinds of file own different keys (methods, samplers, suites, scales), so no merge order can matter; what the
results are to show (claims, questions of reviewers) stands beside them. A scale may `extends:` another: mappings merge,
lists replace, null removes. A constant may be written `{value: ..., source: ..., why: ...}`. No torch here: the
Snakefile imports this module.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jsonschema
import yaml

from atbench import evidence
from atbench.metric_names import DISTANCE_NAMES, METRICS
from atbench.overlay import merge, plain, without_nulls
from atbench.runtime.errors import UserError, unknown

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
TUNED = "tuned"  # stands in methods.yaml for a value that the scale's `tuned:` block holds
PRETRAINED = "pretrained"  # `init: pretrained/<network>`: released weights, trained to predict noise
IMPORTED = "imported"  # the `init` of a suite whose weights come from files, and its scale's block about them
WHOLE = (
    "tuning",
    "mismatch",
    "heldout",
    "wide",
    "cost",
    "mixture",
    "claims",
)  # files, each with its schema, read as they are
ROLES = ("ema", "raw")  # of a checkpoint's files: the moving average, the weights themselves
TUNE_PREFIX = "tune-"  # suite tune-<suite> holds the candidates of the tuning search


@dataclass(frozen=True)
class Benchmark:
    """Everything the experiment files say at one scale, validated and merged. Dictionaries hold plain values."""

    scale: str
    methods: dict[str, dict]
    samplers: dict[str, dict]
    suites: dict[str, dict]
    sizes: dict  # the scale file
    tuning: dict
    mismatch: dict
    heldout: dict  # what the loss on held-out images is measured on
    wide: dict  # step counts beyond the grid
    cost: dict  # what the cost of training is measured on
    mixture: dict  # the closed-form part of the mismatch measures
    claims: dict  # claims.yaml: what is under test
    questions: list[dict]  # reviews.yaml: what was asked, and what answers it

    def suite(self, name: str) -> dict:
        """The suite's declaration with its sizes at this scale under ``size``."""
        if name not in self.suites:
            raise unknown("suite", name, self.suites)
        if name not in self.sizes["suites"]:
            raise UserError(f"{scale_file(self.scale)}: suites: has no block for the suite {name!r}")
        declared, size = self.suites[name], self.sizes["suites"][name]
        if declared["init"] == IMPORTED:  # a suite of files has the methods that there are files for
            declared = declared | {"methods": [method for method in declared["methods"] if method in size[IMPORTED]]}
        return declared | {"size": size}


@cache
def load(scale: str) -> Benchmark:
    """Read and check every experiment file for ``scale``. Raises UserError naming the file and the key."""
    methods = _methods(EXPERIMENTS / "methods.yaml")
    samplers = _checked(EXPERIMENTS / "samplers.yaml", "samplers")
    files = sorted((EXPERIMENTS / "suites").glob("*.yaml"))
    suites = {file.stem: _checked(file, "suite") for file in files}
    sizes = validate(plain(scale_values(scale)), scale_file(scale), "scale")
    whole = {name: _checked(EXPERIMENTS / f"{name}.yaml", name) for name in WHOLE}
    reviews = _checked(EXPERIMENTS / "reviews.yaml", "reviews")
    benchmark = Benchmark(scale, methods, samplers, suites, sizes, **whole, questions=reviews["questions"])
    _check_names(benchmark)
    evidence.check(whole["claims"], reviews, methods, samplers, suites, whole)
    return benchmark


def default(key: str):
    """What the workflow does without being told, from experiments/config.yaml: ``scale`` or ``suites``."""
    file = EXPERIMENTS / "config.yaml"
    return _checked(file, "config")[key]


def _methods(file: Path) -> dict:
    """The methods, each on top of the one that it ``extends``, so that an entry says only how it differs."""
    entries = read_yaml(file)

    def whole(name: str, above: tuple[str, ...] = ()) -> dict:
        entry = entries[name]
        base = entry.get("extends") if isinstance(entry, dict) else None  # the schema refuses anything else
        if base is None:
            return entry
        if base not in entries or base in (*above, name):
            raise UserError(f"{_short(file)}: {name}.extends: {base!r} is no other method")
        return merge(whole(base, (*above, name)), entry)

    return validate({name: whole(name) for name in entries}, file, "methods")


def scale_file(scale: str) -> Path:
    return EXPERIMENTS / "scales" / f"{scale}.yaml"


def scale_values(scale: str) -> dict:
    """A scale's content after `extends:`, less what it sets to null; `{value, source, why}` constants as written."""
    file = scale_file(scale)
    if not file.is_file():
        raise unknown("scale", scale, [path.stem for path in file.parent.glob("*.yaml")])
    values = read_yaml(file)
    base = values.pop("extends", None)
    if base is None:
        return values
    try:
        below = scale_values(base)
    except UserError as error:
        raise UserError(f"{_short(file)}: extends: {error}") from error
    return without_nulls(merge(below, values), below, _short(file))


def read_yaml(path: Path) -> dict:
    """Read a YAML mapping, refusing duplicate keys. Raises UserError naming the file."""
    try:
        value = yaml.load(path.read_text(), Loader=_UniqueKeyLoader)
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: holds no mapping")
    return value


def _checked(file: Path, schema: str) -> dict:
    return validate(read_yaml(file), file, schema)


def validate(value: dict, file: Path | str, schema: str) -> dict:
    """``value`` after a check against experiments/schema/<schema>.yaml. Raises UserError naming file and key."""
    validator = jsonschema.Draft202012Validator(_schema(schema))
    errors = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.path)))
    if errors:
        where = ".".join(str(part) for part in errors[0].path) or "top level"
        raise UserError(f"{_short(file)}: {where}: {errors[0].message}")
    return value


@cache
def _schema(name: str) -> dict:
    return read_yaml(EXPERIMENTS / "schema" / f"{name}.yaml")


def _short(file: Path | str) -> str:
    path = Path(file)
    return str(path.relative_to(EXPERIMENTS.parent)) if path.is_relative_to(EXPERIMENTS.parent) else str(path)


def _check_names(benchmark: Benchmark) -> None:
    """Names that one file uses and another declares: raises UserError naming the file and key of the first stray."""
    scale = _short(scale_file(benchmark.scale))
    for file, key, kind, names in _uses(benchmark, scale):
        known = getattr(benchmark, kind)
        for name in names:
            if name not in known:
                raise UserError(f"{file}: {key}: {unknown(kind[:-1], name, known)}")
    for suite, size in benchmark.sizes["suites"].items():
        _check_imported(scale, suite, benchmark.suites[suite], size)
    extractor = benchmark.sizes["extractor"]
    if extractor not in DISTANCE_NAMES:
        raise UserError(f"{scale}: extractor: {unknown('extractor', extractor, DISTANCE_NAMES)}")
    if benchmark.tuning["metric"] not in METRICS:
        raise UserError(f"experiments/tuning.yaml: metric: {unknown('metric', benchmark.tuning['metric'], METRICS)}")


def _check_imported(scale: str, suite: str, declared: dict, size: dict) -> None:
    """Files belong to a suite that imports, under the names of its methods, and are one seed."""
    key = f"{scale}: suites.{suite}"
    if (declared["init"] == IMPORTED) != (IMPORTED in size):
        raise UserError(f"{key}.imported: belongs to suites with `init: imported` and to all of them")
    for method in size.get(IMPORTED, {}):
        if method not in declared["methods"]:
            raise UserError(f"{key}.imported: {unknown('method of the suite', method, declared['methods'])}")
    surplus = [name for name in ("batches", "snapshots", "training") if name in size and IMPORTED in size]
    if surplus:
        raise UserError(f"{key}.{surplus[0]}: has no meaning for checkpoints: nothing is trained")
    if IMPORTED in size and size["seeds"] != [0]:
        raise UserError(f"{key}.seeds: {size['seeds']}: a checkpoint is one seed: [0]")


def _uses(benchmark: Benchmark, scale: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """(file, key, kind of name, names) wherever an experiment file refers to another."""
    for suite, declared in benchmark.suites.items():
        yield from _uses_of_suite(f"experiments/suites/{suite}.yaml", declared)
    for method, declared in benchmark.methods.items():
        if "continues" in declared:
            yield "experiments/methods.yaml", f"{method}.continues", "methods", [declared["continues"]]
    yield scale, "suites", "suites", list(benchmark.sizes["suites"])
    for suite, size in benchmark.sizes["suites"].items():
        yield from _uses_of_init(scale, f"suites.{suite}.init", size.get("init", "scratch"))
        yield scale, f"suites.{suite}.sampling", "samplers", list(size.get("sampling", {}))
        yield scale, f"suites.{suite}.imported", "methods", list(size.get(IMPORTED, {}))
    yield scale, "tuned", "suites", list(benchmark.sizes["tuned"])
    for suite, constants in benchmark.sizes["tuned"].items():
        yield scale, f"tuned.{suite}", "methods", list(constants)
    tuning, search = "experiments/tuning.yaml", benchmark.tuning
    yield tuning, "suites", "suites", [*search["suites"], *search["suites"].values()]
    for suite in search["suites"].values():
        if suite not in search["search"]:
            raise UserError(f"{tuning}: search: {unknown('suite', suite, search['search'])}")
        searched = search["search"][suite]
        yield tuning, f"search.{suite}.methods", "methods", list(searched["methods"])
        yield tuning, f"search.{suite}.cells.samplers", "samplers", searched["cells"]["samplers"]
    yield "experiments/cost.yaml", "methods", "suites", list(benchmark.cost["methods"])
    for suite, names in benchmark.cost["methods"].items():
        yield "experiments/cost.yaml", f"methods.{suite}", "methods", names
    yield "experiments/heldout.yaml", "suites", "suites", benchmark.heldout["suites"]
    for target in evidence.TARGETS:
        for kind in ("suites", "samplers"):
            yield f"experiments/{target}.yaml", kind, kind, getattr(benchmark, target)[kind]


def _uses_of_suite(file: str, declared: dict) -> Iterator[tuple[str, str, str, list[str]]]:
    yield file, "methods", "methods", declared["methods"]
    yield file, "samplers", "samplers", declared["samplers"]
    yield file, "curves.samplers", "samplers", declared.get("curves", {}).get("samplers", [])
    yield file, "grids.sampler", "samplers", [declared["grids"]["sampler"]] if "grids" in declared else []
    yield from _uses_of_init(file, "init", declared["init"])


def _uses_of_init(file: str, key: str, init: str) -> Iterator[tuple[str, str, str, list[str]]]:
    if init not in ("scratch", IMPORTED) and not init.startswith(f"{PRETRAINED}/"):
        suite, method = init.split("/")
        yield file, key, "suites", [suite]
        yield file, key, "methods", [method]


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML keeps the last of two equal keys silently; a benchmark must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        merged = "tag:yaml.org,2002:merge"  # `<<: *anchor` may be overridden
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value if key.tag != merged]
        repeated = {str(key) for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: repeated key {', '.join(sorted(repeated))}")
        return super().construct_mapping(node, deep=deep)
