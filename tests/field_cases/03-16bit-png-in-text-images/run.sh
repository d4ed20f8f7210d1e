#!/bin/bash
# python-pillow/Pillow #2574, #5991: the same file as a training image with a caption beside it
. "$(dirname "$0")/../lib.sh" "$1"; sandbox
python - > "$OUT" 2>&1 <<'PY'
import numpy as np
from pathlib import Path
from PIL import Image
Path("d").mkdir()
ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype("uint16")
for k in range(4): Image.fromarray(ramp).save(f"d/{k}.png"); Path(f"d/{k}.txt").write_text("a ramp")
from atbench.data.text_images import PairBatches
from field_cases.as_then import TextImages
from atbench.runtime.errors import UserError
try: x, _ = PairBatches(TextImages({"name": "text-images", "path": "d", "resolution": 64}), 2, ("s",)).batch(0)
except UserError as e: print("refused:", e); print("PASS"); raise SystemExit
x = x.float(); print("mean grey of a ramp from black to white:", x.mean().item(), "share of pure white:", (x == 255).float().mean().item())
print("PASS" if 100 < x.mean() < 155 else "FAIL")
PY
cat "$OUT"; [ "$(tail -1 "$OUT")" = PASS ]; verdict $?
