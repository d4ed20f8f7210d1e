"""Train one run: from its address to its snapshots, its final state and its log."""

import json
import math
import shutil
import time

import torch
from tqdm import tqdm

from atbench import plan, slices
from atbench.config import Benchmark
from atbench.data import ImageSet, captions, check_keys, load, text_images
from atbench.data.batches import Batches
from atbench.models.checkpoints import read_torch
from atbench.models.stable_diffusion import Pipeline
from atbench.models.weights import build, save_weights
from atbench.resources import time_limit
from atbench.rng import seed_of
from atbench.runtime import processes
from atbench.runtime.device import choose, cpu_seconds, describe
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest, write_atomically, write_json
from atbench.spec.address import FINAL, Run
from atbench.tasks.latents import EncodedBatches, EncodedPairs, encoded, load_autoencoder
from atbench.tasks.pretrained import load_pipeline, taught_by
from atbench.tasks.run_record import network_name, run_record
from atbench.training.loop import Trainer, TrainingFailure

LOG_EVERY = 20  # batches between lines of train.jsonl


def train(run: Run) -> None:
    """Train ``run`` and write its snapshots, ``state.pt``, ``train.jsonl`` and ``config.json``.

    Work in progress lives in ``<run>/resume/``, keyed by the configuration's digest: an interrupted job continues
    from its last snapshot, a changed configuration starts over. Raises UserError for bad input, a parent run of another
    configuration, or a loss that is not finite; then the last good state stays there with ``<run>/failure.json``; and
    when the time that ATBENCH_TIME_LIMIT allows is up.
    """
    deadline = time.monotonic() + 60 * time_limit(math.inf)
    benchmark = plan.of_run(run)
    if plan.checkpoint(benchmark, run):
        raise UserError(f"{run}: comes from a file, with `atbench import-weights`; there is nothing to train")
    config = slices.training_slice(benchmark, run)
    device = choose(benchmark.sizes["threads"])
    processes.join(device)
    pipeline = load_pipeline(benchmark, run.suite, device)
    images = training_images(benchmark, run, pipeline, device)
    trainer = new_trainer(config, images, device)
    startup = cpu_seconds()  # after the optimizer exists: making the first one imports half of torch's compiler
    parents = plan.parents(benchmark, run)
    for parent in parents.values() if pipeline else ():
        taught_by(parent, pipeline)
    start_from_parent(trainer, config, parents)
    scratch = Scratch(run, digest(config))
    scratch.restore(trainer)
    if processes.first():
        run.path.joinpath("failure.json").unlink(missing_ok=True)
    batches = batches_of(images, config)
    print(f"{run}: training on {describe(device)} from batch {trainer.counts['batches']}", flush=True)
    try:
        for step, end in config["snapshots"].items():
            if end <= trainer.counts["batches"] and scratch.holds(step):
                continue  # an interrupted job had come this far
            if not train_until(trainer, batches, end, scratch.log, deadline):
                scratch.keep_state(trainer)
                raise UserError(f"{run}: time is up at batch {trainer.counts['batches']}; the same command continues")
            scratch.keep(trainer, step)
    except TrainingFailure as failure:
        values = {k: repr(v) for k, v in failure.values.items()}
        if processes.first():
            write_json(run.path / "failure.json", {"method": run.method, "reason": str(failure), "values": values})
        raise UserError(f"{run}: method {run.method}: {failure}") from failure
    if processes.first():
        scratch.publish(trainer, config["snapshots"])
        seconds = {"startup": startup, "training": round(cpu_seconds() - startup, 3)}
        write_json(run.path / "config.json", run_record(config, images, trainer, seconds, device))
    processes.wait()


def training_images(
    benchmark: Benchmark, run: Run, pipeline: Pipeline | None, device: torch.device
) -> ImageSet | EncodedPairs:
    """The training split, as latents where the suite works in the latent space of an autoencoder.

    A pipeline brings its own autoencoder and goes with pairs of images and texts.
    """
    data, autoencoder = plan.data_of(benchmark, run.suite), plan.autoencoder_run(benchmark, run)
    if pipeline is not None:
        if data["name"] != text_images.NAME:
            raise UserError(f"data.name: {data['name']!r}: a pretrained network needs {text_images.NAME!r}")
        check_keys(data, text_images)
        return EncodedPairs(text_images.TextImages(data), pipeline)
    images = load(data, "train")
    return images if autoencoder is None else encoded(images, load_autoencoder(autoencoder, device))


def batches_of(images: ImageSet | EncodedPairs, config: dict) -> Batches | EncodedBatches:
    """The batches of a run, by their index alone."""
    names = (*config["seed_names"], "batches")
    if isinstance(images, EncodedPairs):
        if config["flip"]:
            raise UserError(
                "training.flip: true, allowed: false with image-text pairs, whose texts may say left or right"
            )
        return EncodedBatches(images, config["batch_size"], names)
    return Batches(images, config["batch_size"], names, config["flip"])


