#!/bin/bash
# pytorch/pytorch #3805, Hzfinfdu/Diffusion-BERT #24 (module.), codefuse-ai/MFTCoder #20 (git-lfs pointer), facebookresearch/deit #173 (model, ema in one file)
# taken, or refused in a line that shows what is odd: the prefix, the pointer, the wrapper, the precision
. "$(dirname "$0")/../lib.sh" "$1"; sandbox
python > "$OUT" 2>&1 <<'PY'
import torch
from pathlib import Path
from field_cases.as_then import load
from atbench.runtime.errors import UserError
from atbench.models.checkpoints import fitting_network, read_checkpoint
from atbench.models.weights import build
net = load("ci").sizes["model"]; sd, bad = build("unet", net).state_dict(), False
def lfs(p): Path(p).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 228000000\n")
forms = {"module.": lambda p: torch.save({f"module.{k}": v for k, v in sd.items()}, p), "_orig_mod.": lambda p: torch.save({f"_orig_mod.{k}": v for k, v in sd.items()}, p),
         "'ema'|'model'": lambda p: torch.save({"model": sd, "ema": sd, "step": 7}, p), "float16": lambda p: torch.save({k: v.half() for k, v in sd.items()}, p),
         "git-lfs|Git LFS|pointer": lfs, "empty|0 bytes|zero": lambda p: Path(p).write_bytes(b"")}
import re
for shown, make in forms.items():
    make("c.pt")
    try: fitting_network(Path("c.pt"), read_checkpoint(Path("c.pt")), net, False); print(shown, "taken")
    except UserError as e: ok = bool(re.search(shown, str(e))); bad |= not ok; print(shown, "refused:", e, "" if ok else "<- does not show it")
print("FAIL" if bad else "PASS")
PY
cat "$OUT"; [ "$(tail -1 "$OUT")" = PASS ]; verdict $?
