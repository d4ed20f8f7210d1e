#!/bin/bash
# mseitzer/pytorch-fid #74 ("PNG in one folder, JPG in the other: does the score make sense?"), GaParmar/clean-fid on compression: a lossy folder is no longer the model's samples; if that moves the distance by more than 5 %, it must be refused or said
. "$(dirname "$0")/../lib.sh" "$1"; sandbox; base_of_ci
python - <<'PY'
from pathlib import Path
from PIL import Image
from field_cases.as_then import load_images as load
x = load({"name": "digits"}, "train").images[:192, 0].numpy()
for kind in ("png", "jpg"):
    Path(kind).mkdir()
    for k, row in enumerate(x): Image.fromarray(row).save(f"{kind}/{k:03}.{kind}")
PY
try atbench score png --scale ci --name as-png; try atbench score jpg --scale ci --name as-jpg; said=1; says 'jpe?g.*(lossy|compress)|lossy|compress' && said=0
[ $RC != 0 ] && said=0
python -c "
import json
a, b = (json.load(open(f'results/ci/foreign/as-{k}.json'))['metrics']['fd'] for k in ('png', 'jpg')); print('fd of the same 192 images: png', round(a, 3), 'jpg', round(b, 3)); raise SystemExit(abs(a - b) > 0.05 * a)" && said=0
verdict $said
