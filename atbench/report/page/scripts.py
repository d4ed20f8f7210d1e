"""What the page carries along: scripts of Vega and DataTables, and data, compressed; the browser unpacks them."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import itables.options
import vl_convert

VEGA = "window.vegaEmbed = vegaEmbed;"  # what the bundle of Vega does when it is loaded


def vega() -> str:
    """Vega, Vega-Lite and vega-embed as one module, packed."""
    return packed(vl_convert.javascript_bundle(VEGA))


def tables() -> tuple[str, str]:
    """DataTables as itables ships it: its module, packed, and its style sheet."""
    bundle = Path(itables.options.dt_bundle)
    return packed(bundle.read_text(encoding="utf-8")), bundle.with_suffix(".css").read_text(encoding="utf-8")


def data(content: dict[str, Any]) -> str:
    """Content for the page's own script, packed. Numbers that JSON does not know are left out."""
    return packed(json.dumps(content, separators=(",", ":"), allow_nan=False))


def packed(text: str) -> str:
    """gzip in base64: the same text gives the same bytes on one machine."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
