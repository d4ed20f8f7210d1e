"""`atbench check`: the package's own keep the contracts, skeletons too, and what breaks one is told by its check."""

import subprocess
import sys
import textwrap

import pytest

from atbench import cli
from atbench.contracts import metrics, objectives, perturbations, samplers
from atbench.contracts.check import check
from atbench.contracts.finding import findings
from atbench.runtime.errors import UserError
from atbench.spec.metrics import measuring
from atbench.spec.models.methods import OBJECTIVES, PERTURBATIONS
from atbench.spec.models.samplers import KINDS

OWN = [("perturbation", kind, found, perturbations.Contract) for kind, found in PERTURBATIONS.items()]
OWN += [("sampler", kind, found, samplers.Contract) for kind, found in KINDS.items()]
OWN += [("objective", kind, found, objectives.Contract) for kind, found in OBJECTIVES.items()]
OWN += [("metric", each.metrics[0].name, each, metrics.Contract) for each in measuring()]
# KID's subsets, parts of the inception score, FD-infinity's samples are drawn by row: another order draws others.
DRAWN = {("metric kid", "order"), ("metric is", "order"), ("metric fd_infinity", "order")}
# A made-up classifier of Gaussian features: its score, and copies of images, say nothing there.
DRAWN |= {("metric is", "direction"), ("metric nn_ratio", "direction")}


@pytest.mark.parametrize(("sort", "kind", "found", "contract"), OWN, ids=[f"{sort}-{kind}" for sort, kind, *_ in OWN])
def test_the_packages_own_keep_the_contracts(sort, kind, found, contract):
    made = findings(f"{sort} {kind}", contract(found, {}).checks())
    failed = [each for each in made if each.verdict == "FAIL" and (each.subject, each.check) not in DRAWN]
    assert [str(each) for each in failed] == []


