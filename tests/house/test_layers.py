"""The house's own rules, checked on the syntax trees: imports only downwards, small modules, one place per idea."""

import ast
import subprocess
import sys
from functools import cache

import pytest
from checkout import REPOSITORY

from atbench.spec.probes import probes

PACKAGE = REPOSITORY / "atbench"
FILES = sorted(PACKAGE.rglob("*.py"))

# First part of a module's name below atbench -> its layer. A new part must be given one here.
LAYERS = {"runtime": 0, "spec": 1, "rng": 1, "data": 2, "diffusion": 2, "models": 3}
LAYERS |= {"sampling": 4, "metrics": 4, "training": 5, "mismatch": 6, "reading": 6, "judgement": 7, "report": 8}
LAYERS |= {
    "workflow": 9,
    "tasks": 9,
    "contracts": 9,
    "estimate": 10,
    "probes": 10,
    "study": 10,
    "notebook": 10,
    "cli": 11,
}
LAYERS |= {"__main__": 12}
# Inside the two lowest rooms, which everything rests on: a module imports only from groups before its own.
ORDER = {
    "runtime": [
        ("errors", "listing", "processes", "provenance"),
        ("files", "device", "stopping"),
        ("json_files", "launch", "lock", "images"),
        ("records",),
    ],
    "spec": [
        ("address", "yaml"),
        ("fields", "scales", "plugins"),
        ("corrections",),
        ("classes", "references", "networks"),
        ("signatures",),
        ("models",),
        ("budget", "experiments", "suite", "datasets", "nfe", "rivals", "score_options"),
        ("metric",),
        ("metrics",),
        ("grid", "judging", "recipe", "resolve", "tuning"),
        ("run",),
        ("benchmark", "fewer", "form", "probes"),
        ("records", "searches", "tuning_checks"),
        ("checks", "chains", "fit", "parents", "progress", "workload"),
        ("queue", "timetable", "spending", "places"),
        ("load",),
        ("schema",),
    ],
}
STRANGERS = {  # pairs that the order of the layers alone would allow
    "data": {"diffusion"},
    "diffusion": {"data"},
    "sampling": {"models", "metrics", "data"},
    "metrics": {"sampling"},
    "training": {"sampling", "metrics"},
}
TORCH = {"torch", "torchvision", "torch_fidelity", "cleanfid", "safetensors", "diffusers", "transformers", "webdataset"}
READERS = ("reading", "judgement", "report")  # of names and files only
KNOW_TORCH = {"runtime.device", "runtime.processes", "runtime.stopping", "runtime.lock"}  # of the lowest layer
MAX_MODULE, MAX_FUNCTION = 250, 60  # lines


