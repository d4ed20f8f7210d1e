"""What training costs: batches, and forward passes of the network. No torch: the Snakefile imports this module."""

from atbench.config import Benchmark

TEACHER_CALLS = {"vp": 1, "ve": 2}  # network evaluations of one solver step: DDIM, Heun


def batches(benchmark: Benchmark, size: dict, method: dict) -> int:
    """Batches that a method trains on in a suite of ``size``, those of the run that it continues included."""
    budget = method.get("budget", 1)
    if isinstance(budget, dict):  # as many as cost what another method's cost
        distillation = size["training"]["distillation"]
        costs = [passes_per_batch(m, distillation) for m in (benchmark.methods[budget["passes_of"]], method)]
        return round(size["batches"] * costs[0] / costs[1])
    return size["batches"] * budget


def passes_per_batch(method: dict, distillation: dict | None) -> int:
    """Cost of a training batch in forward passes of the network; a backward pass counts as two.

    The student's 3 for each of K inner updates, 2 for one that only moves delta; and in distillation the teacher's step
    and the target: once a batch where delta moves the student's input alone, once an inner update where the target
    follows it (protocol section 8).
    """
    updates = method["perturbation"].get("inner_steps", 1)
    student = 3 * updates if method["perturbation"].get("free", True) else 2 * (updates - 1) + 3
    if distillation is None:
        return student
    teacher = TEACHER_CALLS[distillation["grid"]["parametrisation"]] * (2 if "guidance" in distillation else 1) + 1
    if method.get("delta_on") == "solution":  # the target there and back, but for the last delta
        return student + teacher + 3 * (updates - 1) + 1
    return student + teacher * (updates if method["perturbation"].get("follow") else 1)
