#!/bin/bash
# tqwei05/PlantSeg #6, pedropro/TACO #46, cocodataset/cocoapi #462 (COCO files with missing or repeated entries); UTF-8 BOM: docling-project/docling #4097
. "$(dirname "$0")/../lib.sh" "$1"; sandbox
python > "$OUT" 2>&1 <<'PY'
import json, numpy as np
from pathlib import Path
from PIL import Image
from atbench.data import coco
from atbench.runtime.errors import UserError
bad = False
def check(what, edit, silent):
    global bad
    a = {"images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(4)], "annotations": [{"id": i, "image_id": i, "caption": f"caption {i}"} for i in range(4)]}
    edit(a); Path("c.json").write_text(json.dumps(a))
    try: found = coco.annotations(Path("c.json"))
    except UserError as e: print(what, "refused:", e); return
    wrong = silent(*found); bad |= wrong; print(what, "taken as", found, "<- WRONG" if wrong else "")
check("null caption", lambda a: a["annotations"][1].__setitem__("caption", None), lambda n, c: "None" in c.get(1, []))
check("caption that is a list", lambda a: a["annotations"][1].__setitem__("caption", ["a", "b"]), lambda n, c: any(t.startswith("[") for t in c.get(1, [])))
check("two images of one id", lambda a: a["images"].append({"id": 1, "file_name": "other.jpg"}), lambda n, c: n[1] != "1.jpg" or len(n) == 4)
from field_cases.as_then import TextImages
Path("d").mkdir(); Image.fromarray(np.zeros((16, 16, 3), "uint8")).save("d/0.png"); Path("d/0.txt").write_bytes("a cat".encode("utf-8-sig"))
try:
    got = TextImages({"name": "text-images", "path": "d", "resolution": 16}).pair(0).caption; print("caption with BOM:", ascii(got)); bad |= got != "a cat"
except UserError as e: print("refused:", e)
print("FAIL" if bad else "PASS")
PY
cat "$OUT"; [ "$(tail -1 "$OUT")" = PASS ]; verdict $?
