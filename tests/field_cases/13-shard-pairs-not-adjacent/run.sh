#!/bin/bash
# webdataset/webdataset #140, #407; ray-project/ray #44068: files of a pair do not lie side by side in the tar
. "$(dirname "$0")/../lib.sh" "$1"; sandbox
python > "$OUT" 2>&1 <<'PY'
import io, tarfile, numpy as np
from pathlib import Path
from PIL import Image
Path("d").mkdir()
with tarfile.open("d/0000.tar", "w") as t:
    def put(name, data): i = tarfile.TarInfo(name); i.size = len(data); t.addfile(i, io.BytesIO(data))
    for k in range(8):
        b = io.BytesIO(); Image.fromarray(np.full((16, 16, 3), 30 * k, "uint8")).save(b, "png"); put(f"{k:04}.png", b.getvalue())
    for k in range(8): put(f"{k:04}.txt", f"grey {30*k}".encode())
from atbench.data.text_images import PairBatches
from field_cases.as_then import TextImages
from atbench.runtime.errors import UserError
try:
    b = PairBatches(TextImages({"name": "text-images", "path": "d", "resolution": 16}), 4, ("s",))
    for i in range(4):
        x, c = b.batch(i)
        assert [f"grey {int(v)}" for v in x[:, 0, 0, 0]] == c, c
except UserError as e: print("refused:", e)
print("PASS")
PY
tail -6 "$OUT"; [ "$(tail -1 "$OUT")" = PASS ]; verdict $?
