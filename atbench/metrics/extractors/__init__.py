"""Feature extractors by name.

A new one is a module with `load(path, file_hash, device) -> Extractor`, a line here and in `atbench.metric_names`.
"""

from pathlib import Path

import torch

from atbench.errors import UserError
from atbench.metrics.extractors import digits_cnn, inception_2015
from atbench.metrics.features import Extractor
from atbench.records import file_hash

EXTRACTORS = {"digits-cnn": digits_cnn.load, "inception-2015": inception_2015.load}


def load_extractor(name: str, weights: Path | str, device: torch.device | str) -> Extractor:
    """The extractor `name` with the weights of one file, in evaluation mode on `device`.

    Raises UserError for an unknown name (listing the allowed ones) and for a file that is missing, truncated
    or does not hold weights of that network (naming the file).
    """
    if name not in EXTRACTORS:
        raise UserError(f"extractor: {name!r} is unknown; allowed: {', '.join(sorted(EXTRACTORS))}")
    return EXTRACTORS[name](Path(weights), file_hash(weights), torch.device(device))
