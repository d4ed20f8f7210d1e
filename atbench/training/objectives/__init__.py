"""Objectives by name. An objective freezes a batch (`draw`), gives one loss per sample (`losses`), and may act after
every optimizer step (`after_update`); it knows nothing of perturbations beyond the delta it is handed."""

from atbench.errors import UserError
from atbench.training.objectives.classify import Classify
from atbench.training.objectives.noise_prediction import NoisePrediction

OBJECTIVES = {"noise-prediction": NoisePrediction, "classify": Classify}


def make_objective(config: dict):
    """The objective of a run's training slice."""
    if config["objective"] not in OBJECTIVES:
        raise UserError(f"objective: {config['objective']!r} is unknown; known: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[config["objective"]](config)
