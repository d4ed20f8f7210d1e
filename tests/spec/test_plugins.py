"""Code from outside the package: found by `plugins:` of config.yaml or an entry point, and part of what it acts on."""

import hashlib
import textwrap
from importlib.metadata import EntryPoint

import pytest
from spoil import COMMANDS, refusal, spoil

from atbench.runtime.errors import UserError
from atbench.spec import plugins, yaml
from atbench.spec.load import load, workflow
from atbench.spec.metrics import METRICS, measuring
from atbench.spec.models.methods import OBJECTIVES, PERTURBATIONS
from atbench.spec.models.samplers import KINDS

UNIFORM = '''
    from dataclasses import dataclass
    from typing import ClassVar

    from atbench.rng import uniform
    from atbench.spec.fields import Size
    from atbench.training.perturbations.one_round import OneRound


    @dataclass(frozen=True)
    class Uniform(OneRound):
        """delta = width sigma U[-1, 1]."""

        kind: ClassVar[str] = "uniform"
        passes: ClassVar[int] = 2
        width: Size  # half of the interval

        def start(self, draw, names):
            return self.width * draw.sigma * (2 * uniform(draw.state.shape, *names, "uniform") - 1)
'''
SAMPLER = '''
    class Twice:
        """Nothing but noise."""

        kind = "twice"
        spends = "odd"

        @classmethod
        def build(cls, nfe, schedule, *, memory: Fraction = 0.5):
            return cls()
'''
OBJECTIVE = '''
    from atbench.training.objectives.noise_prediction import NoisePrediction

    class Weighted(NoisePrediction):
        """Noise prediction with other weights."""

        kind = "weighted"
        sampled_as = "noise-prediction"

        def __init__(self, recipe, *, power: Factor = 1.0):
            super().__init__(recipe)

        def losses(self, model, draw, delta, follow):
            raise NotImplementedError
'''
METRIC = """
    from atbench.spec.metric import Metric

    METRICS = (Metric("mean_gap", "gap of means", "lower", 0, has_table=True),)

    def measure(scored):
        return {"mean_gap": 1.0}
"""
SOURCES = {"uniform": UNIFORM, "twice": SAMPLER, "weighted": OBJECTIVE, "gap": METRIC}


@pytest.fixture
def plug(experiments):
    """Writes a plugin beside the experiment files and lists it."""

    def written(*names, **sources):
        for name in names:
            sources.setdefault(name, SOURCES[name])
        for name, source in sources.items():
            (experiments.parent / f"{name}.py").write_text(textwrap.dedent(source).lstrip("\n"))
        spoil(experiments / "config.yaml", "plugins", [f"{name}.py" for name in sources])
        forget()
        return experiments

    yield written
    forget()


def forget():
    """What a new process would read again."""
    plugins._listed.cache_clear()
    load.cache_clear()


def add_method(experiments, name="uni", **entry):
    block = {"label": "Uniform", "objective": "noise-prediction", "perturbation": {"kind": "uniform", "width": 0.1}}
    spoil(experiments / "methods.yaml", name, block | entry)


def digests():
    """Address -> digest of every run and cell of the suite scratch."""
    suite = load("ci").suite("scratch")
    cells = {str(cell): (cell.run.digest, cell.digest) for cell in suite.cells()}
    return cells | {str(run): run.digest for run in suite.runs()}


def sha(experiments, name):
    return hashlib.sha256((experiments.parent / f"{name}.py").read_bytes()).hexdigest()


def test_a_perturbation_is_a_file_a_line_and_an_entry(plug):
    before = digests()
    experiments = plug("uniform")
    add_method(experiments, suites=["scratch"])
    suite = load("ci").suite("scratch")
    assert suite.methods == ("adm", "ip", "at", "adm-3x", "uni")
    run = suite.run("uni", 0)
    assert run.slice["perturbation"] == {"kind": "uniform", "width": 0.1}
    assert run.slice["plugins"] == run.plugins == {"perturbation uniform": sha(experiments, "uniform")}
    assert run.passes_per_batch == 3 + 2
    assert before.items() <= digests().items()  # those of others stay as they are


def test_an_edit_makes_exactly_its_own_cells_stale(plug):
    experiments = plug("uniform", "twice", "gap")
    add_method(experiments, suites=["scratch"])
    spoil(experiments / "samplers.yaml", "twice", {"label": "Twice", "kind": "twice"})
    spoil(experiments / "suites/scratch.yaml", "samplers", ["ddim", "twice"])
    spoil(experiments / "scales/ci.yaml", "nfe", [5])
    forget()
    before = digests()
    for name, theirs in (("uniform", "/uni/"), ("twice", "/twice-nfe"), ("gap", "-nfe")):
        plug(*(other for other in ("uniform", "twice", "gap") if other != name), **{name: SOURCES[name] + "    #\n"})
        after = digests()
        moved = {key for key in before if before[key] != after[key]}
        assert moved == {key for key in before if theirs in key} and moved, name
        forget()
        plug("uniform", "twice", "gap")


