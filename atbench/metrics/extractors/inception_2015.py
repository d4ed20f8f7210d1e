"""The 2015 Inception network of the published FID, as converted to PyTorch by torch-fidelity."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

from atbench.metrics.extractors.released import check_released
from atbench.metrics.features import Extractor

RELEASED_NAME = URL_INCEPTION_V3.rsplit("/", 1)[-1]
WANTED = f"its weights, the file {URL_INCEPTION_V3}"
# Pool features for distances; logits without their bias for the inception score, as in the original
# evaluator.
LAYERS = ["2048", "logits_unbiased"]
SPATIAL_CHANNELS = 7  # of 192, with 17 x 17 values each: 2023 features, about as many as are pooled
BLOCK = 64  # images per forward pass; each is resized to 299 x 299 inside


class InceptionFeatures(nn.Module):
    """uint8 images (n, 3, H, W) -> pooled features (n, 2048), logits (n, 1008) and, for sFID, spatial ones (n, 2023).

    Spatial features are the first channels of `mixed_6/conv:0`, a layer's output behind its ReLU
    (openai/guided-diffusion:evaluations/evaluator.py). Here the layer is Mixed_6d.branch1x1, and not Mixed_6e: the
    original counts its blocks through, from zero (toshas/torch-fidelity:utils/util_convert_inception_weights.py). They
    come channel by channel, there pixel by pixel; no Frechet distance can tell.
    """

    def __init__(self, path: Path):
        super().__init__()
        network = FeatureExtractorInceptionV3("inception-v3-compat", LAYERS, feature_extractor_weights_path=str(path))
        self.network = network.eval()
        self.network.Mixed_6d.branch1x1.register_forward_hook(self._keep)

    def _keep(self, layer: nn.Module, arguments: tuple, output: Tensor) -> None:
        self.spatial = output[:, :SPATIAL_CHANNELS].flatten(1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        features, logits = self.network(images)
        return features, logits, {"sfid": self.spatial}


def load(path: Path, file_hash: str, device: torch.device) -> Extractor:
    """The extractor of the released weights file. Raises UserError naming any other file."""
    check_released(path, file_hash, RELEASED_NAME, URL_INCEPTION_V3)
    return Extractor("inception-2015", file_hash, InceptionFeatures(path).to(device), 3, None, BLOCK, device)
