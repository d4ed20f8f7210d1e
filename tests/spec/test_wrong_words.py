"""Every wrong word of an experiment file is one line that names file and key, before anything is computed."""

import typing
from types import UnionType
from typing import Annotated, Literal

import pytest
import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from spoil import refusal, spoil

from atbench.spec import schema
from atbench.spec.load import load, workflow
from atbench.spec.resolve import NETWORKS
from atbench.spec.signatures import declared

CI, BASE, PAPER = "scales/ci.yaml", "scales/workstation.yaml", "scales/paper.yaml"
NAN, INF = float("nan"), float("inf")

# Numbers: not finite, not whole, beyond every use.
NUMBERS = [
    (CI, ("training", "weight_decay"), NAN),
    (CI, ("training", "weight_decay"), 1.5),
    (CI, ("training", "batch_size"), 10**9),
    (CI, ("training", "batch_size"), 64.0),
    (CI, ("training", "batch_size"), 10**60),
    (CI, ("training", "ema"), {"decay": 1.0}),
    (CI, ("training", "ema"), {"decay": -0.1}),
    (CI, ("training", "ema"), {"relative_length": 1.5}),
    (CI, ("training", "ema"), {"relative_length": INF}),
    (CI, ("threads",), 100_000),
    (CI, ("model", "dropout"), NAN),
    (CI, ("model", "channels"), 10**9),
    (CI, ("model", "channels"), 8.0),
    (CI, ("nfe",), [5, 1001]),
    (CI, ("nfe",), [5, 10.0]),
    (CI, ("nfe",), [True]),
    (CI, ("evaluation", "samples"), 10**12),
    (CI, ("queue", "pass_ms"), INF),
    (CI, ("queue", "memory_gb"), 10**9),
    (CI, ("suites", "scratch", "batches"), 10**8),
    (CI, ("suites", "scratch", "seeds"), [2**40]),
    (CI, ("suites", "scratch", "seeds"), [0.0]),
    (CI, ("tuned", "scratch", "adm", "learning_rate"), 1e30),
    (CI, ("tuned", "scratch", "adm", "learning_rate"), NAN),
    (CI, ("tuned", "scratch", "at", "step_rms"), 1e30),
    (CI, ("tuned", "scratch", "ip", "gamma"), INF),
    ("methods.yaml", ("at", "perturbation", "radius_rms"), 1e9),
    ("methods.yaml", ("at", "perturbation", "inner_steps"), 3.0),
    ("methods.yaml", ("at", "perturbation", "inner_steps"), 10**9),
    ("methods.yaml", ("at-third-rate", "learning_rate_factor"), 1e30),
    ("methods.yaml", ("adm-3x", "budget"), 3.0),
    ("methods.yaml", ("adm-3x", "budget"), 10**6),
    ("samplers.yaml", ("es", "eps_scale"), 1e30),
    ("samplers.yaml", ("dpm-solver", "order"), 2.0),
    ("samplers.yaml", ("lcm", "guidance"), -1.0),
    ("samplers.yaml", ("lcm", "guidance"), 1e9),
    ("tuning.yaml", ("search", "scratch", "methods", "adm", "learning_rate"), [0.001, 0.01, 0.1, 10.0]),
    ("tuning.yaml", ("search", "scratch", "methods", "at", "step_rms"), [0.001, 0.01, 0.1, 100.0]),
    ("tuning.yaml", ("search", "scratch", "methods", "ip"), {"kind": [1.0, 2.0, 3.0, 4.0]}),
    ("mixture.yaml", ("mixture", "weights"), [0.5, 0.5]),
    ("mixture.yaml", ("mixture", "weights"), [0.5, 0.6, 0.1]),
    ("mismatch.yaml", ("radii",), [0.1, NAN]),
    ("claims.yaml", ("claims", "few-steps", "margin"), {"relative": NAN}),
]
# Blocks that do not fit one another.
BLOCKS = [
    (CI, ("model", "image_size"), 16),
    (CI, ("model", "in_channels"), 3),
    (CI, ("model", "attention_resolutions"), [16]),
    (CI, ("model", "channels_per_head"), 5),
    (CI, ("model", "num_groups"), 3),
    (CI, ("model", "channel_mult"), [1, 1, 1, 1, 1]),
    (CI, ("model", "learn_sigma"), False),
    (CI, ("suites", "scratch", "model"), {"channels": 8}),
    (CI, ("suites", "autoencoder", "model", "num_groups"), 5),
    (CI, ("suites", "extractor", "model", "width"), 12),
    (CI, ("suites", "extractor", "model", "num_classes"), 5),
    (CI, ("suites", "latent", "model", "in_channels"), 3),
    (CI, ("training", "micro_batches"), 5),
    (CI, ("training", "batch_size"), 2000),
    (CI, ("evaluation", "metrics", "kid_subset_size"), 500),
    (CI, ("evaluation", "metrics", "pr_neighbours"), 190),
    (CI, ("evaluation", "metrics", "manifold_reference"), 2000),
    (CI, ("evaluation", "metrics", "density_neighbours"), 2000),
    (CI, ("evaluation", "metrics", "extrapolation"), {"points": 5, "least": 100}),
    (CI, ("evaluation", "metrics", "mmd_bandwidth"), 0),
    (CI, ("data",), {"name": "digitz"}),
    (CI, ("data",), {"name": "mine", "format": "folder", "path": "x"}),
    (CI, ("data",), {"name": "digits", "path": "x"}),
    (CI, ("data",), {"name": "image-folder", "path": "x", "channels": 1}),
    (CI, ("data",), {"name": "cifar10"}),
    (
        CI,
        ("suites", "consistency", "training", "distillation", "grid"),
        {"parametrisation": "vp", "t_start": 9, "stride": 40},
    ),
    (CI, ("suites", "consistency", "training", "distillation", "guidance"), [0.0, 2.0]),
    (CI, ("suites", "latent-consistency", "training", "distillation", "guidance"), [2.0, 1.0]),
    ("methods.yaml", ("at-low-noise", "perturbation", "sigma_range"), [0.5, 0.0]),
    ("methods.yaml", ("at-low-noise", "perturbation", "sigma_range"), [0.5, 0.5]),
    ("methods.yaml", ("adm", "budget"), 0),
    ("methods.yaml", ("teacher", "budget"), 1),
    ("methods.yaml", ("adm-3x", "budget"), 1),
    ("methods.yaml", ("adm-3x", "budget"), {"passes_of": "at"}),
    ("methods.yaml", ("cm-forward", "budget"), {"passes_of": "cm-forward"}),
    ("methods.yaml", ("adm", "continues"), "adm-3x"),
    ("methods.yaml", ("adm-3x", "continues"), "adm-3x"),
    ("methods.yaml", ("adm-3x", "continues"), "cm"),
    ("methods.yaml", ("at", "extends"), "at"),
    ("methods.yaml", ("at", "extends"), ["adm"]),
    ("samplers.yaml", ("es", "eps_slope"), -0.5),
    ("suites/scratch.yaml", ("init",), "scratch/adm"),
    ("suites/scratch.yaml", ("init",), "finetune/adm"),
    ("suites/scratch.yaml", ("init",), "edm/digits-cnn"),
    ("suites/autoencoder.yaml", ("init",), "latent/ldm"),
    ("suites/autoencoder.yaml", ("space",), "latent"),
    ("suites/extractor.yaml", ("init",), "scratch/adm"),
    ("suites/scratch.yaml", ("nfe",), [37]),
    ("suites/scratch.yaml", ("nfe",), [1]),
    ("suites/edm.yaml", ("nfe",), [6]),
    ("suites/latent.yaml", ("nfe",), [5]),
    ("suites/consistency.yaml", ("nfe", "cm"), [100]),
    ("suites/consistency.yaml", ("samplers",), ["cm", "iddpm"]),
    ("suites/consistency.yaml", ("init",), "scratch"),
    ("wide.yaml", ("nfe",), [100, 300]),
    ("mismatch.yaml", ("nfe",), 37),
    ("noise.yaml", ("cells", "nfe"), [5, 1001]),
    ("recognition.yaml", ("cells", "nfe"), [5, 1001]),
    ("tuning.yaml", ("search", "consistency", "cells", "nfe"), [1, 25]),
    ("suites/scratch.yaml", ("samplers",), ["iddpm", "ddim-guided"]),
    ("suites/scratch.yaml", ("methods",), ["adm", "teacher"]),
    ("suites/scratch.yaml", ("methods",), ["adm", "cm"]),
    ("suites/scratch.yaml", ("methods",), ["adm", "adm"]),
    ("suites/finetune.yaml", ("conditional",), True),
    ("suites/scratch.yaml", ("model",), {"channels": 8}),
]