@pytest.mark.parametrize("sort", ["perturbation", "sampler", "objective", "metric"])
def test_a_skeleton_works_as_it_is_written(sort, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", sort, "my-own"]) == 0
    said = capsys.readouterr().out
    assert "plugins/my_own.py" in said and "plugins: [plugins/my_own.py]" in said
    assert cli.main(["check", "plugins/my_own.py"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("PASS  ") for line in lines[:-1]) and lines[-1].endswith("keeps its contract")
    assert "example" not in (tmp_path / "plugins/my_own.py").read_text().lower()


@pytest.mark.slow
def test_the_test_of_a_skeleton_passes_and_is_linted(tmp_path):
    cli.main(["new", "metric", "my-own", "--folder", str(tmp_path)])
    rules = ["--isolated", "--select", "E,F,W,B,UP", "--line-length", "120"]
    for command in (["pytest", "-q", "test_my_own.py"], ["ruff", "check", *rules, "."]):
        whole = [sys.executable, "-m", *command]
        done = subprocess.run(whole, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr


def test_new_overwrites_nothing_and_holds_names_to_the_alphabet(tmp_path, capsys):
    folder = ["--folder", str(tmp_path)]
    assert cli.main(["new", "sampler", "mine", *folder]) == 0
    assert cli.main(["new", "metric", "mine", *folder]) == 2
    assert "is there already" in capsys.readouterr().err
    for name in ("Mine", "a--b", "../up", "1st", ""):
        assert cli.main(["new", "sampler", name, *folder]) == 2
        assert "must be lower-case letters" in capsys.readouterr().err


PERTURBATION = '''
    from dataclasses import dataclass, field
    from typing import Any, ClassVar
    import torch
    from atbench.rng import gaussian
    from atbench.training.perturbations.one_round import OneRound

    @dataclass
    class Mine(OneRound):
        """Noise of a tenth."""
        kind: ClassVar[str] = "mine"
        _seen: int = 0

        def start(self, draw, names):
            delta = 0.1 * gaussian(draw.state.shape, *names, "mine")
            return delta
'''
SAMPLER = '''
    from dataclasses import dataclass
    from typing import ClassVar
    import torch
    from atbench.spec.nfe import odd, within
    from atbench.runtime.errors import UserError

    class Mine:
        """Steps without a schedule."""
        kind = "mine"

        def __init__(self, nfe):
            self.nfe = nfe

        @classmethod
        def build(cls, nfe, schedule):
            return cls(nfe)

        @torch.no_grad()
        def __call__(self, denoise, x_T, step_noise):
            x = x_T
            for k in range(self.nfe):
                t = torch.full((len(x),), 500.0)
                x = 0.9 * x - 0.1 * denoise(x, t)[:, : x.shape[1]] + 0.1 * step_noise(k)
            return x
'''
OBJECTIVE = '''
    from typing import ClassVar
    import torch
    from atbench.training.objectives.noise_prediction import NoisePrediction

    class Mine(NoisePrediction):
        """Noise prediction."""
        kind = "mine"
        sampled_as = "noise-prediction"

        def losses(self, model, draw, delta, follow):
            terms = super().losses(model, draw, delta, follow)
            return terms
'''
METRIC = """
    import torch
    from atbench.spec.metric import Metric

    METRICS = (Metric("mine", "gap", "lower", 0),)

    def measure(scored):
        ours, theirs = scored.features.features.double(), scored.reference.train.features.features.double()
        value = (ours.mean(0) - theirs.mean(0)).norm().item()
        return {"mine": value}
"""
DELTA, STEP, TERMS, VALUE = "return delta\n", "return x\n", "return terms\n", 'return {"mine": value}'
IDENTITY = "\n        @staticmethod\n        def identities():\n            return {}\n"
# What is changed -> the check that tells, and words of its line.
BROKEN = {
    "delta of another shape": (PERTURBATION, DELTA, "return delta[:, :, :1]\n", "shapes", "delta is (6, 1, 1, 8)"),
    "delta of another type": (PERTURBATION, DELTA, "return delta.double()\n", "shapes", "torch.float64"),
    "no delta": (PERTURBATION, DELTA, "return 0 * delta\n", "shapes", "plain training"),
    "NaN": (PERTURBATION, DELTA, "return delta / 0 * 0\n", "shapes", "not finite"),
    "delta on a graph": (PERTURBATION, DELTA, "return delta.requires_grad_() * 1\n", "gradients", "graph"),
    "global generator": (
        PERTURBATION,
        'gaussian(draw.state.shape, *names, "mine")',
        "torch.randn(draw.state.shape)",
        "determinism",
        "atbench.rng",
    ),
    "mixes images": (
        PERTURBATION,
        DELTA,
        "return delta + draw.x0.mean()\n",
        "batch independence",
        "another first image",
    ),
    "asks without saying": (
        PERTURBATION,
        DELTA,
        "draw.predict(draw.state, draw.t)\n            return delta\n",
        "budget",
        "declare `passes: ClassVar[int] = 1`",
    ),
    "forgets": (PERTURBATION, DELTA, "self._seen += 1\n            return delta * self._seen\n", "resume", "`state`"),
    "keeps code": (
        PERTURBATION,
        DELTA,
        DELTA + "\n        def state(self):\n            return {'a': Mine}\n",
        "resume",
        "",
    ),
    "claims too much": (
        PERTURBATION,
        DELTA,
        DELTA + IDENTITY.replace("{}", "{'one is two': (torch.ones(1).double(), torch.ones(1).double() + 1e-6)}"),
        "identity",
        "differ by 1e-06",
    ),
    "claims in float32": (
        PERTURBATION,
        DELTA,
        DELTA + IDENTITY.replace("{}", "{'one is one': (torch.ones(1), torch.ones(1))}"),
        "identity",
        "torch.float64",
    ),
    "raises": (PERTURBATION, DELTA, "raise KeyError('a')\n", "shapes", "KeyError: 'a'"),
    "samples of another shape": (SAMPLER, STEP, "return x[:, :, :1]\n", "shapes", "finite"),
    "keeps a graph": (SAMPLER, "@torch.no_grad()\n", "\n", "gradients", "no_grad"),
    "draws by itself": (SAMPLER, "step_noise(k)", "torch.randn_like(x)", "determinism", "global generator"),
    "remembers": (SAMPLER, STEP, "self.nfe += 1\n            return x\n", "determinism", "second batch"),
    "mixes samples": (SAMPLER, STEP, "return x + x_T.mean()\n", "batch independence", "another first latent"),
    "spends more": (SAMPLER, "range(self.nfe)", "range(self.nfe + 1)", "budget", "but its NFE is"),
    "noise twice": (SAMPLER, "step_noise(k)", "step_noise(0)", "fresh noise", "step_noise(0,) twice"),
    "refuses late": (
        SAMPLER,
        "return cls(nfe)",
        "odd(nfe)\n            return cls(nfe)",
        "step counts",
        "`spends = None`",
    ),
    "refuses by accident": (
        SAMPLER,
        "return cls(nfe)",
        "return cls(nfe if nfe % 2 else [][0])",
        "step counts",
        "IndexError",
    ),
    "mean loss": (OBJECTIVE, TERMS, 'return terms | {"loss": terms["loss"].mean()}\n', "shapes", "loss is ()"),
    "no loss": (OBJECTIVE, TERMS, 'return {"error": terms["loss"]}\n', "shapes", "no `loss`"),
    "deaf to delta": (
        OBJECTIVE,
        "super().losses(model, draw, delta, follow)",
        "super().losses(model, draw, delta * 0, follow)",
        "gradients",
        "no gradient in delta",
    ),
    "mixes losses": (
        OBJECTIVE,
        TERMS,
        'return terms | {"loss": terms["loss"] + terms["mse"].mean()}\n',
        "batch independence",
        "another first image",
    ),
    "sampled by nobody": (OBJECTIVE, 'sampled_as = "noise-prediction"', "", "sampling", "declare `sampled_as"),
    "asks besides": (
        OBJECTIVE,
        TERMS,
        "self.side_passes += 2\n            return terms\n",
        "budget",
        "ClassVar[int] = 2",
    ),
    "wrong direction": (METRIC, VALUE, 'return {"mine": 1 / value}', "direction", "but `better` is 'lower'"),
    "order": (METRIC, VALUE, 'return {"mine": value + ours[:10].norm().item()}', "order", "in another order"),
    "out of range": (METRIC, VALUE, 'return {"mine": -value}', "values", "declared: 0 to inf"),
    "undeclared": (METRIC, VALUE, 'return {"yours": value}', "values", "yours"),
    "not finite": (METRIC, VALUE, 'return {"mine": float("nan")}', "values", "finite"),
    "chance": (METRIC, VALUE, 'return {"mine": value + torch.rand(1).item()}', "determinism", "global generator"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_breaks_a_contract_is_told_by_its_check(fault, tmp_path):
    source, what, other, told_by, words = BROKEN[fault]
    assert source.count(what) == 1
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent(source.replace(what, other)))
    broken = {finding.check: finding.reason for finding in check(file) if finding.verdict == "FAIL"}
    assert words in broken[told_by] and "\n" not in broken[told_by]


@pytest.mark.parametrize("source", [PERTURBATION, SAMPLER, OBJECTIVE, METRIC], ids=["delta", "steps", "loss", "gap"])
def test_before_it_was_broken_it_kept_the_contract(source, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent(source))
    assert [str(finding) for finding in check(file) if finding.verdict == "FAIL"] == []


def test_a_broken_contract_is_an_exit_code(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent(METRIC.replace(VALUE, 'return {"mine": -value}')))
    assert cli.main(["check", str(file)]) == 1
    said = capsys.readouterr().out
    assert "FAIL  metric mine: values: mine = -" in said and "of 5 checks fail" in said


def test_options_may_be_given_and_are_held_to_their_ranges(tmp_path, capsys):
    cli.main(["new", "sampler", "mine", "--folder", str(tmp_path)])
    file = str(tmp_path / "mine.py")
    assert cli.main(["check", file, "--option", "churn=0.5"]) == 0
    assert cli.main(["check", file, "--option", "churn=2"]) == 2
    assert cli.main(["check", file, "--option", "chrun=0.5"]) == 2
    said = capsys.readouterr().err
    assert "churn: 2: must be" in said and "unknown option" in said


@pytest.mark.parametrize(("text", "words"), [("a = 1\n", "offers nothing"), ("class A(:\n", "no Python")])
def test_a_file_that_offers_nothing_is_one_line(text, words, tmp_path):
    (tmp_path / "it.py").write_text(text)
    with pytest.raises(UserError, match=words):
        check(tmp_path / "it.py")
