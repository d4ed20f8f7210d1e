"""What perturbations and objectives promise alike, tried on a trainer: draws by name, honest counts, continuation."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from atbench.contracts import bench
from atbench.contracts.bench import Seen
from atbench.contracts.finding import Broken
from atbench.models.checkpoints import read_torch, write_torch
from atbench.spec.models.methods import Method
from atbench.training.loop import Trainer

CLOSE = 1e-5  # to which rows agree that no other row may change
New = Callable[[], Trainer]


def determinism(new: New) -> str:
    """Two trainings are equal to the bit, whatever the global generator has given before."""
    weights, deltas = [], []
    for seed in (1, 2):
        trainer = new()
        seen = bench.recorded(trainer)
        torch.default_generator.manual_seed(seed)
        bench.run(trainer, 0, 2)
        weights.append([p.detach().clone() for p in trainer.parameters])
        deltas.append([delta for _, delta, _ in seen])
    for what, (ours, theirs) in (("delta", deltas), ("weights", weights)):
        if not all(map(torch.equal, ours, theirs)):
            raise Broken(f"{what} of two equal trainings differ: draw by atbench.rng with `names`, from nothing else")
    return "two trainings are equal to the bit"


def independence(new: New, rows: Callable[[Seen], list[torch.Tensor]]) -> str:
    """Row i of what a batch gives does not change with the other images of the batch."""
    found = []
    for changed in (False, True):
        trainer = new()
        seen = bench.recorded(trainer)
        trainer.train_batch(*bench.batch(0, changed=changed))
        found.append(rows(seen))
    apart = max((ours[1:] - theirs[1:]).abs().max().item() for ours, theirs in zip(*found))
    if not apart <= CLOSE:
        raise Broken(f"another first image changes what the others get, by up to {apart:.2g}")
    return "another first image changes nothing for the others"


def budget(new: New, method: Method) -> str:
    """What training counts is what the experiment files promise, and what the network was really asked."""
    trainer, batches, calls = new(), 2, 0

    def called(*_: object) -> None:
        nonlocal calls
        calls += 1

    trainer.model.register_forward_hook(called)
    bench.run(trainer, 0, batches)
    counted, promised = trainer.counts["forward_passes"] / batches, bench.passes_of(method)
    if counted != promised:
        mend = f"declare `passes: ClassVar[int] = {method.further_passes + counted - promised:g}`"
        raise Broken(f"{counted:g} forward passes a batch, promised: {promised}; {mend}")
    if calls < trainer.counts["gradient_evals"]:
        raise Broken(f"{calls} calls of the network for {trainer.counts['gradient_evals']} backward passes")
    return f"{promised} forward passes a batch, as promised"


def resume(new: New) -> str:
    """A training that is set aside and continued is, to the bit, one that was not."""
    straight, first, second = new(), new(), new()
    bench.run(straight, 0, 4)
    bench.run(first, 0, 2)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "state.pt")
        write_torch(file, first.state())
        second.load(read_torch(file, "training state"))
    bench.run(second, 2, 4)
    if not all(map(torch.equal, straight.parameters, second.parameters)):
        raise Broken("continued after two of four batches it ends elsewhere: `state` and `load` all that it keeps")
    kept = [name for name in ("perturbation", "objective") if first.state().get(name)]
    return f"continued to the bit; keeps {' and '.join(kept) or 'nothing'} between batches"
