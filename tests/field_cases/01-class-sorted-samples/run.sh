#!/bin/bash
# openai/guided-diffusion #153 (and #56): samples ordered by class are a normal way to save; the order must not change a score.
. "$(dirname "$0")/../lib.sh" "$1"; sandbox; base_of_ci
python - <<'PY'
import numpy as np
from pathlib import Path
from PIL import Image
from field_cases.as_then import load_images as load
s = load({"name": "digits"}, "train"); x, y = s.images.numpy(), s.labels.numpy()
rng = np.random.default_rng(0); pick = rng.permutation(len(x))[:1000]
x, y = x[pick].transpose(0, 2, 3, 1), y[pick]
np.savez("shuffled.npz", arr_0=x)
order = np.argsort(y, kind="stable"); np.savez("by-class.npz", arr_0=x[order])
for k, row in enumerate(order):
    f = Path("folder", str(y[row]), f"{k:05}.png"); f.parent.mkdir(parents=True, exist_ok=True); Image.fromarray(x[row, ..., 0]).save(f)
PY
for s in shuffled.npz by-class.npz folder; do try atbench score $s --scale ci --name n-${s%.npz}; done
python - <<'PY'
import json
fd = {n: json.load(open(f"results/ci/foreign/n-{n}.json"))["metrics"] for n in ("shuffled", "by-class", "folder")}
for n, m in fd.items(): print(n, {k: round(m[k], 3) for k in ("fd", "fd_se", "is", "precision", "recall")})
bad = [n for n in ("by-class", "folder") if fd[n]["fd"] > 1.5 * fd["shuffled"]["fd"]]
print("the same 1,000 images, another order, another distance:", bad or "no")
print("FAIL" if bad else "PASS")
PY
