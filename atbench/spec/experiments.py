"""The experiment files at one scale, each valid by itself; what they must agree on is checked in `checks`."""

from collections.abc import Mapping
from dataclasses import dataclass

from atbench.spec.fields import Entry
from atbench.spec.models.evidence import ClaimsFile, ReviewsFile
from atbench.spec.models.methods import Method
from atbench.spec.models.samplers import Sampler
from atbench.spec.models.scale import ScaleFile
from atbench.spec.models.suites import SuiteFile
from atbench.spec.models.tuning import TuningFile


@dataclass(frozen=True)
class Experiments:
    """The files of experiments/, with those of one scale."""

    scale: str
    size: ScaleFile
    methods: Mapping[str, Method]
    samplers: Mapping[str, Sampler]
    suites: Mapping[str, SuiteFile]
    tuning: TuningFile
    claims: ClaimsFile
    reviews: ReviewsFile
    probes: Mapping[str, Entry]  # settings of the side measures

    @property
    def scale_file(self) -> str:
        """How messages name the scale's own file."""
        return f"experiments/scales/{self.scale}.yaml"
