"""Free adversarial training against as many plain updates: what delta costs beside its own rounds."""

from functools import partial

from atbench.training.loop import Trainer
from benchmarks import ours
from benchmarks.entries import Contest, Disagreement, Row, Setting

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
        agreement=lambda: same_updates(free, plain),
        budget=setting.budget(15),
        counted=True,
    )


def same_updates(free: Trainer, plain: Trainer) -> str:
    """That both made the same number of updates and gradients. Raises Disagreement where they did not."""
    counts = [{key: trainer.counts[key] for key in ("updates", "gradient_evals")} for trainer in (free, plain)]
    if counts[0] != counts[1]:
        raise Disagreement(f"{counts[0]} against {counts[1]}")
    return f"as many updates and backward passes: {counts[0]['updates']:,}"


ROWS = (
    Row(
        "free-at",
        "a batch of ADM-AT with K = 3 at `laptop`, against three batches of ADM",
        "`Trainer.train_batch` of the method `at`",
        "ours: three times that of the method `adm`",
        free_at,
    ),
)