def module_name(file):
    """Dotted name below atbench: ``metrics.names``; the package itself is the empty string."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {module_name(file): file for file in FILES}
MODULES = sorted(NAMES)


@cache
def tree(name):
    return ast.parse(NAMES[name].read_text())


def part(name):
    return name.split(".")[0]


def below(dotted):
    """The module of ours that ``atbench.a.b`` (a module, or a name in one) stands for."""
    name = dotted.removeprefix("atbench").removeprefix(".")
    while name not in NAMES:
        name = name.rpartition(".")[0]
    return name


def imported(nodes):
    """Dotted names that import statements among ``nodes`` ask for."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_for_type_checkers(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def at_import(node):
    """Nodes that run when the module is imported: no function bodies, no TYPE_CHECKING blocks."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda) and not is_for_type_checkers(child):
            yield child
            yield from at_import(child)


def ours(name, nodes):
    """Modules of ours that ``name`` imports."""
    return {below(dotted) for dotted in imported(nodes) if part(dotted) == "atbench"} - {name}


def foreign(nodes):
    return {part(dotted) for dotted in imported(nodes)} - {"atbench"}


def test_every_module_has_a_layer():
    assert {part(name) for name in MODULES if name} == set(LAYERS)


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_imports_point_downwards(name):
    for other in ours(name, ast.walk(tree(name))):
        if part(other) == part(name) or other == "":
            continue
        assert LAYERS[part(other)] < LAYERS[part(name)], other
        assert part(other) not in STRANGERS.get(part(name), ()), other


@pytest.mark.parametrize("name", [name for name in MODULES if part(name) in ORDER and "." in name])
def test_the_lowest_rooms_have_an_order_inside(name):
    groups = {member: place for place, group in enumerate(ORDER[part(name)]) for member in group}
    own = name.split(".")[1]
    for other in ours(name, ast.walk(tree(name))):
        if part(other) == part(name) and "." in other and other.split(".")[1] != own:
            assert groups[other.split(".")[1]] < groups[own], other


def test_few_modules_stand_loose():
    assert len([name for name in MODULES if name and "." not in name and NAMES[name].stem != "__init__"]) <= 6


def test_no_circles_between_modules():
    """Imports inside functions count too. A package and its own modules are judged by the next test."""
    graph = {name: ours(name, ast.walk(tree(name))) for name in MODULES}
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            path.append(name)
            for other in sorted(graph[name]):
                if not (other.startswith(f"{name}.") or name.startswith(f"{other}.")) and other:
                    visit(other)
            path.pop()
            done.add(name)

    for name in MODULES:
        visit(name)


def strictly_ours(name):
    """Modules of ours whose names ``name`` uses at import, packages included."""
    return {other for other in ours(name, at_import(tree(name))) if other}


@pytest.mark.parametrize("package", [name for name, file in NAMES.items() if name and file.stem == "__init__"])
def test_a_package_and_its_modules_do_not_need_each_other(package):
    needed = {other for other in strictly_ours(package) if other.startswith(f"{package}.")}
    assert [other for other in needed if package in strictly_ours(other)] == []


@pytest.mark.parametrize("name", [name for name in MODULES if part(name) in ORDER and name not in KNOW_TORCH])
def test_names_layer_knows_no_torch(name):
    assert foreign(ast.walk(tree(name))).isdisjoint(TORCH)


@pytest.mark.parametrize("name", ["cli", "cli.own", "cli.verbs", "cli.arguments", "runtime.device", "__main__"])
def test_torch_only_inside_functions(name):
    assert foreign(at_import(tree(name))).isdisjoint(TORCH)


def test_command_line_imports_only_names_at_its_top():
    for name in ("cli", "cli.own", "cli.verbs", "cli.arguments"):
        assert {part(other) for other in ours(name, at_import(tree(name)))} <= {*ORDER, "cli"}


@pytest.mark.parametrize("name", [name for name in MODULES if part(name) in READERS])
def test_report_reads_names_and_files_only(name):
    nodes = list(ast.walk(tree(name)))
    assert foreign(nodes).isdisjoint(TORCH)
    assert {other for other in ours(name, nodes) if part(other) not in (*ORDER, *READERS)} == set()
    assert not ours(name, nodes) & KNOW_TORCH


def loads_torch(*modules):
    """Whether a fresh process that imports ``modules`` ends up with torch."""
    code = f"import sys, {', '.join(modules)}; print(any(name.split('.')[0] in {TORCH} for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


def test_the_light_modules_load_no_torch():
    light = [
        "cli",
        "cli.own",
        "cli.verbs",
        "report.outputs",
        *(name for name in MODULES if part(name) in ORDER and name not in KNOW_TORCH),
    ]
    light += [f"probes.{probe}" for probe in probes()]
    assert not loads_torch(*(f"atbench.{name}" for name in light))


def test_the_whole_report_loads_no_torch():
    assert not loads_torch(*(f"atbench.{name}" for name in MODULES if part(name) in READERS))


def test_the_check_itself_sees_torch():
    assert loads_torch("atbench.rng")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_modules_are_short_and_about_one_thing(file):
    assert file.stem not in ("utils", "util", "helpers", "misc", "common")
    assert len(file.read_text().splitlines()) <= MAX_MODULE


def functions(name):
    return [node for node in ast.walk(tree(name)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("name", MODULES)
def test_functions_are_short(name):
    lengths = {node.name: node.end_lineno - node.lineno + 1 for node in functions(name)}
    assert {function: length for function, length in lengths.items() if length > MAX_FUNCTION} == {}


def test_modules_and_public_classes_explain_themselves():
    silent = [name for name in MODULES if not ast.get_docstring(tree(name)) and tree(name).body]
    classes = [(name, node) for name in MODULES for node in ast.walk(tree(name)) if isinstance(node, ast.ClassDef)]
    public = [(name, node) for name, node in classes if not node.name.startswith("_")]
    assert len(public) > 100
    assert silent + [f"{name}.{node.name}" for name, node in public if not ast.get_docstring(node)] == []


def calls(name, suffix):
    """Line numbers of calls of something that ends with ``suffix``, e.g. ``optimizer.step``."""
    found = [node for node in ast.walk(tree(name)) if isinstance(node, ast.Call)]
    return [node.lineno for node in found if ast.unparse(node.func).endswith(suffix)]


def test_one_optimizer_step_in_the_whole_package():
    assert [name for name in MODULES for _ in calls(name, "optimizer.step")] == ["training.steps"]
    assert [name for name in MODULES for _ in calls(name, ".backward")] == ["training.loop"]


def users(attribute):
    """Modules that read something's ``attribute``."""
    nodes = {name: [node for node in ast.walk(tree(name)) if isinstance(node, ast.Attribute)] for name in MODULES}
    return {name for name, found in nodes.items() if any(node.attr == attribute for node in found)}


