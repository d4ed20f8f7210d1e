#!/bin/bash
# docling-project/docling #4097, SFDO-Tooling/Snowfakery #516, awdeorio/mailmerge #93: CSV as Excel writes it, and as people edit it
. "$(dirname "$0")/../lib.sh" "$1"; sandbox
python > "$OUT" 2>&1 <<'PY'
import traceback
from field_cases import as_then as config
from atbench.runtime.errors import UserError
from atbench.judgement.published import published
row, bad, b = "suite,method,sampler,nfe,metric,value,source\nscratch,adm,ddim,5,fd,3.5,me\n", False, config.load("ci")
cases = {"BOM": row.encode("utf-8-sig"), "CRLF": row.replace("\n", "\r\n").encode(), "semicolons": row.replace(",", ";").encode(), "empty": b"", "Latin-1": row.replace("me", "M\u00fcller").encode("latin1"), "UTF-16": row.encode("utf-16"), "comma in the source": (row + "scratch,adm,ddim,10,fd,3.5,Table 2, row 3\n").encode(), "open quote": (row + 'scratch,adm,ddim,10,fd,3.5,"Table 2\n').encode()}
for what, content in cases.items():
    p = config.EXPERIMENTS / "paper" / "mine.csv"; p.write_bytes(content)
    try: print(what, "read,", len(published(b)), "rows")
    except UserError as e: ok = "mine.csv" in str(e); bad |= not ok; print(what, "refused:", str(e)[:120])
    except Exception as e: bad = True; print(what, "TRACEBACK", type(e).__name__, e)
    p.unlink()
print("FAIL" if bad else "PASS")
PY
cat "$OUT"; [ "$(tail -1 "$OUT")" = PASS ]; verdict $?
