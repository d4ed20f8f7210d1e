"""The scale ci with training-free rivals in the grid of `scratch`, and the methods of the claims on them."""

from spoil import spoil

BEST = {"iddpm": "dcw-iddpm", "ddim": "es-ddim"}
PLAIN, RIVALS = ["iddpm", "ddim", "es"], ["es-ddim", "dcw-iddpm", "dcw-ddim"]
DCW = {"dcw": {"low": {5: 0.05, 10: 0.02}, "high": 0.0}}
SAMPLING = {"es-ddim": {"eps_scale": 1.006}, "dcw-iddpm": DCW, "dcw-ddim": DCW}
SEEDS = [0, 1, 2, 3, 4]


def with_rivals(folder, best=BEST):
    """Write them into ``folder``, a copy of the experiment files; ``best`` is what the scale names."""
    of_suite = {
        "rivals": RIVALS,
        "without": ["ip"],
        "controls": ["at-mid", "replay"],
        "sampling": SAMPLING,
        "seeds": SEEDS,
        "best_training_free": best,
    }
    spoil(folder / "suites/scratch.yaml", "samplers", PLAIN)
    for key, value in of_suite.items():
        spoil(folder / "scales/ci.yaml", "suites", "scratch", key, value)
