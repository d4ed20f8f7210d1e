"""The side measures: each module of `atbench.probes` declares one, with the type of its file in experiments/.

The modules are found by their files and imported by name, so that a new side measure needs no line anywhere else.
"""

import importlib
from functools import cache
from pathlib import Path
from typing import Any

from atbench.spec.fields import Entry

ROOM = Path(__file__).parent.parent / "probes"
BASE = "base"  # what all of them share; no side measure


@cache
def modules() -> dict[str, str]:
    """Name of a side measure -> its module, from the files of the room alone."""
    names = sorted(
        path.stem
        for path in ROOM.iterdir()
        if not path.name.startswith("_") and (path.is_dir() or path.suffix == ".py")
    )
    return {name: f"atbench.probes.{name}" for name in names if name != BASE}


@cache
def probes() -> dict[str, Any]:
    """Name -> side measure, an instance of `atbench.probes.base.Probe`."""
    return {name: importlib.import_module(module).PROBE for name, module in modules().items()}


def probes_of_runs() -> dict[str, Any]:
    """Those that measure runs, instances of `atbench.probes.base.RunProbe`."""
    return {name: probe for name, probe in probes().items() if probe.subject == "run"}


def probes_of_scales() -> dict[str, Any]:
    """Those that measure a scale, instances of `atbench.probes.base.ScaleProbe`."""
    return {name: probe for name, probe in probes().items() if probe.subject == "scale"}


def settings_of_probes() -> dict[str, type[Entry]]:
    """Name of a side measure -> the type of experiments/<name>.yaml."""
    return {name: probe.settings_type for name, probe in probes().items()}
