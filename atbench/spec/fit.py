"""What a suite's blocks must agree on, once they are resolved: images, network, objective, counts.

Everything here would stop a job some time after its start; nothing here opens a file. What cannot be known before
files are read (how many images a folder holds, the size of a pipeline's latents) is left to the jobs.
"""

from typing import Any

from atbench.runtime.errors import UserError, unknown
from atbench.spec import datasets, networks
from atbench.spec.benchmark import Benchmark, Suite
from atbench.spec.metrics import FEATURES
from atbench.spec.models.methods import CONSISTENCY, NOISE_PREDICTION
from atbench.spec.rivals import base_of
from atbench.spec.scales import at
from atbench.spec.score_options import largest
from atbench.spec.suite import SuiteSpec

CAPTION = "caption"  # `conditional` of a suite whose images are drawn for a caption


def suites(benchmark: Benchmark) -> None:
    """Raises UserError naming the file and key of the first block of a suite that does not fit the others."""
    for name in benchmark.suites:
        suite = benchmark.suite(name)
        _data(suite)
        _objectives(suite)
        _shapes(suite, benchmark)
        _condition(suite)
        _parents(suite, benchmark)
        _batches(suite)
        _best_training_free(suite)
        if suite.samplers:
            _judged(suite, benchmark)


def refuse(suite: SuiteSpec, key: str, reason: str) -> UserError:
    """The error for a key of a suite at its scale: the suite's own block where it has one there, else the scale's."""
    own = f"suites.{suite.name}.{key}"
    place: Any = suite.size.written()
    for part in key.split("."):
        if not isinstance(place, dict) or part not in place:
            own = key
            break
        place = place[part]
    if own == key and key.startswith("judged_by"):
        own = key.replace("judged_by", "data", 1)
    return UserError(f"{at(suite.scale, own)}: {reason}")


def suite_file(suite: SuiteSpec) -> str:
    return f"experiments/suites/{suite.name}.yaml"


def _data(suite: Suite) -> None:
    for block, data in (("data", suite.data), ("judged_by", suite.judged_by)):
        try:
            datasets.format_of(data)
        except UserError as error:
            key, reason = str(error).split(": ", 1)
            raise refuse(suite, f"{block}.{key}", reason) from error
    if suite.pretrained and suite.data.name != datasets.TEXT_IMAGES:
        raise refuse(suite, "data.name", f"{suite.data.name!r}: a pretrained network needs {datasets.TEXT_IMAGES!r}")
    if not suite.pretrained and datasets.TEXT_IMAGES in (suite.data.name, suite.data.format):
        raise refuse(suite, "data.name", f"{suite.data.name!r} goes with a pretrained network")
    if suite.pretrained and suite.samplers and suite.judged_by.name != datasets.COCO:
        raise refuse(suite, "judged_by.name", f"a pretrained network needs images with prompts, {datasets.COCO!r}")


def _objectives(suite: Suite) -> None:
    """What the methods of a suite need of its `training:` block and its network."""
    trained = {suite.method(name).objective: name for name in suite.methods}
    if CONSISTENCY in trained and suite.training.distillation is None:
        raise refuse(
            suite,
            "training.distillation",
            f"missing: {trained[CONSISTENCY]!r}, of the methods of {suite.name}, is distilled",
        )
    if CONSISTENCY in trained and suite.init in ("scratch", "imported"):
        raise UserError(f"{suite_file(suite)}: init: {suite.init}: {trained[CONSISTENCY]!r} needs a teacher")
    if NOISE_PREDICTION in trained and getattr(suite.network, "learn_sigma", True) is False:
        _without_variance(suite, trained[NOISE_PREDICTION])
    trains = [name for name in suite.methods if suite.method(name).budget != 0]
    if suite.pretrained and any(suite.method(name).objective != CONSISTENCY for name in trains):
        raise UserError(f"{suite_file(suite)}: methods: pretrained networks are only distilled")
    if suite.pretrained and suite.training.flip:
        raise refuse(suite, "training.flip", "true, allowed: false with image-text pairs, whose texts may say left")


def _without_variance(suite: Suite, method: str) -> None:
    """A network that predicts no variance is not trained here; one from a file is sampled with a fixed variance."""
    if not suite.is_imported:
        raise refuse(suite, "model.learn_sigma", f"false: {method!r} trains the variance too")
    for name in suite.samplers:
        if getattr(suite.sampler(name), "variance", "needs none") is None:
            where = at(suite.scale, f"suites.{suite.name}.sampling.{name}.variance")
            raise UserError(f"{where}: missing, but model.learn_sigma is false: 0 is the posterior's, 1 is beta_t")


def _best_training_free(suite: Suite) -> None:
    """What a scale names as the best correction of a sampler: one of it, and both are in the suite's grid there."""
    for base, best in suite.size.best_training_free.items():
        key = f"best_training_free.{base}"
        for name in (base, best):
            if name not in suite.samplers:
                raise refuse(suite, key, str(unknown("sampler of the suite at this scale", name, suite.samplers)))
        if base_of(best, suite.sampler_catalogue) != base:
            raise refuse(suite, key, f"{best!r} is no training-free correction of {base!r}")