def new_trainer(config: dict, images: ImageSet | EncodedPairs, device: torch.device) -> Trainer:
    """A trainer with named initial or released weights. Raises UserError when network and images do not fit."""
    pipeline = images.pipeline if isinstance(images, EncodedPairs) else None
    given = pipeline.arguments() if pipeline else condition_arguments(config["conditional"], images)
    arguments = dict(config["network"]) | given
    if config["objective"] == "consistency" and "guidance" in config["distillation"]:
        arguments["guided"] = True
    wanted = (arguments.get("in_channels", arguments.get("channels")), *[arguments["image_size"]] * 2)
    if images.shape != wanted:
        raise UserError(f"data {images.name}: images of shape {images.shape}, but the model takes {wanted}")
    torch.manual_seed(seed_of(*config["seed_names"], "init"))  # initialisation knows only the global generator
    model = build(network_name(config), arguments)
    if pipeline:
        pipeline.fill(model)
    return Trainer(model, config | {"network": arguments}, device)


def condition_arguments(kind: bool | str, images: ImageSet) -> dict:
    """Constructor arguments of a network that is conditioned on the images' classes or captions of them."""
    if kind is False:
        return {}
    if not images.num_classes:
        raise UserError(f"data {images.name}: a conditional suite needs class sub-folders")
    if kind is True:
        return {"num_classes": images.num_classes}
    if images.class_names != captions.CLASS_NAMES:
        raise UserError(f"data {images.name}: there are captions for the digits only")
    return {"vocabulary": captions.VOCABULARY, "caption_length": captions.LENGTH}


def start_from_parent(trainer: Trainer, config: dict, parents: dict[str, Run]) -> None:
    """Load the state that a run ``continues``, or the weights that it has as ``init``."""
    for link, parent in parents.items():
        state = read_torch(parent.state, "training state")
        if state.get("digest") != config[link]["digest"]:
            raise UserError(f"{parent.state}: made by another configuration than the present one; rerun its training")
        if link == "continues":
            trainer.load(state)
        else:
            trainer.start_from(state, config["objective"] == state["objective_name"])


def train_until(trainer: Trainer, batches: Batches, end: int, log: list[dict], deadline: float) -> bool:
    """Train up to ``end`` batches in all, appending a line to ``log`` every LOG_EVERY batches.

    False when the ``deadline`` came first: some ``time.monotonic()``, or infinity.
    """
    start = trainer.counts["batches"]
    for index in tqdm(range(start, end), desc="batches", disable=None):
        looking = deadline < math.inf and index % LOG_EVERY == 0 and index > start
        if looking and any(processes.gather([time.monotonic() > deadline])):
            return False
        shown = trainer.train_batch(*batches.batch(index))
        if index % LOG_EVERY == 0 or index == end - 1:
            log.append(trainer.counts | {key: float(f"{value:.6g}") for key, value in shown.items()})
    return True


class Scratch:
    """The unpublished part of a run, ``<run>/resume/``: snapshots so far and the last good state.

    Outputs appear only when the whole run is done, because Snakemake deletes those of a failed job.
    """

    def __init__(self, run: Run, key: str):
        self.run, self.key = run, key
        self.folder = run.path / "resume"
        self.log: list[dict] = []

    def restore(self, trainer: Trainer) -> None:
        """Continue an interrupted run of the same configuration; throw away anything else."""
        state_file = self.folder / "state.pt"
        if state_file.exists():
            state = read_torch(state_file, "training state")
            if state.get("digest") == self.key:
                trainer.load(state)
                self.log = state["log"]
                return
        processes.wait()  # all have seen the same file
        if processes.first():
            shutil.rmtree(self.folder, ignore_errors=True)

    def holds(self, step: str) -> bool:
        """Whether a snapshot is set aside."""
        return (self.folder / f"{step}.safetensors").exists()

    def keep(self, trainer: Trainer, step: str) -> None:
        """Set aside the averaged weights of a snapshot and the state to continue from."""
        if processes.first():
            network = network_name(trainer.config)
            save_weights(self.folder / f"{step}.safetensors", trainer.ema.module, network, trainer.config["network"])
        self.keep_state(trainer)

    def keep_state(self, trainer: Trainer) -> None:
        """Set aside the state to continue from."""
        if processes.first():
            state = trainer.state() | {"digest": self.key, "log": self.log}
            write_atomically(self.folder / "state.pt", lambda temporary: torch.save(state, temporary))

    def publish(self, trainer: Trainer, snapshots: dict[str, int]) -> None:
        """Copy everything to its place, then forget the scratch folder: a kill in between loses nothing."""
        for step in snapshots:
            weights = self.run.weights(step)
            weights.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.folder / f"{step}.safetensors", weights)
        shutil.copyfile(self.folder / "state.pt", self.run.state)
        lines = "".join(json.dumps(line) + "\n" for line in self.log)
        write_atomically(self.run.path / FINAL / "train.jsonl", lambda temporary: temporary.write_text(lines))
        shutil.rmtree(self.folder)
