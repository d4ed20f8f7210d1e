"""ATBench: a benchmark of adversarial training for diffusion and consistency models."""
