"""What a check of a contract found, and how checks are run: what is broken is a line, never a traceback."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from atbench.runtime.errors import UserError, one_line

EXACT = 1e-12  # relative difference that float64 leaves an identity
Check = Callable[[], str]  # gives what was seen; raises Broken, or Skipped


class Broken(Exception):
    """The contract is broken; the message says how, and what would mend it."""


class Skipped(Exception):
    """There is nothing to check; the message says why."""


@dataclass(frozen=True)
class Finding:
    """One line of `atbench check`."""

    subject: str  # e.g. "perturbation uniform"
    check: str
    verdict: Literal["PASS", "FAIL", "SKIP"]
    reason: str

    def __str__(self) -> str:
        return f"{self.verdict}  {self.subject}: {self.check}: {self.reason}"


def findings(subject: str, checks: Mapping[str, Check]) -> list[Finding]:
    """What each check found, in their order."""
    return [_finding(subject, name, check) for name, check in checks.items()]


def _finding(subject: str, name: str, check: Check) -> Finding:
    try:
        return Finding(subject, name, "PASS", check())
    except Skipped as reason:
        return Finding(subject, name, "SKIP", str(reason))
    except (Broken, UserError) as reason:
        return Finding(subject, name, "FAIL", one_line(reason))
    except Exception as error:  # of the code under test
        return Finding(subject, name, "FAIL", one_line(f"{type(error).__name__}: {error}"))


def identities(found: Any) -> str:
    """The check of what a class or module claims by a function ``identities``: name -> two float64 tensors, equal."""
    claimed = getattr(found, "identities", None)
    if claimed is None:
        raise Skipped("claims none (a function `identities`: name -> two float64 tensors that are equal)")
    pairs = claimed()
    for name, (ours, theirs) in pairs.items():
        if ours.dtype != torch.float64 or theirs.dtype != torch.float64:
            raise Broken(f"{name}: {ours.dtype} and {theirs.dtype}, but an identity is shown in torch.float64")
        if ours.shape != theirs.shape:
            raise Broken(f"{name}: shapes {tuple(ours.shape)} and {tuple(theirs.shape)}")
        apart = ((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1)).item()
        if not apart <= EXACT:
            raise Broken(f"{name}: both sides differ by {apart:.2g} of their size, allowed: {EXACT:g}")
    return f"{', '.join(pairs)}: to {EXACT:g} in float64"
