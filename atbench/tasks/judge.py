"""What judges the samples of a suite: its reference, the extractor, and the CLIP model of a text-to-image suite."""

import torch
from torch import Tensor

from atbench import plan
from atbench.config import Benchmark
from atbench.data import coco
from atbench.metrics.clip_score import ClipScore
from atbench.metrics.reference import Reference
from atbench.metrics.stream import Scoring
from atbench.runtime.errors import UserError
from atbench.tasks.pretrained import CLIP_VARIABLE, path_in
from atbench.tasks.reference import at_home, scale_extractor


class Judge:
    """Reference and extractor of a suite: what `Scores` are made with."""

    def __init__(self, benchmark: Benchmark, suite: str, device: torch.device):
        self.options = plan.evaluation_of(benchmark, suite)["metrics"]
        path, data = plan.reference_path(benchmark, suite), plan.judged_by(benchmark, suite)
        self.reference = Reference.load(path)
        self.extractor = scale_extractor(benchmark, device)
        if self.extractor.hash != self.reference.extractor_hash:
            raise UserError(f"{path}: made with another extractor; rebuild it")
        self.knows_classes = at_home(benchmark, data)
        self.inputs = {"reference": self.reference.hash, "extractor": self.extractor.hash}
        self.prompts = prompts_of(data)
        self.clip = load_clip(benchmark, suite, device)
        if self.prompts:
            self.inputs |= {"prompts": self.prompts.hash}
        if self.clip:
            self.inputs |= {"clip": self.clip.hash}

    def score(self, images: Tensor) -> dict[str, float]:
        """Metrics of uint8 images (N, C, H, W) that are all there."""
        scores = Scores(self)
        scores.add(images)
        return scores.finish()


class Scores:
    """Metrics of images that come piece by piece, and how well they show what was asked for."""

    def __init__(self, judge: Judge):
        self.judge, self.scoring = judge, Scoring(judge.extractor, judge.reference, judge.options)
        self.asked: list[Tensor] = []
        self.clip: list[Tensor] = []

    def add(self, images: Tensor, asked: Tensor | None = None) -> None:
        """Take the next uint8 images (n, C, H, W) and what they were asked to show: classes or prompts (n,)."""
        self.scoring.add(images)
        if asked is None:
            return
        self.asked.append(asked)
        if self.judge.clip:
            texts = [self.judge.prompts.texts[row] for row in asked.tolist()]
            self.clip.append(self.judge.clip(images, texts))

    def finish(self) -> dict[str, float]:
        """The metrics of all images added."""
        metrics, features = self.scoring.finish()
        if self.asked and self.judge.knows_classes:
            shown = features.logits.argmax(1) == torch.cat(self.asked)
            metrics["caption_score"] = shown.float().mean().item()
        if self.clip:
            metrics["clip_score"] = torch.cat(self.clip).mean().item()
        return metrics


def prompts_of(data: dict) -> coco.Prompts | None:
    """The prompts of the images that a suite is judged by; None where these have none."""
    return coco.frozen(data) if data["name"] == "coco" else None


def load_clip(benchmark: Benchmark, suite: str, device: torch.device) -> ClipScore | None:
    """The model of a suite's CLIP score; None where the suite has none."""
    name = plan.evaluation_of(benchmark, suite).get("clip")
    if name is None:
        return None
    if prompts_of(plan.judged_by(benchmark, suite)) is None:
        raise UserError(f"suites.{suite}.evaluation.clip: {name}: the images of judged_by have no prompts")
    return ClipScore(path_in(CLIP_VARIABLE, f"suites.{suite}.evaluation.clip: {name}"), device)
