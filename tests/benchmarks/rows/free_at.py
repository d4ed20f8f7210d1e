"""Free adversarial training against as many plain updates: what delta costs beside its own rounds."""

from functools import partial

from atbench.training.loop import Trainer
from benchmarks import ours
from benchmarks.entries import Contest, Disagreement, Row, Setting
from benchmarks.method import Action

ROUNDS = 3  # K of the method `at`


def free_at(setting: Setting) -> Contest:
    """A batch of ADM-AT and three batches of ADM, from the same weights."""
    recipes = [ours.recipe_of("laptop", "scratch", method) for method in ("at", "adm")]
    free, plain = (ours.trainer_of(recipe, setting) for recipe in recipes)
    x0, labels = ours.batch_of(recipes[0], 64, setting.device)

    def plainly() -> None:
        for _ in range(ROUNDS):
            plain.train_batch(x0, labels)

    return Contest(
        ours=partial(free.train_batch, x0, labels),
        peer=plainly,
        agreement=lambda: same_updates((free, partial(free.train_batch, x0, labels)), (plain, plainly)),
        budget=setting.budget(15),
        counted=True,
    )


def same_updates(*sides: tuple[Trainer, Action]) -> str:
    """That a call of either makes as many updates and gradients. Raises Disagreement where it does not."""
    made = []
    for trainer, act in sides:
        before = dict(trainer.counts)
        act()
        made.append({key: trainer.counts[key] - before[key] for key in ("updates", "gradient_evals")})
    if made[0] != made[1]:
        raise Disagreement(f"{made[0]} against {made[1]}")
    return f"as many updates and backward passes, {made[0]['updates']} and {made[0]['gradient_evals']}"


ROWS = (
    Row(
        "free-at",
        "a batch of ADM-AT with K = 3 at `laptop`, against three batches of ADM",
        "`Trainer.train_batch` of the method `at`",
        "ours: three times that of the method `adm`",
        free_at,
    ),
)
