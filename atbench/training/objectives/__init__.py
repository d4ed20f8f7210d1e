"""Objectives by name. An objective freezes a batch (`draw`), gives one loss per sample (`losses`), and may act when a
run starts (`prepare`) and after every optimizer step (`after_update`); it knows nothing of perturbations beyond the
delta that it is handed.
"""

from atbench.spec.recipe import Recipe
from atbench.spec.signatures import find
from atbench.training.objectives.base import Objective


def make_objective(recipe: Recipe) -> Objective:
    """The objective of a recipe, a file of this folder. Raises UserError for an unknown one."""
    return find("training/objectives", "keywords", "objective", recipe.objective)(recipe, **recipe.options)