def test_the_same_content_under_another_name_is_the_same_plugin(plug):
    add_method(plug("uniform"), suites=["scratch"])
    before = digests()
    plug(moved=UNIFORM)
    assert digests() == before


def test_options_have_the_ranges_that_the_class_declares(plug):
    experiments = plug("uniform")
    for value, words in ((-1.0, "must be greater than 0"), ("wide", "valid number")):
        add_method(experiments, perturbation={"kind": "uniform", "width": value})
        forget()
        message = refusal(lambda: load("ci"))
        assert "experiments/methods.yaml: uni.perturbation.width: " in message and words in message
    add_method(experiments, perturbation={"kind": "uniform", "widht": 1.0})
    forget()
    assert "uni.perturbation.widht: unknown key 'widht'; did you mean 'width'?" in refusal(lambda: load("ci"))


def test_a_constant_of_a_plugin_may_be_tuned(plug):
    experiments = plug("uniform")
    add_method(experiments, perturbation={"kind": "uniform", "width": "tuned"}, suites=["scratch"])
    forget()
    assert "lacks width" in refusal(lambda: load("ci"))
    spoil(experiments / "scales/ci.yaml", "tuned", {"scratch": {"uni": {"width": 0.2}}})
    forget()
    assert load("ci").suite("scratch").run("uni", 0).recipe.perturbation.width == 0.2


def test_an_objective_says_whose_samplers_sample_it(plug):
    experiments = plug("weighted")
    entry = {"label": "W", "objective": "weighted", "power": 2.0, "perturbation": {"kind": "none"}}
    spoil(experiments / "methods.yaml", "w", entry | {"suites": ["scratch"]})
    forget()
    run = load("ci").suite("scratch").run("w", 0)
    assert run.slice["power"] == 2.0 and run.slice["plugins"] == {"objective weighted": sha(experiments, "weighted")}
    assert {cell.address.sampler for cell in run.cells} == {"iddpm", "ddim", "es", "dpm-solver"}


def test_a_sampler_is_told_which_step_counts_it_cannot_spend(plug):
    experiments = plug("twice")
    spoil(experiments / "samplers.yaml", "twice", {"label": "Twice", "kind": "twice", "memory": 0.25})
    spoil(experiments / "suites/scratch.yaml", "samplers", ["ddim", "twice"])
    forget()
    assert "nfe 10: must be odd" in refusal(lambda: load("ci"))


def test_a_metric_is_in_every_cell(plug):
    experiments = plug("gap")
    cell = load("ci").suite("scratch").cells()[0]
    assert cell.plugins == {"metric mean_gap": sha(experiments, "gap")} == cell.slice["plugins"]
    assert "mean_gap" in METRICS and list(METRICS)[-1] == "mean_gap"
    assert measuring()[-1].load().measure(None) == {"mean_gap": 1.0}


def test_reading_the_experiment_files_runs_no_plugin(plug):
    experiments = plug(uniform=UNIFORM + "    raise SystemExit('ran')\n")
    add_method(experiments, suites=["scratch"])
    assert load("ci").suite("scratch").run("uni", 0).digest


