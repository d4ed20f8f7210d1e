"""A command of each verb as one types it: the last line of its `--help`."""

CELL = "results/laptop/scratch/at/seed0/final/ddim-nfe10.json"
RUN = "results/laptop/scratch/at/seed0"
EXAMPLES = {
    "train": f"atbench train {RUN}",
    "take": "atbench take results/tour/scratch/at/seed0",
    "reference": "atbench reference scratch --scale laptop",
    "reconstruction": "atbench reconstruction latent-consistency --scale laptop",
    "evaluate": f"atbench evaluate {CELL}",
    "measure": f"atbench measure mismatch {RUN} --scale laptop",
    "tune": "atbench tune scratch --scale laptop",
    "report": "atbench report --scale laptop --released --html laptop.html",
    "status": "atbench status --scale laptop --suites scratch finetune",
    "watch": "atbench watch --scale laptop -- make reproduce",
    "tour": "atbench tour",
    "show": f"atbench show {CELL}",
    "jobs": "atbench jobs --scale paper",
    "estimate": "atbench estimate gpu --suites scratch",
    "compare": "atbench compare --scale laptop",
    "release": "atbench release --scale laptop --suites scratch finetune",
    "readme": "atbench readme",
    "schema": "atbench schema",
    "init": "atbench init my-study --images photos --size 32",
    "score": "atbench score samples.npz other.npz --csv numbers.csv --scale laptop",
    "export": f"atbench export {CELL} samples.npz --count 512",
    "import-weights": "atbench import-weights ema.pt model.pt results/my-checkpoint/imported/adm/seed0",
    "adopt": "atbench adopt my-checkpoint ema.pt model.pt --batches 450000 --run",
    "export-weights": f"atbench export-weights {RUN}/final at.pt",
    "check": "atbench check plugins/my_perturbation.py --option step=0.1",
    "new": "atbench new perturbation my-perturbation",
}