def _shapes(suite: Suite, benchmark: Benchmark) -> None:
    """The network takes the images of its suite, or an autoencoder's latents of them."""
    if suite.pretrained or suite.is_imported:
        images = None if suite.pretrained else datasets.shape_of(suite.judged_by)
    else:
        images = datasets.shape_of(suite.data)
    if images is None:
        return
    wanted, what = images, f"the images (data.name: {suite.data.name})"
    if suite.is_latent:
        autoencoder = benchmark.suite(benchmark.autoencoder_run(suite).address.suite)  # type: ignore[union-attr]
        taken = networks.image_shape(networks.AUTOENCODER, dict(autoencoder.network))
        if taken != images:
            raise refuse(suite, "data", f"images of shape {images}, but the autoencoder takes {taken}")
        wanted, what = networks.latent_shape(dict(autoencoder.network)), "the latents"
    found = networks.image_shape(suite.network_kind, dict(suite.network))
    for key, own, other in zip(("in_channels", "image_size"), found, wanted):
        if own != other:
            name = "channels" if (suite.network_kind, key) == (networks.CLASSIFIER, "in_channels") else key
            raise refuse(suite, f"model.{name}", f"{own}: {what} are of shape {wanted} (channels, height, width)")


def _condition(suite: Suite) -> None:
    """Classes, captions and guidance by them exist."""
    known = datasets.format_of(suite.data).classes
    file = f"{suite_file(suite)}: conditional"
    if suite.pretrained:
        if suite.conditional != CAPTION:
            raise UserError(f"{file}: {suite.conditional}: a pretrained network is conditional on a {CAPTION!r}")
    elif suite.conditional is True and known == 0:
        raise UserError(f"{file}: true, but the images of {suite.data.name} have no classes")
    elif suite.conditional == CAPTION and known not in (10, None):
        raise refuse(suite, "data.name", f"{suite.data.name!r}: there are captions for the digits only")
    classes = getattr(suite.network, "num_classes", None)
    if classes is not None and known is not None and known > classes:
        raise refuse(suite, "model.num_classes", f"{classes}, but {suite.data.name} has {known} classes")
    distillation = suite.training.distillation
    guided = distillation is not None and distillation.guidance is not None
    if guided and suite.conditional != CAPTION:
        raise refuse(suite, "training.distillation.guidance", f"leads towards a {CAPTION}, and {suite.name} has none")


def _parents(suite: Suite, benchmark: Benchmark) -> None:
    """A run starts from weights of its own network; dropout alone is no part of them."""
    if suite.parent is None:
        return
    parent = benchmark.suite(suite.parent[0])
    own, other = dict(suite.network), dict(parent.network)
    differing = [name for name in own if name != "dropout" and own.get(name) != other.get(name)]
    if suite.network_kind != parent.network_kind:
        raise _at_init(
            suite, f"{suite.init} is a {parent.network_kind}, but {suite.name} trains a {suite.network_kind}"
        )
    if differing:
        name = differing[0]
        raise _at_init(suite, f"{suite.init} is of another network: {name} {other.get(name)!r} for {own[name]!r}")
    if suite.conditional != parent.conditional and not suite.pretrained:
        raise _at_init(
            suite, f"{suite.init} is conditional: {parent.conditional}, and {suite.name} {suite.conditional}"
        )


def _at_init(suite: Suite, reason: str) -> UserError:
    where = at(suite.scale, f"suites.{suite.name}.init") if suite.size.init else f"{suite_file(suite)}: init"
    return UserError(f"{where}: {reason}")


def _batches(suite: Suite) -> None:
    training, counts = suite.training, datasets.counts_of(suite.data)
    if suite.is_imported:
        return
    if counts and training.batch_size > counts[0]:
        raise refuse(
            suite, "training.batch_size", f"{training.batch_size}, but {suite.data.name} has {counts[0]} images"
        )
    if training.batch_size % training.micro_batches:
        reason = f"{training.micro_batches} does not divide the batch of {training.batch_size}"
        raise refuse(suite, "training.micro_batches", reason)
    for run in suite.runs():
        if run.trained_batches < 1 and run.method.budget != 0:
            name = run.address.method
            raise UserError(f"experiments/methods.yaml: {name}.budget: leaves no batch to train in {suite.name}")


def _judged(suite: Suite, benchmark: Benchmark) -> None:
    """Enough images, of the size that is judged, and options of the metrics that so many images allow."""
    evaluation, judged = suite.evaluation, suite.judged_by
    shape = datasets.shape_of(judged)
    if not suite.pretrained and not suite.is_imported and shape != datasets.shape_of(suite.data):
        other = datasets.shape_of(suite.data)
        raise refuse(suite, "judged_by", f"images of shape {shape}, but {suite.name} samples {other}")
    run = benchmark.extractor_run
    if run is not None:
        taken = networks.image_shape(networks.CLASSIFIER, dict(run.suite.network))
        if taken != shape:
            raise refuse(
                suite, "judged_by", f"images of shape {shape}, but the extractor {run.address.method} takes {taken}"
            )
    real = datasets.counts_of(judged) or (10**9, 10**9)
    for count in (evaluation.samples, real[1]):
        for key, most in largest(evaluation.metrics, count, real[0]).items():
            value = getattr(evaluation.metrics, key)
            if value > most:
                raise refuse(suite, f"evaluation.metrics.{key}", f"{value}, allowed: at most {most} of {count} images")
    if (asked := evaluation.metrics.extrapolation) and not FEATURES[suite.extractor] < asked.least < evaluation.samples:
        allowed = f"above {FEATURES[suite.extractor]} features and below {evaluation.samples} samples"
        raise refuse(suite, "evaluation.metrics.extrapolation.least", f"{asked.least}, allowed: {allowed}")
    if suite.pretrained and judged.prompts is not None and evaluation.samples > judged.prompts:
        reason = f"{evaluation.samples}, but there are {judged.prompts} prompts (judged_by.prompts)"
        raise refuse(suite, "evaluation.samples", reason)
    if evaluation.clip is not None and judged.name != datasets.COCO:
        raise refuse(suite, "evaluation.clip", "the images of judged_by have no prompts")
