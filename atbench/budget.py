"""What training costs: batches, and forward passes of the network. No torch: the Snakefile imports this module."""

from atbench.config import Benchmark

PASSES_PER_UPDATE = 3  # forward passes: one forward, and a backward pass that counts as two
TEACHER_CALLS = {"vp": 1, "ve": 2}  # network evaluations of one solver step: DDIM, Heun


def batches(benchmark: Benchmark, size: dict, method: dict) -> int:
    """Batches that a method trains on in a suite of ``size``, those of the run that it continues included."""
    budget = method.get("budget", 1)
    if isinstance(budget, dict):  # as many as cost what another method's cost
        distillation = size["training"]["distillation"]
        costs = [passes_per_batch(m, distillation) for m in (benchmark.methods[budget["passes_of"]], method)]
        return round(size["batches"] * costs[0] / costs[1])
    return size["batches"] * budget


def updates_per_batch(method: dict) -> int:
    """Optimizer steps that a method takes on a batch: free adversarial training one in every round, PGD in the last."""
    perturbation = method["perturbation"]
    return perturbation.get("inner_steps", 1) if perturbation.get("free", True) else 1


def passes_per_batch(method: dict, distillation: dict | None) -> int:
    """Cost of a training batch in forward passes of the network; a backward pass counts as two.

    The student's 3 for each update, 2 for a round that only moves delta; and in distillation the teacher's step and the
    target: once a batch where delta moves the student's input alone, once a round where the target follows it (protocol
    section 8).
    """
    rounds, updates = method["perturbation"].get("inner_steps", 1), updates_per_batch(method)
    student = PASSES_PER_UPDATE * updates + (PASSES_PER_UPDATE - 1) * (rounds - updates)
    if distillation is None:
        return student
    teacher = TEACHER_CALLS[distillation["grid"]["parametrisation"]] * (2 if "guidance" in distillation else 1) + 1
    if method.get("delta_on") == "solution":  # the target there and back, but for the last delta
        return student + teacher + 3 * (rounds - 1) + 1
    return student + teacher * (rounds if method["perturbation"].get("follow") else 1)
