#!/bin/bash
# mseitzer/pytorch-fid #13, bioinf-jku/TTUR #4, toshas/torch-fidelity #54: collapsed samples give NaN or complex FID
. "$(dirname "$0")/../lib.sh" "$1"; sandbox; base_of_ci
python - <<'PY'
import numpy as np
from field_cases.as_then import load_images as load
x = load({"name": "digits"}, "train").images.numpy().transpose(0, 2, 3, 1)
np.savez("black.npz", arr_0=np.zeros((192, 8, 8, 1), "uint8"))
np.savez("one.npz", arr_0=np.repeat(x[:1], 192, 0))
np.savez("three.npz", arr_0=np.tile(x[:3], (64, 1, 1, 1)))
np.savez("train.npz", arr_0=x)
PY
bad=0
for s in black one three train; do try atbench score $s.npz --scale ci --name c-$s; [ $RC = 0 ] && ! traceback || { bad=1; echo "^^^ $s"; }; done
python - <<'PY' || bad=1
import json, math, glob, sys
ok = True
for f in sorted(glob.glob("results/ci/foreign/c-*.json")):
    m = json.load(open(f))["metrics"]; print(f, {k: round(v, 4) for k, v in m.items()})
    ok &= all(math.isfinite(v) for v in m.values()) and m["fd"] > -1e-3 and abs(m["fd"] - m["fd_cleanfid"]) <= 0.01 * max(1, abs(m["fd"]))
sys.exit(not ok)
PY
verdict $bad
