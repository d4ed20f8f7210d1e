"""What judges the samples of a suite: its reference, the extractor, and the CLIP model of a text-to-image suite."""

import torch
from torch import Tensor

from atbench.data import coco
from atbench.metrics.clip_score import ClipScore
from atbench.metrics.extractors import PACKAGED, WANTED, load_extractor
from atbench.metrics.extractors.clean_fid import cross_checked
from atbench.metrics.features import Extractor
from atbench.metrics.reference import Reference
from atbench.metrics.stream import Scoring
from atbench.runtime.errors import UserError
from atbench.spec.judging import Judging
from atbench.spec.models.scale import Data
from atbench.spec.suite import SuiteSpec
from atbench.tasks.pretrained import CLEAN_FID_VARIABLE, CLIP_VARIABLE, EXTRACTOR_VARIABLE, path_in
from atbench.tasks.run_record import trained


class Judge:
    """Reference and extractor of a suite: what `Scores` are made with."""

    def __init__(self, judging: Judging, device: torch.device):
        suite, path = judging.suite, judging.reference_path()
        self.options = suite.evaluation.metrics
        self.reference = Reference.load(path)
        self.extractor = extractor_of(judging, device)
        if self.extractor.hash != self.reference.extractor_hash:
            raise UserError(f"{path}: made with another extractor; rebuild it")
        self.knows_classes = judging.knows_classes
        self.inputs = {"reference": self.reference.hash, "extractor": self.extractor.hash}
        self.prompts = prompts_of(suite.judged_by)
        self.clip = load_clip(suite, device)
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
    """Metrics of images that come piece by piece, and how well they show what was requested."""

    def __init__(self, judge: Judge):
        self.judge, self.scoring = judge, Scoring(judge.extractor, judge.reference, judge.options)
        self.requests: list[Tensor] = []
        self.clip: list[Tensor] = []

    def add(self, images: Tensor, requests: Tensor | None = None) -> None:
        """Take the next uint8 images (n, C, H, W) and what they are to show: classes or prompts (n,)."""
        self.scoring.add(images)
        if requests is None:
            return
        self.requests.append(requests)
        if self.judge.clip:
            texts = [self.judge.prompts.texts[row] for row in requests.tolist()]
            self.clip.append(self.judge.clip(images, texts))

    def finish(self) -> dict[str, float]:
        """The metrics of all images added."""
        classes = torch.cat(self.requests) if self.requests and self.judge.knows_classes else None
        return self.scoring.finish(classes, torch.cat(self.clip) if self.clip else None)


def extractor_of(judging: Judging, device: torch.device) -> Extractor:
    """The extractor that a suite is judged with: trained by its own run, or pretrained in an installed package or the
    file that ATBENCH_EXTRACTOR names; with clean-fid's features beside its own where the scale has `cross_checks`.

    Raises UserError when the run is stale or missing, the package is not installed or the variable is not set.
    """
    name, run, modes = judging.suite.extractor, judging.extractor, judging.suite.cross_checks
    if run is not None:
        trained(run)
        weights = run.address.weights()
    elif name in PACKAGED:
        weights = PACKAGED[name]()
    else:
        weights = path_in(EXTRACTOR_VARIABLE, f"extractor {name}: {WANTED[name]}")
    extractor = load_extractor(name, weights, device)
    return cross_checked(extractor, path_in(CLEAN_FID_VARIABLE, WANTED["clean-fid"]), modes) if modes else extractor


def prompts_of(data: Data) -> coco.Prompts | None:
    """The prompts of the images that a suite is judged by; None where these have none."""
    return coco.frozen(data) if data.name == "coco" else None


def load_clip(suite: SuiteSpec, device: torch.device) -> ClipScore | None:
    """The model of a suite's CLIP score; None where the suite has none."""
    if suite.evaluation.clip is None:
        return None
    what = f"suites.{suite.name}.evaluation.clip: {suite.evaluation.clip}"
    if prompts_of(suite.judged_by) is None:
        raise UserError(f"{what}: the images of judged_by have no prompts")
    return ClipScore(path_in(CLIP_VARIABLE, what), device)
