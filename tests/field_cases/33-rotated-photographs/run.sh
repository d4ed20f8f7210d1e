#!/bin/bash
# kohya-ss/sd-scripts #1316, huggingface/diffusers #3465: EXIF orientation of phone photographs; upright pixels
. "$(dirname "$0")/../lib.sh" "$1"; sandbox
python > "$OUT" 2>&1 <<'PY'
import numpy as np
from pathlib import Path
from PIL import Image
Path("d").mkdir(); ex = Image.Exif(); ex[274] = 6
for k in range(120): Image.fromarray(np.concatenate([np.zeros((16, 8), "uint8"), np.full((16, 8), 255, "uint8")], 1)).save(f"d/{k}.jpg", exif=ex)
from field_cases.as_then import load_images as load
x = load({"name": "image-folder", "path": "d", "resolution": 8, "channels": 1}, "train").images[0, 0].int(); print(x[:, 0].tolist(), x[0].tolist())
print("PASS" if x[0].max() < 40 and x[-1].min() > 215 else "FAIL")
PY
tail -2 "$OUT"; [ "$(tail -1 "$OUT")" = PASS ]; verdict $?
