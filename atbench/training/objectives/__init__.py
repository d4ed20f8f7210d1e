"""Objectives by name. An objective freezes a batch (`draw`), gives one loss per sample (`losses`), and may act when a
run starts (`prepare`) and after every optimizer step (`after_update`); it knows nothing of perturbations beyond the
delta that it is handed.
"""

from atbench.runtime.errors import UserError
from atbench.training.objectives.classify import Classify
from atbench.training.objectives.consistency import Consistency
from atbench.training.objectives.denoising import Denoising
from atbench.training.objectives.noise_prediction import NoisePrediction
from atbench.training.objectives.reconstruct import Reconstruct

OBJECTIVES = {
    "noise-prediction": NoisePrediction,
    "denoising": Denoising,
    "consistency": Consistency,
    "classify": Classify,
    "reconstruct": Reconstruct,
}


def make_objective(config: dict):
    """The objective of a run's training slice."""
    if config["objective"] not in OBJECTIVES:
        raise UserError(f"objective: {config['objective']!r} is unknown; known: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[config["objective"]](config)