WRONG = {
    "no Python: invalid syntax": "class A(:\n",
    "kind 'Big One': must be lower-case": 'class A:\n    kind = "Big One"\n',
    "so it needs exactly one of the methods": 'class A:\n    kind = "a"\n',
    "has the kind 'gaussian' already": 'class A:\n    kind = "gaussian"\n    def start(self, draw, names): ...\n',
    "class A: name 'Wide' is not defined": UNIFORM.replace("Size  #", "Wide  #").replace("Uniform(", "A("),
    "is no @dataclass": UNIFORM.replace("    @dataclass(frozen=True)\n", ""),
    "trains no network": 'class A:\n    kind = "a"\n    def losses(self): ...\n',
    "there is a metric 'fd' already": METRIC.replace("mean_gap", "fd"),
    "'Mean-gap': must be": METRIC.replace('"mean_gap", "gap', '"Mean-gap", "gap'),
    "has no function `measure`": METRIC.replace("measure", "measured"),
    "must be a tuple of metrics": "METRICS = (1,)\ndef measure(scored): ...\n",
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_plugin_is_refused_in_one_line_that_names_it(plug, words):
    plug(wrong=WRONG[words])
    message = refusal(lambda: load("ci").suite("scratch").cells()[0].digest)
    assert words in message and "wrong.py" in message


@pytest.mark.parametrize("written", ["absent.py", "experiments", "notes.txt", *COMMANDS])
def test_a_plugin_that_is_no_file_is_refused_too(experiments, written):
    (experiments.parent / "notes.txt").write_text("no code\n")
    spoil(experiments / "config.yaml", "plugins", [written])
    forget()
    assert refusal(lambda: load("ci")).startswith("experiments/config.yaml: plugins: ")
    forget()


@pytest.mark.parametrize("written", ["my.py", [1], {"a": "b"}, [""]])
def test_the_list_of_plugins_is_a_list_of_words(experiments, written):
    spoil(experiments / "config.yaml", "plugins", written)
    forget()
    assert refusal(lambda: load("ci")).startswith("experiments/config.yaml: plugins: must be a list")
    forget()


@pytest.mark.parametrize("kind", COMMANDS)
def test_kinds_of_plugins_hold_to_the_alphabet_of_addresses(plug, kind):
    plug(wrong=f"class A:\n    kind = {kind!r}\n    def start(self, draw, names): ...\n")
    assert "must be lower-case letters, digits and single hyphens" in refusal(lambda: load("ci"))


def test_two_plugins_of_one_kind_are_refused(plug):
    plug(uniform=UNIFORM, again=UNIFORM)
    assert "again.py: class Uniform: uniform.py has the kind 'uniform' already" in refusal(lambda: load("ci"))


def test_the_command_line_lists_no_plugins_that_jobs_would_not_see(plug):
    plug("uniform")
    told = {"scale": "ci", "suites": ["scratch"]}
    assert workflow(told | {"plugins": ["uniform.py"]}).plugins == ("uniform.py",)
    assert "which every job reads" in refusal(lambda: workflow(told | {"plugins": ["other.py"]}))


def test_what_fails_as_it_is_imported_is_one_line(plug):
    plug(uniform="import nothing_of_this_name\n" + textwrap.dedent(UNIFORM))
    assert "cannot be imported (ModuleNotFoundError" in refusal(PERTURBATIONS["uniform"].load)


def test_a_perturbation_says_whose_networks_it_is_for(plug):
    """By what they are sampled as, so that an objective of a plugin may be one of them."""
    named = UNIFORM.replace("passes: ClassVar[int] = 2", 'perturbs: ClassVar[str] = "noise-prediction"')
    experiments = plug("weighted", uniform=named)
    add_method(experiments, objective="weighted")
    assert load("ci").methods["uni"].fits
    forget()
    add_method(experiments, objective="denoising")
    assert "uni.perturbation.kind: 'uniform' perturbs networks of noise-prediction" in refusal(lambda: load("ci"))


def test_what_runs_is_what_was_hashed(plug):
    experiments = plug("uniform")
    found = PERTURBATIONS["uniform"]
    (experiments.parent / "uniform.py").write_text("raise SystemExit\n")
    assert found.load().__name__ == "Uniform"


def install(monkeypatch, tmp_path, group, name, module, source):
    """Have an installed package with one entry point."""
    package = tmp_path / "site" / module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "it.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    entry = EntryPoint(name, f"{module}.it", group)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == entry.group else [])
    forget()
    return package


def test_an_installed_perturbation_needs_no_line(experiments, monkeypatch, tmp_path):
    before = digests()
    package = install(monkeypatch, tmp_path, "atbench.perturbations", "uniform", "pert_of_test", UNIFORM)
    add_method(experiments, suites=["scratch"])
    first = load("ci").suite("scratch").run("uni", 0).digest
    assert before.items() <= digests().items() and PERTURBATIONS["uniform"].load().__module__ == "pert_of_test.it"
    (package / "helper.py").write_text("# part of the package\n")
    forget()
    assert load("ci").suite("scratch").run("uni", 0).digest != first
    forget()


def test_an_installed_metric_acts_only_where_it_is_listed(experiments, monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, "atbench.metrics", "gap", "metric_of_test", METRIC)
    before = digests()
    assert "mean_gap" not in METRICS
    spoil(experiments / "config.yaml", "plugins", ["gap"])
    forget()
    assert "mean_gap" in METRICS and not before.items() <= digests().items()
    forget()


def test_no_plugin_is_there_by_itself():
    assert plugins.present() == () and yaml.read_yaml(yaml.EXPERIMENTS / "config.yaml").get("plugins") is None
    assert all(found.plugin is None for kinds in (PERTURBATIONS, OBJECTIVES, KINDS) for found in kinds.values())
    with pytest.raises(UserError, match="no Python file"):
        plugins.read(yaml.EXPERIMENTS / "config.yaml")
