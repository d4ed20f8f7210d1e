"""How updates, sampling and evaluation grow: with the batch, the resolution, K, the block, the images."""

from functools import partial
from typing import Any

from atbench.data.samples_file import read_samples
from atbench.metrics.extractors import PACKAGED, load_extractor
from atbench.metrics.reference import build_reference
from atbench.metrics.stream import Scoring
from benchmarks import ours
from benchmarks.entries import Curve, Growth, Setting
from benchmarks.method import Action
from benchmarks.rows.images_to_metrics import options

LAPTOP = ("laptop", "scratch")


def updating(setting: Setting, batch: int, method: str = "adm", rounds: int | None = None, **network: Any) -> Action:
    """An update of a batch at laptop scale, with what is said otherwise."""
    recipe = ours.recipe_of(*LAPTOP, method, rounds=rounds, **network)
    return partial(ours.trainer_of(recipe, setting).train_batch, *ours.batch_of(recipe, batch, setting.device))


def by_batch(setting: Setting) -> Growth:
    """Images per batch."""
    sizes = (8, 64) if setting.quick else (1, 4, 16, 64, 256)
    return Growth({size: updating(setting, size) for size in sizes}, setting.budget(15))


def by_resolution(setting: Setting) -> Growth:
    """Pixels per side; attention at half of them."""
    sides = (8, 16) if setting.quick else (8, 16, 32, 64)
    shapes = {side: {"image_size": side, "attention_resolutions": [side // 2]} for side in sides}
    return Growth({side: updating(setting, 16, **shapes[side]) for side in sides}, setting.budget(20))


def by_rounds(setting: Setting) -> Growth:
    """K of free adversarial training."""
    rounds = (1, 3) if setting.quick else (1, 2, 3, 5, 8)
    return Growth({k: updating(setting, 64, "at", k) for k in rounds}, setting.budget(15))


def by_block(setting: Setting) -> Growth:
    """Images per pass of the network; time of all of them."""
    model = ours.trainer_of(ours.recipe_of(*LAPTOP), setting).model.eval()
    blocks = (16, 128) if setting.quick else (16, 64, 128, 256, 512)
    made = {block: ours.sampling_of(model, 10, block, setting) for block in blocks}
    return Growth({block: partial(generator, block) for block, generator in made.items()}, setting.budget(15))


def by_samples(setting: Setting) -> Growth:
    """PNG files down to every metric, with an extractor whose weights come in a package."""
    extractor = load_extractor("effnet-lite0", PACKAGED["effnet-lite0"](), "cpu")
    folder = ours.pictures(setting.scratch / "reference", 64 if setting.quick else 512)
    reference = build_reference(*(read_samples(folder),) * 2, extractor, "made-up", keep_images=False)
    actions = {}
    for count in (32, 64) if setting.quick else (128, 256, 512, 1024):
        samples = ours.pictures(setting.scratch / f"of-{count}", count)

        def score(samples=samples, count=count) -> None:
            scoring = Scoring(extractor, reference, options(min(count, len(reference.train))))
            scoring.add(read_samples(samples))
            scoring.finish()

        actions[count] = score
    return Growth(actions, setting.budget(60, least=1, most=2), warm=False)


CURVES = (
    Curve("update-by-batch", "update at `laptop`", "images per batch", by_batch),
    Curve(
        "update-by-resolution",
        "update at `laptop`, batch 16, attention at half the side",
        "pixels per side",
        by_resolution,
    ),
    Curve("update-by-rounds", "a batch of free adversarial training at `laptop`, batch 64", "K", by_rounds),
    Curve("sampling-by-block", "DDIM, 10 steps, at `laptop`", "images at once", by_block),
    Curve("evaluation-by-samples", "PNG files to all metrics, EfficientNet-Lite0 features", "images", by_samples),
)
