"""Paired statistics over a handful of seeds: t-interval, Holm's correction, effect size, power.

Never a bootstrap: a percentile bootstrap over three seeds is their range, wrong in a quarter of all cases. Everything
here comes from scipy.special, because importing scipy.stats takes a second; a test holds it against scipy.stats.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln, nctdtr, nctdtrinc, stdtr, stdtrit

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE  # two-sided; corrected for the number of tests where verdicts are given
POWER = 0.8
MOST_SEEDS = 1000  # beyond this, "how many seeds would settle it" has no practical answer


def interval(values: Sequence[float]) -> tuple[float, float, int, float, float]:
    """mean, std (divisor n - 1), n and the bounds  mean -+ t_{n-1, 0.975} std / sqrt(n)  (NaN below two values)."""
    values = np.asarray(values, float)
    n = len(values)
    mean = float(values.mean()) if n else math.nan
    std = float(values.std(ddof=1)) if n > 1 else math.nan
    half = stdtrit(n - 1, (1 + CONFIDENCE) / 2) * std / math.sqrt(n) if n > 1 else math.nan
    return mean, std, n, mean - half, mean + half


def p_above(mean: float, std: float, n: int, threshold: float) -> float:
    """p against "the true mean is at most ``threshold``": twice the one-sided p of the t-test, capped at 1.

    Doubled so that p < 0.05 says the same as a two-sided 95 % interval that lies above the threshold; one-sided tests
    at half the two-sided level are the convention for non-inferiority too (ICH E9, 1998, section 5.5). NaN below two
    values.
    """
    if n < 2:
        return math.nan
    if std == 0:  # all seeds agree to the last digit
        return 0.0 if mean > threshold else 1.0
    t = (mean - threshold) / std * math.sqrt(n)
    return min(1.0, 2 * float(stdtr(n - 1, -t)))


def p_below(mean: float, std: float, n: int, threshold: float) -> float:
    """p against "the true mean is at least ``threshold``"; see `p_above`."""
    return p_above(-mean, std, n, -threshold)


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for their number, in their order (Holm 1979): valid whatever their dependence.

    The i-th smallest of m is multiplied by m - i + 1, capped at 1, and no correction may fall below a smaller one's.
    """
    corrected, worst = [math.nan] * len(p), 0.0
    for rank, place in enumerate(np.argsort(p, kind="stable")):
        worst = max(worst, min(1.0, (len(p) - rank) * p[place]))
        corrected[place] = worst
    return corrected


def hedges(mean: float, std: float, n: int) -> float:
    """Standardised mean of paired differences, mean / std, without the bias of few values (Hedges 1981).

    The factor is J = Gamma(f / 2) / (sqrt(f / 2) Gamma((f - 1) / 2)) with f = n - 1; NaN below three values.
    """
    if n < 3 or std == 0:
        return math.nan
    f = n - 1
    return mean / std * math.exp(gammaln(f / 2) - gammaln((f - 1) / 2)) / math.sqrt(f / 2)


def power(effect: float, std: float, n: int, level: float) -> float:
    """Probability that n seeds with a true mean ``effect`` above the threshold give `p_above` < ``level``."""
    below = float(nctdtr(n - 1, effect / std * math.sqrt(n), stdtrit(n - 1, 1 - level / 2)))
    return 1.0 if math.isnan(below) else 1 - below  # SciPy 1.17 gives a stray NaN where nothing is left below


def seeds_needed(effect: float, std: float, level: float, least: int) -> float:
    """Fewest seeds, ``least`` or more, that reach a power of 80 % if mean and std were true; inf above MOST_SEEDS."""
    if effect > 0 and std == 0:
        return least
    if not effect > 0 or power(effect, std, MOST_SEEDS, level) < POWER:
        return math.inf
    low, high = least, MOST_SEEDS
    while low < high:  # power grows with n
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, std, middle, level) >= POWER else (middle + 1, high)
    return low


def detectable(std: float, n: int, level: float) -> float:
    """The smallest true mean above the threshold that n seeds of this std find with a power of 80 %."""
    if n < 2:
        return math.nan
    return float(nctdtrinc(n - 1, 1 - POWER, stdtrit(n - 1, 1 - level / 2))) * std / math.sqrt(n)
