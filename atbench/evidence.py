"""What the results are to show: names in claims, reviews and views of suites are checked here, before anything runs.

A claim may be about an experiment that no file declares yet: its names then stand under `planned`, so that a slip of
the pen is never taken for a plan, and a plan never outlives its experiment. No torch here.
"""

from collections.abc import Iterator

from atbench.errors import UserError, unknown
from atbench.metric_names import METRICS

CLAIMS = "experiments/claims.yaml"
REVIEWS = "experiments/reviews.yaml"
BUDGETS = ("batches", "updates", "cost")  # in the order of the verdict table
MOST_NFE = 1000  # training steps of the diffusion, as in the schemas


def check(claims: dict, questions: list[dict], methods: dict, samplers: dict, suites: dict, cost: dict) -> None:
    """Raises UserError naming the file and key of the first stray name, or of a plan that has come true.

    All arguments are the contents of the experiment files of these names; ``cost`` is cost.yaml's.
    """
    for suite, declared in suites.items():
        for view, shown in declared.get("views", {}).items():
            key = f"experiments/suites/{suite}.yaml: views.{view}.methods"
            for name in set(shown["methods"]) - set(declared["methods"]):
                raise UserError(f"{key}: {unknown('method of the suite', name, declared['methods'])}")
            if shown["methods"][0] != declared["methods"][0]:  # whose learning rate all of them use
                raise UserError(f"{key}: must begin with the suite's first, {declared['methods'][0]}")
    planned, claims = claims.get("planned", {}), claims["claims"]
    declared = {"suites": suites, "methods": methods, "samplers": samplers, "metrics": METRICS, "claims": claims}
    declared["views"] = [f"{suite}/{view}" for suite, shown in suites.items() for view in shown.get("views", {})]
    declared["costs"] = [f"{suite}/{method}" for suite, names in cost["methods"].items() for method in names]
    for kind, names in planned.items():
        for name in names:
            if name in declared[kind]:
                raise UserError(f"{CLAIMS}: planned.{kind}: {name!r} is declared by now, take it off this list")
    for file, key, kind, names in _uses(claims, questions):
        known = [*declared[kind], *planned.get(kind, [])]
        for name in names:
            if name not in known:
                raise UserError(f"{file}: {key}: {unknown(kind[:-1], name, known)}")
    for name, claim in claims.items():
        first, last = claim["nfe"].get("from", 1), claim["nfe"].get("to", MOST_NFE)
        if first > last:
            raise UserError(f"{CLAIMS}: claims.{name}.nfe: from {first} to {last} is empty")


def _uses(claims: dict, questions: list[dict]) -> Iterator[tuple[str, str, str, list[str]]]:
    """(file, key, kind of name, names) wherever a claim or a question refers to something declared."""
    for name, claim in claims.items():
        key = f"claims.{name}"
        yield CLAIMS, f"{key}.suites", "suites", claim["suites"]
        yield CLAIMS, f"{key}.method", "methods", [claim["method"]]
        yield CLAIMS, f"{key}.against", "methods", list(claim["against"].values())
        yield CLAIMS, f"{key}.samplers", "samplers", claim["samplers"]
        yield CLAIMS, f"{key}.metric", "metrics", [claim["metric"]]
    for place, question in enumerate(questions):
        for kind in ("claims", "metrics"):
            yield REVIEWS, f"questions.{place}.{kind}", kind, question.get(kind, [])
        for kind in ("view", "cost"):
            yield REVIEWS, f"questions.{place}.{kind}", f"{kind}s", [question[kind]] if kind in question else []
