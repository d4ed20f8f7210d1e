"""What a metric is: its name and label, which values it can have, which is better, and which suites have it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from atbench.spec.suite import SuiteSpec

HAS_SPATIAL = ("inception-2015",)  # extractors with the features of sFID
KNOWS_NO_CLASSES = ("dinov2-vit-l-14",)  # extractors without logits


def everywhere(suite: "SuiteSpec") -> bool:
    """The cells of every suite have it."""
    return True


def has_spatial_features(suite: "SuiteSpec") -> bool:
    """The extractor has the features of sFID."""
    return suite.extractor in HAS_SPATIAL


def has_logits(suite: "SuiteSpec") -> bool:
    """The extractor is a classifier."""
    return suite.extractor not in KNOWS_NO_CLASSES


def is_judged_at_home(suite: "SuiteSpec") -> bool:
    """Samples are compared with the images that the suite trains on: only these can have been memorised."""
    return suite.judged_by.written() == suite.data.written()


def leads_by_heldout(suite: "SuiteSpec") -> bool:
    """Distances to held-out images stand first."""
    return suite.leads == "fd_heldout"


def has_clip(suite: "SuiteSpec") -> bool:
    """A CLIP model says whether images show their captions."""
    return suite.evaluation.clip is not None


def has_classes_alone(suite: "SuiteSpec") -> bool:
    """A class was requested of each image, and the extractor says whether the image shows it."""
    return bool(suite.conditional) and not has_clip(suite)


def where_asked(option: str) -> Callable[["SuiteSpec"], bool]:
    """The evaluation of a suite states this option of the metrics: no cell has them otherwise, and no digest moves."""
    return lambda suite: getattr(suite.evaluation.metrics, option) is not None


@dataclass(frozen=True)
class Metric:
    """One key of a scored cell. ``label`` is its name in tables; what brackets add to it is left out in a phrase."""

    name: str
    label: str
    better: Literal["lower", "higher", "towards one"]
    low: float = -math.inf  # least and greatest value that it can have
    high: float = math.inf
    unit: str = ""
    is_spread: bool = False  # beside the metric of its name: a standard error, or a spread that is none
    has_table: bool = False  # in the layout of the main one, for the suites that it applies to
    # What samples of the very law of the images have on average, where no sample can say: an unbiased estimate's is 0,
    # while images drawn from the reference itself come out below. None: the floor row is the mark.
    mark: float | None = None
    applies: Callable[["SuiteSpec"], bool] = everywhere
    rare: bool = False  # a column of the tidy file only where a cell has it
    column: int = 100  # its place among the columns of the tidy file; those of one place stand by name

    def loss(self, values: Any) -> Any:
        """How far ``values`` are from the best: the smaller, the better."""
        return {"lower": values, "higher": -values, "towards one": abs(values - 1)}[self.better]

    @property
    def phrase(self) -> str:
        """The label within a sentence, without what its brackets explain."""
        return self.label.split(" (")[0]


def share(name: str, label: str, **more: Any) -> Metric:
    """A share of images: the more, the better."""
    return Metric(name, label, "higher", 0, 1, has_table=True, **more)


def distance(name: str, label: str, **more: Any) -> Metric:
    """A squared distance of features."""
    return Metric(name, label, "lower", 0, unit="squared length in feature space", **more)


def spread(name: str, label: str, **more: Any) -> Metric:
    """What a metric of the same name is uncertain by."""
    return Metric(name, label, "lower", 0, is_spread=True, **more)
