#!/bin/bash
# snakemake/snakemake #2981, ylab-hi/ScanNeo2 #80: a declared file whose path has a space or a bracket
. "$(dirname "$0")/../lib.sh" "$1"; sandbox; bad=0
mkdir -p "my weights (v1)"
python - <<'PY'
import hashlib, torch, yaml
from field_cases.as_then import load
from atbench.models.weights import build
m = build("unet", load("ci").sizes["model"]); f = "my weights (v1)/ema_0.9999_010000.pt"; torch.save(m.state_dict(), f)
h = hashlib.sha256(open(f, "rb").read()).hexdigest()
open("experiments/scales/mine.yaml", "w").write(f"extends: ci\nsuites:\n  imported: {{seeds: [0], imported: {{adm: {{batches: 10, ema: {{path: '{f}', sha256: {h}}}}}}}}}\n")
PY
SHOW=8 try snakemake --cores 1 results/mine/imported/adm/seed0/config.json --config scale=mine "suites=[imported]"
[ $RC = 0 ] && [ -e results/mine/imported/adm/seed0/config.json ]; verdict $?
