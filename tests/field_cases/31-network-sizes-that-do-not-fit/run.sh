#!/bin/bash
# crowsonkb/v-diffusion-pytorch #3, lucidrains/denoising-diffusion-pytorch #66, huggingface/diffusers #410
. "$(dirname "$0")/../lib.sh" "$1"; sandbox
python > "$OUT" 2>&1 <<'PY'
from field_cases.as_then import load
from atbench.runtime.errors import UserError
from atbench.models.weights import build
net, bad = dict(load("ci").sizes["model"]), False
for change in ({"image_size": 10, "channel_mult": [1, 2, 2]}, {"num_groups": 3}, {"channels_per_head": 3}, {"attention_resolutions": [5]}, {"channels": 10}, {"image_size": 28, "channel_mult": [1, 1, 1, 1], "attention_resolutions": [7]}):
    try: build("unet", net | change); print(change, "built"); bad = True
    except UserError as e: print(e)
    except Exception as e: print(change, "TRACEBACK", type(e).__name__, e); bad = True
print("FAIL" if bad else "PASS")
PY
cat "$OUT"; [ "$(tail -1 "$OUT")" = PASS ]; verdict $?