@pytest.mark.parametrize(
    ("name", "path", "value"), NUMBERS + BLOCKS, ids=[f"{'.'.join(p)}={str(v)[:40]}" for _, p, v in NUMBERS + BLOCKS]
)
def test_a_wrong_word_is_one_line_that_names_file_and_key(experiments, name, path, value):
    spoil(experiments / name, *path, value)
    message = refusal(lambda: load("ci"))
    assert ".yaml: " in message and len(message) < 400
    blamed = [str(part) for part in (*path, *(value if isinstance(value, dict) else ()))]
    assert any(part in message for part in blamed[-2:]) or "rests on itself" in message, message
    assert "\n" not in message


# Text that YAML reads as another number than it looks.
@pytest.mark.parametrize("text", ["[010]", "[1:30]", "[5, 1_0]", "[05]"])
def test_a_step_count_with_a_leading_zero_or_in_sixties_is_refused(experiments, text):
    file = experiments / CI
    file.write_text(file.read_text().replace("nfe: [5, 10]", f"nfe: {text}"))
    message = refusal(lambda: load("ci"))
    assert CI in message and ("plain digits" in message or "nfe" in message)


def test_a_long_chain_and_a_circle_of_scales_are_refused_and_not_followed(experiments):
    for name, base in (("one", "two"), ("two", "three"), ("three", "one")):
        (experiments / f"scales/{name}.yaml").write_text(f"extends: {base}\n")
    message = refusal(lambda: load("one"))
    assert "scales/three.yaml: extends: 'one'" in message
    (experiments / "scales/self.yaml").write_text("extends: self\n")
    assert "scales/self.yaml: extends: 'self'" in refusal(lambda: load("self"))
    (experiments / "scales/odd.yaml").write_text("extends: [ci]\n")
    assert "scales/odd.yaml: extends: unknown scale" in refusal(lambda: load("odd"))


