"""The metrics of a cell, each declared once: in the file of `atbench/metrics/cell`, or the plugin, that measures it.

Their declarations are read from the source, so that tables and configuration know them without torch.
"""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from atbench.runtime.errors import UserError, unknown
from atbench.spec import metric, plugins
from atbench.spec.metric import HAS_SPATIAL, Metric
from atbench.spec.plugins import Plugin
from atbench.spec.suite import SuiteSpec

ROOM = Path(__file__).parent.parent / "metrics" / "cell"
DECLARED = "METRICS"  # the tuple of a file's metrics
NAME = re.compile("[a-z][a-z0-9_]*")  # it stands in names of files and columns

# A Frechet distance may be called FID only in the features of the 2015 Inception network: numbers of two
# extractors are not comparable, and one name for both would invite the comparison.
DISTANCE_NAMES = {
    "digits-cnn": "FD-digits",
    "dinov2-vit-l-14": "FD-dinov2",
    "effnet-lite0": "FD-effnet-lite0",
    "fashion-cnn": "FD-fashion",
    "inception-2015": "FID",
}
FEATURES = {
    "digits-cnn": 128,
    "dinov2-vit-l-14": 1024,
    "effnet-lite0": 1280,
    "fashion-cnn": 128,
    "inception-2015": 2048,
}  # numbers that an image becomes
PER_FEATURE = 5  # real images that a covariance of these features wants: of fewer, a Frechet distance is no judge


@dataclass(frozen=True)
class Measuring:
    """A file that measures metrics."""

    metrics: tuple[Metric, ...]
    module: str  # dotted, of the package
    plugin: Plugin | None = None  # instead of that

    def load(self) -> Any:
        """The module, with its function `measure`."""
        return self.plugin.load() if self.plugin else importlib.import_module(self.module)


def measuring() -> tuple[Measuring, ...]:
    """The files that measure metrics, in the order in which these stand in a record.

    Raises UserError for a plugin that declares what is no metric, or one of a name that is taken.
    """
    return _measuring(plugins.present())


@cache
def _measuring(present: tuple[Plugin, ...]) -> tuple[Measuring, ...]:
    found = list(_own())
    for plugin in present:
        if (metrics := _of_plugin(plugin)) is not None:
            taken = {each.name for other in found for each in other.metrics}
            for each in metrics:
                if each.name in taken:
                    raise UserError(f"{plugin}: {DECLARED}: there is a metric {each.name!r} already")
                taken.add(each.name)
            found.append(Measuring(metrics, str(plugin), plugin))
    return tuple(sorted(found, key=lambda each: min(one.column for one in each.metrics)))


@cache
def _own() -> tuple[Measuring, ...]:
    """Those of the package."""
    found = []
    for file in sorted(ROOM.glob("[!_]*.py")):
        for node in _declarations(ast.parse(file.read_text(encoding="utf-8"))):
            found.append(Measuring(_metrics(node), f"atbench.metrics.cell.{file.stem}"))
    return tuple(found)


def _of_plugin(plugin: Plugin) -> tuple[Metric, ...] | None:
    """The metrics that a plugin declares; None for one that declares none."""
    for node in _declarations(plugin.tree):
        try:
            metrics = _metrics(node)
        except Exception as error:
            raise UserError(f"{plugin}: {DECLARED}: {error}: write names of atbench.spec.metric there") from error
        if not isinstance(metrics, tuple) or not metrics or not all(isinstance(each, Metric) for each in metrics):
            raise UserError(f"{plugin}: {DECLARED}: must be a tuple of metrics, such as (Metric(...),)")
        for each in metrics:
            if not isinstance(each.name, str) or not NAME.fullmatch(each.name):
                raise UserError(f"{plugin}: {DECLARED}: {each.name!r}: must be lower-case letters, digits and _")
        if not any(isinstance(each, ast.FunctionDef) and each.name == "measure" for each in plugin.tree.body):
            raise UserError(f"{plugin}: declares {DECLARED} but has no function `measure`")
        return metrics
    return None


def _declarations(tree: ast.Module) -> Iterator[ast.Assign]:
    """Where a file declares its metrics."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == DECLARED:
            yield node


def _metrics(node: ast.Assign) -> tuple[Metric, ...]:
    return eval(ast.unparse(node.value), vars(metric))  # type: ignore[no-any-return]


class Metrics(Mapping[str, Metric]):
    """Keys of one scored cell, in the order of the tidy file's columns; those of plugins that there are included.

    `_se` is a jackknife standard error; `_std` is only the spread over KID subsets or inception-score splits, which
    overlap or are small, and so no error of the mean.
    """

    def __getitem__(self, name: str) -> Metric:
        return _by_name(plugins.present())[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_by_name(plugins.present()))

    def __len__(self) -> int:
        return len(_by_name(plugins.present()))

    def __or__(self, others: Mapping[str, Metric]) -> dict[str, Metric]:
        return {**self, **others}


@cache
def _by_name(present: tuple[Plugin, ...]) -> dict[str, Metric]:
    found = [each for measured in _measuring(present) for each in measured.metrics]
    return {each.name: each for each in sorted(found, key=lambda each: (each.column, each.name))}


METRICS = Metrics()
DISTANCE = "distance"  # in a claim: the one of these that leads at the scale
TRAINING, HELD_OUT = "fd", "fd_heldout"  # Frechet distances, by the images that samples are compared with
# Frechet distances to the training images in further features: an extractor's own, and those of `cross_checks`.
EXTRA_DISTANCES = ("sfid", "fid_legacy_tensorflow", "fid_clean")


def metric_hashes() -> dict[str, str]:
    """What digests and records say of metrics that come from plugins, which every cell has: name -> SHA-256."""
    return {
        f"metric {each.name}": measured.plugin.sha256
        for measured in measuring()
        if measured.plugin
        for each in measured.metrics
    }


def tabulated(suite: SuiteSpec) -> list[str]:
    """The metrics that a suite has a table of, that of its leading distance first."""
    found = [each.name for each in METRICS.values() if each.has_table and each.applies(suite)]
    return sorted(found, key=lambda name: name != suite.leads)


def metric_label(name: str, extractor: str) -> str:
    """What a metric of cells is called in tables: the distances by their extractor."""
    if name == HELD_OUT:
        return f"{distance_name(extractor)} to held-out images"
    return distance_name(extractor) if name == TRAINING else METRICS[name].label


def second(suite: SuiteSpec) -> str | None:
    """The distance beside the leading one, which a verdict has to stand by as well; None where training images lead."""
    return TRAINING if suite.leads == HELD_OUT else None


def images_wanted(extractor: str) -> int:
    """Real images below which a Frechet distance in these features gets no verdict; KID, which has no bias, leads."""
    return PER_FEATURE * FEATURES[extractor]


def distance_name(extractor_name: str) -> str:
    """What the key `fd` is called in tables, say "FD-digits" or "FID". Raises UserError for another extractor."""
    if extractor_name not in DISTANCE_NAMES:
        raise unknown("extractor", extractor_name, DISTANCE_NAMES)
    return DISTANCE_NAMES[extractor_name]


__all__ = ["HAS_SPATIAL", "METRICS", "Metric"]
