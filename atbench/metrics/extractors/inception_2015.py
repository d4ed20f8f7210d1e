"""The 2015 Inception network of the published FID, as converted to PyTorch by torch-fidelity."""

from pathlib import Path

import torch
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

from atbench.metrics.extractors.released import check_released
from atbench.metrics.features import Extractor

RELEASED_NAME = URL_INCEPTION_V3.rsplit("/", 1)[-1]
# Pool features for distances; logits without their bias for the inception score, as in the original
# evaluator.
LAYERS = ["2048", "logits_unbiased"]
BLOCK = 64  # images per forward pass; each is resized to 299 x 299 inside


def load(path: Path, file_hash: str, device: torch.device) -> Extractor:
    """The extractor of the released weights file. Raises UserError naming any other file."""
    check_released(path, file_hash, RELEASED_NAME, URL_INCEPTION_V3)
    module = FeatureExtractorInceptionV3("inception-v3-compat", LAYERS, feature_extractor_weights_path=str(path))
    return Extractor("inception-2015", file_hash, module.eval().to(device), 3, None, BLOCK, device)
