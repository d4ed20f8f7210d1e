"""The methods of a suite in the order of tables and legends, which is that of methods.yaml, and their budgets."""

from atbench.spec.benchmark import Suite
from atbench.spec.budget import Budget


def ordered(suite: Suite) -> list[str]:
    """The methods of a suite in the order of tables and legends."""
    return [name for name in suite.catalogue if name in suite.methods]


def budgets(suite: Suite) -> dict[str, Budget]:
    """The budget of every method of a suite, in the order of tables and legends."""
    return {method: suite.run(method, 0).budget() for method in ordered(suite)}
