"""What a claim is about: which metric, how its gains are counted, and from where on they count."""

from typing import Any

from atbench.judgement.comparisons import Comparison
from atbench.judgement.gains import Gains
from atbench.runtime.errors import UserError
from atbench.spec.metrics import DISTANCE
from atbench.spec.models.evidence import Claim

Values = dict[tuple[Any, ...], float]  # (suite, seed, method, step, sampler, nfe) -> number


def metric_of(claim: Claim, leads: str) -> Claim:
    """The claim about the metric that `distance` stands for where ``leads`` is first."""
    return claim.model_copy(update={"metric": leads}) if claim.metric == DISTANCE else claim


def gains_of(claim: Claim) -> Gains:
    """How the gains of a claim are counted."""
    return Gains(claim.better, claim.margin.unit)


def paired_gain(name: str, claim: Claim, ours: float, theirs: float) -> float:
    """The gain of one pair of cells on the scale of the tests. Raises UserError for a ratio of what is not positive."""
    if claim.margin.unit == "relative" and not (ours > 0 and theirs > 0):
        key = f"experiments/claims.yaml: claims.{name}.margin"
        raise UserError(f"{key}: {claim.metric} is not always positive: make it absolute")
    return gains_of(claim).of(ours, theirs)


def bounds(claim: Claim) -> tuple[float, float]:
    """On the scale of the tests: the gain above which a claim is supported, and the one below which it is not."""
    gains, margin = gains_of(claim), claim.margin.size
    if claim.test == "gain":
        return 0.0, gains.on_test_scale(margin)
    return (gains.on_test_scale(-margin),) * 2


def above_the_least(claim: Claim, comparison: Comparison, values: dict[str, Values], seeds: list[int]) -> Claim:
    """The claim with its margin as a share of the whole metric, where it states one of what lies above a floor.

    Of a distance of 1.2 above a floor of 1.0 no method can take more than a sixth, so a tenth of what there is to gain
    is a sixtieth of it. The share is the mean over the baseline's points of all seeds.
    """
    if not claim.margin.above:
        return claim
    found = []
    for seed in seeds:
        for _, theirs in comparison.pairs:
            key = (comparison.suite, seed, *theirs)
            whole, least = (values.get(metric, {}).get(key) for metric in (claim.metric, claim.margin.above))
            if whole is not None and least is not None:
                found.append(max(0.0, 1 - least / whole))
    if not found or not (share := sum(found) / len(found)):
        return claim
    size = claim.margin.size * share
    return claim.model_copy(update={"margin": claim.margin.model_copy(update={"relative": size})})
