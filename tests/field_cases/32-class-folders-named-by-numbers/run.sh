#!/bin/bash
# pytorch/vision #714, CSAILVision/places365 #22: folders 0..11 sort as 0, 1, 10, 11, 2: label and name must still agree
. "$(dirname "$0")/../lib.sh" "$1"; sandbox
python > "$OUT" 2>&1 <<'PY'
import numpy as np
from pathlib import Path
from PIL import Image
for k in range(600): p = Path("d", str(k % 12), f"{k}.png"); p.parent.mkdir(parents=True, exist_ok=True); Image.fromarray(np.full((8, 8), 20 * (k % 12), "uint8")).save(p)
from field_cases.as_then import load_images as load
s = load({"name": "image-folder", "path": "d", "resolution": 8, "channels": 1}, "train")
ok = all(int(s.class_names[l]) * 20 == int(x[0, 0, 0]) for x, l in zip(s.images, s.labels)); print(s.class_names, ok)
print("PASS" if ok else "FAIL")
PY
tail -2 "$OUT"; [ "$(tail -1 "$OUT")" = PASS ]; verdict $?