def test_gradients_are_read_only_where_training_happens():
    assert users("grad") <= {"training.loop", "training.steps", "mismatch.robust_loss"}
    assert {name for name in MODULES if calls(name, "autograd.grad")} == {"mismatch.robust_loss"}  # it trains nothing


def test_ascent_and_projection_live_in_one_module():
    assert users("step_rms") | users("radius_rms") == {"training.perturbations.adversarial"}


@pytest.mark.parametrize("name", MODULES)
def test_no_draw_from_the_global_generators(name):
    """Only initialisation and dropout know no other generator; they are seeded by name first."""
    draws = ("torch.rand", "torch.randn", "torch.randperm", "torch.randint", "torch.normal", "torch.multinomial")
    nodes = [node for node in ast.walk(tree(name)) if isinstance(node, ast.Call)]
    for node in nodes:
        if ast.unparse(node.func) in draws:
            assert "generator" in {keyword.arg for keyword in node.keywords}, f"line {node.lineno}"
    seeded = ("training.loop", "training.objectives.consistency", "tasks.train")
    assert not calls(name, "torch.manual_seed") or name in seeded


# Configuration is typed: no untyped mapping is handed around, and nothing is looked up in one by a string.

CONFIGURATION = ("benchmark", "suite", "method", "sampler", "claim", "config", "settings", "declared", "sizes", "size")
MOST_BARE, MOST_LOOKUPS = 15, 50


def parameters(name):
    """(function, parameter, annotation in words) of every function of a module."""
    for function in functions(name):
        arguments = function.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            yield function.name, argument.arg, ast.unparse(argument.annotation) if argument.annotation else ""


def looked_up(node):
    """The variable in which a string is looked up, through attributes and calls: ``suite`` in ``suite.size["x"]``."""
    if not (
        isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
    ):
        return None
    root = node.value
    while isinstance(root, ast.Subscript | ast.Attribute | ast.Call):
        root = root.func if isinstance(root, ast.Call) else root.value
    return root.id if isinstance(root, ast.Name) else None


def test_few_parameters_are_bare_mappings():
    bare = [
        f"{name}.{function}: {taken}" for name in MODULES for function, taken, of in parameters(name) if of == "dict"
    ]
    assert len(bare) < MOST_BARE, bare


def test_few_strings_look_things_up_in_the_configuration():
    nodes = [(name, node) for name in MODULES for node in ast.walk(tree(name))]
    found = [f"{name}:{node.lineno}" for name, node in nodes if looked_up(node) in CONFIGURATION]
    assert len(found) < MOST_LOOKUPS, found


def test_no_function_takes_a_benchmark_and_a_run():
    """A run knows its suite and all that it rests on."""
    resolved = {"Run", "RunSpec", "CellSpec"}
    for name in MODULES:
        for function in functions(name):
            taken = {ast.unparse(argument.annotation) for argument in function.args.args if argument.annotation}
            assert not ("Benchmark" in taken and taken & resolved), f"{name}.{function.name}"


SCRIPTS = sorted((REPOSITORY / "tests").rglob("*.py"))


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_tests_and_benchmarks_import_modules_that_exist(file):
    """Scripts that no test runs follow the package too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and part(node.module) == "atbench":
            for alias in node.names:
                module, _, name = f"{node.module}.{alias.name}".removeprefix("atbench.").rpartition(".")
                assert alias.name in defined(module) or f"{module}.{name}".strip(".") in NAMES, (
                    f"{node.module}.{alias.name}"
                )


def defined(module):
    """Names that a module of ours has at its top level."""
    found = set()
    for node in ast.walk(tree(module)) if module in NAMES else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
    return found


def test_no_two_test_files_bear_one_name():
    """pytest imports them by their names alone: of two, it takes one."""
    names = [file.name for file in (REPOSITORY / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
