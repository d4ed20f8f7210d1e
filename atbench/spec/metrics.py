"""The metrics of a cell, each declared once: in the file of `atbench/metrics/cell` that measures it.

Their declarations are read from the source, so that tables and configuration know them without torch.
"""

import ast
from pathlib import Path

from atbench.runtime.errors import unknown
from atbench.spec import metric
from atbench.spec.metric import HAS_SPATIAL, Metric
from atbench.spec.suite import SuiteSpec

ROOM = Path(__file__).parent.parent / "metrics" / "cell"
DECLARED = "METRICS"  # the tuple of a file's metrics

# A Frechet distance may be called FID only in the features of the 2015 Inception network: numbers of two
# extractors are not comparable, and one name for both would invite the comparison.
DISTANCE_NAMES = {"digits-cnn": "FD-digits", "effnet-lite0": "FD-effnet-lite0", "inception-2015": "FID"}
FEATURES = {"digits-cnn": 128, "effnet-lite0": 1280, "inception-2015": 2048}  # numbers that an image becomes
PER_FEATURE = 5  # real images that a covariance of these features wants: of fewer, a Frechet distance is no judge


def _declared() -> dict[str, tuple[Metric, ...]]:
    """Module of `atbench.metrics.cell` -> the metrics that it declares."""
    found = {}
    for file in sorted(ROOM.glob("[!_]*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == DECLARED:
                found[f"atbench.metrics.cell.{file.stem}"] = eval(ast.unparse(node.value), vars(metric))
    return found


# Module that measures them -> its metrics, in the order in which they stand in a record.
MEASURED_BY = dict(sorted(_declared().items(), key=lambda item: min(each.column for each in item[1])))
# Keys of one scored cell, in the order of the tidy file's columns. `_se` is a jackknife standard error; `_std` is only
# the spread over KID subsets or inception-score splits, which overlap or are small, and so no error of the mean.
METRICS = {
    each.name: each
    for each in sorted((m for metrics in MEASURED_BY.values() for m in metrics), key=lambda m: (m.column, m.name))
}
# Frechet distances to the training images in further features: an extractor's own, and those of `cross_checks`.
EXTRA_DISTANCES = ("sfid", "fid_legacy_tensorflow", "fid_clean")


def tabulated(suite: SuiteSpec) -> list[str]:
    """The metrics that a suite has a table of."""
    return [each.name for each in METRICS.values() if each.has_table and each.applies(suite)]


def metric_label(name: str, extractor: str) -> str:
    """What a metric of cells is called in tables: the main distance by its extractor."""
    return distance_name(extractor) if name == "fd" else METRICS[name].label


def images_wanted(extractor: str) -> int:
    """Real images below which a Frechet distance in these features gets no verdict; KID, which has no bias, leads."""
    return PER_FEATURE * FEATURES[extractor]


def distance_name(extractor_name: str) -> str:
    """What the key `fd` is called in tables, say "FD-digits" or "FID". Raises UserError for another extractor."""
    if extractor_name not in DISTANCE_NAMES:
        raise unknown("extractor", extractor_name, DISTANCE_NAMES)
    return DISTANCE_NAMES[extractor_name]


__all__ = ["HAS_SPATIAL", "METRICS", "Metric"]