def test_a_thousand_methods_one_on_another_are_refused(experiments):
    file = experiments / "methods.yaml"
    chain = "".join(f"m{place}: {{extends: m{place + 1}}}\n" for place in range(1000))
    file.write_text(file.read_text() + chain + "m1000: {extends: adm}\n")
    assert "methods.yaml: m0.extends" in refusal(lambda: load("ci"))


def test_a_scale_outside_its_folder_is_no_scale():
    for name in ("../scales/ci", "/etc/passwd", "ci/../ci", "CI"):
        assert name in refusal(lambda name=name: load(name))


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ({"seeds": 3}, "seeds: 3: must be a list"),
        ({"seeds": [0, 0]}, "seeds: 0 stands there twice"),
        ({"seeds": [1.0]}, "seeds"),
        ({"suites": "scratch"}, "suites: 'scratch': must be a list"),
        ({"processes": 10**6}, "processes"),
        ({"cached": 1.0}, "cached"),
    ],
)
def test_a_wrong_setting_of_the_command_line_names_the_configuration(setting, word):
    base = {"scale": "ci", "suites": ["scratch"]}
    message = refusal(lambda: workflow(base | setting))
    assert message.startswith("configuration (experiments/config.yaml and --config): ") and word in message


def test_a_suite_of_the_size_of_its_images_is_accepted(experiments):
    """The counter-proof: a whole `model:` block of a suite's own, of other images, fits."""
    spoil(experiments / CI, "suites", "edm", "model", yaml.safe_load((experiments / CI).read_text())["model"])
    assert load("ci").suite("edm").network.image_size == 8


# Every number of every file has two ends.

BOUNDLESS = {}  # "model.field" -> why a number needs no bound; nothing does so far


def models():
    """Every type of an experiment file, with all that it holds."""
    found = [*schema.file_types().values()]
    types = [adapter._type for adapter in found] + list(NETWORKS.values())
    seen = {}

    def visit(of):
        if isinstance(of, type) and issubclass(of, BaseModel) and of not in seen:
            seen[of] = None
            for field in of.model_fields.values():
                visit(field.annotation)
        for part in typing.get_args(of):
            visit(part)

    for of in types:
        visit(of)
    return list(seen)


def numbers(of, marks=()):
    """(type, bounds) of every number in an annotation."""
    if typing.get_origin(of) is Annotated:
        inner, *added = typing.get_args(of)
        yield from numbers(inner, (*marks, *added))
    elif typing.get_origin(of) in (typing.Union, UnionType):
        for part in typing.get_args(of):
            yield from numbers(part, marks)
    elif of in (int, float):
        flat = [each for mark in marks for each in (getattr(mark, "metadata", None) or [mark])]
        yield of, flat
    elif typing.get_origin(of) is not Literal:
        for part in typing.get_args(of):
            yield from numbers(part)


def fields():
    for model in models():
        for name, field in model.model_fields.items():
            for of, marks in numbers(field.annotation, tuple(field.metadata)):
                yield f"{model.__name__}.{name}", of, marks


def test_every_number_of_every_file_has_a_lower_and_an_upper_bound():
    found = list(fields())
    assert len(found) > 80
    without = {
        name
        for name, _, marks in found
        if not (any(isinstance(m, Ge | Gt) for m in marks) and any(isinstance(m, Le | Lt) for m in marks))
    }
    assert without == set(BOUNDLESS)


@pytest.mark.parametrize(
    ("room", "where"),
    [
        ("training/perturbations", "fields"),
        ("training/objectives", "keywords"),
        ("sampling", "build"),
        ("models", "arguments"),
    ],
)
def test_every_option_of_a_class_is_walked_there(room, where):
    options = {option.name for found in declared(room, where).values() for option in found.options}
    walked = {name for model in models() for name in model.model_fields}
    assert options <= walked
