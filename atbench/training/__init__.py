"""Training: objectives x perturbations in one loop."""
