"""Feature extractors by name.

A new one is a module with `load(path, file_hash, device) -> Extractor`, a line here and in `atbench.spec.metrics`; one
whose weights are a file of an installed package says in PACKAGED where.
"""

from functools import partial
from pathlib import Path

import torch

from atbench.metrics.extractors import clean_fid, digits_cnn, dinov2, effnet_lite0, inception_2015
from atbench.metrics.features import Extractor
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash

EXTRACTORS = {
    "digits-cnn": digits_cnn.load,
    dinov2.NAME: dinov2.load,
    "effnet-lite0": effnet_lite0.load,
    "fashion-cnn": partial(digits_cnn.load, extractor="fashion-cnn"),
    "inception-2015": inception_2015.load,
}
# Files to fetch, and their source.
WANTED = {"clean-fid": clean_fid.WANTED, "inception-2015": inception_2015.WANTED, dinov2.NAME: dinov2.WANTED}
PACKAGED = {"effnet-lite0": effnet_lite0.packaged_weights}


def load_extractor(name: str, weights: Path | str, device: torch.device | str) -> Extractor:
    """The extractor `name` with the weights of one file, in evaluation mode on `device`.

    Raises UserError for an unknown name (listing the allowed ones) and for a file that is missing, truncated
    or does not hold weights of that network (naming the file).
    """
    if name not in EXTRACTORS:
        raise UserError(f"extractor: {name!r} is unknown; allowed: {', '.join(sorted(EXTRACTORS))}")
    return EXTRACTORS[name](Path(weights), file_hash(weights), torch.device(device))
