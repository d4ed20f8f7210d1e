"""What judges the samples of a suite: its reference, the extractor, and the CLIP model of a text-to-image suite."""

import torch
from torch import Tensor

from atbench import plan
from atbench.config import Benchmark
from atbench.data import coco
from atbench.errors import UserError
from atbench.metrics.clip_score import ClipScore
from atbench.metrics.reference import Reference
from atbench.metrics.score import score
from atbench.tasks.pretrained import CLIP_VARIABLE, path_in
from atbench.tasks.reference import at_home, scale_extractor


class Judge:
    """Reference and extractor of a suite: scores images."""

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

    def score(self, images: Tensor, asked: Tensor | None = None) -> dict[str, float]:
        """Metrics of uint8 images (N, C, H, W), and how well they show what was asked for: classes or prompts (N,)."""
        features = self.extractor(images)
        metrics = score(images, features, self.reference, self.options)
        if asked is None:
            return metrics
        if self.knows_classes:
            metrics["caption_score"] = (features.logits.argmax(1) == asked).float().mean().item()
        if self.clip:
            texts = [self.prompts.texts[row] for row in asked.tolist()]
            metrics["clip_score"] = self.clip(images, texts).mean().item()
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
