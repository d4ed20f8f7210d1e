"""Forms of what the tuning searches found."""

from typing import Any

from atbench.spec.fields import Name
from atbench.spec.form import Digest, Form, Index


class TuningForm(Form):
    """A tuning search."""

    suite: Name
    metric: str
    seed: Index
    seeds: list[Index] | None = None
    methods: dict[Name, list[dict[str, float | dict[str, float]]]]
    winners: dict[Name, dict[str, float]]
    configs: dict[Name, Digest]


class SamplerTuningForm(Form):
    """A search for the constants of samplers."""

    suite: Name
    metric: str
    seed: Index
    seeds: list[Index] | None = None
    samplers: dict[Name, list[dict[str, Any]]]
    winners: dict[Name, dict[str, Any]]
    best: dict[Name, Name]
    configs: dict[Name, Digest]
