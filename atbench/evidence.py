"""What the results are to show: names in claims, reviews and views of suites are checked here, before anything runs.

No torch here.
"""

from collections.abc import Iterator

from atbench.metric_names import METRICS, MISMATCH_METRICS
from atbench.runtime.errors import UserError, unknown

CLAIMS = "experiments/claims.yaml"
REVIEWS = "experiments/reviews.yaml"
# Points of claims that targets of their own measure -> their metrics.
TARGETS = {"mismatch": MISMATCH_METRICS, "wide": METRICS}
BUDGETS = ("batches", "updates", "cost")  # in the order of the verdict table
MOST_NFE = 1000  # training steps of the diffusion, as in the schemas


def check(claims: dict, reviews: dict, methods: dict, samplers: dict, suites: dict, targets: dict[str, dict]) -> None:
    """Raises UserError naming the file and key of the first stray name.

    All arguments are contents of the experiment files of these names; ``targets`` holds those of cost and of TARGETS.
    """
    for suite, declared in suites.items():
        for view, shown in declared.get("views", {}).items():
            key = f"experiments/suites/{suite}.yaml: views.{view}.methods"
            for name in set(shown["methods"]) - set(declared["methods"]):
                raise UserError(f"{key}: {unknown('method of the suite', name, declared['methods'])}")
            if shown["methods"][0] != declared["methods"][0]:  # whose learning rate all of them use
                raise UserError(f"{key}: must begin with the suite's first, {declared['methods'][0]}")
    claims, questions = claims["claims"], reviews["questions"]
    declared = {"suites": suites, "methods": methods, "samplers": samplers, "metrics": METRICS, "claims": claims}
    declared["views"] = [f"{suite}/{view}" for suite, shown in suites.items() for view in shown.get("views", {})]
    declared["costs"] = [f"{suite}/{method}" for suite, names in targets["cost"]["methods"].items() for method in names]
    for target, metrics in TARGETS.items():
        own = {"suites": targets[target]["suites"], "samplers": targets[target]["samplers"], "metrics": metrics}
        declared |= {f"{target} {kind}": names for kind, names in own.items()}
    for file, key, kind, names in _uses(claims, questions):
        for name in names:
            if name not in declared[kind]:
                raise UserError(f"{file}: {key}: {unknown(kind[:-1], name, declared[kind])}")
    for name, claim in claims.items():
        first, last = claim["nfe"].get("from", 1), claim["nfe"].get("to", MOST_NFE)
        if first > last:
            raise UserError(f"{CLAIMS}: claims.{name}.nfe: from {first} to {last} is empty")


def _uses(claims: dict, questions: list[dict]) -> Iterator[tuple[str, str, str, list[str]]]:
    """(file, key, kind of name, names) wherever a claim or a question refers to something declared."""
    for name, claim in claims.items():
        key = f"claims.{name}"
        of = f"{claim['points']} " if claim.get("points") in TARGETS else ""
        yield CLAIMS, f"{key}.suites", f"{of}suites", claim["suites"]
        yield CLAIMS, f"{key}.method", "methods", [claim["method"]]
        yield CLAIMS, f"{key}.against", "methods", list(claim["against"].values())
        yield CLAIMS, f"{key}.samplers", f"{of}samplers", claim["samplers"]
        yield CLAIMS, f"{key}.metric", f"{of}metrics", [claim["metric"]]
    for place, question in enumerate(questions):
        yield REVIEWS, f"questions.{place}.claims", "claims", question.get("claims", [])
        yield REVIEWS, f"questions.{place}.metrics", "metrics", question.get("metrics", [])
        for kind in ("view", "cost"):
            yield REVIEWS, f"questions.{place}.{kind}", f"{kind}s", [question[kind]] if kind in question else []
