"""The 2015 Inception network of the published FID, as converted to PyTorch by torch-fidelity."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, BasicConv2d, FeatureExtractorInceptionV3

from atbench.metrics.extractors.released import check_released
from atbench.metrics.features import Extractor

RELEASED_NAME = URL_INCEPTION_V3.rsplit("/", 1)[-1]
WANTED = f"its weights, the file {URL_INCEPTION_V3}"
# Pool features for distances; logits without their bias for the inception score, as in the original
# evaluator.
LAYERS = ["2048", "logits_unbiased"]
SIDE = FeatureExtractorInceptionV3.INPUT_IMAGE_SIZE  # pixels, to which images are resized inside
SPATIAL_CHANNELS = 7  # of 192, with 17 x 17 values each: 2023 features, about as many as are pooled
BLOCK, CPU_BLOCK = 64, 16  # images per forward pass; what a processor's cache holds takes it less time


class InceptionFeatures(nn.Module):
    """uint8 images (n, 3, H, W) -> pooled features (n, 2048), logits (n, 1008) and, for sFID, spatial ones (n, 2023).

    Layers and weights are torch-fidelity's, run for inference alone: batch norms are multiplied into the convolutions
    before them, and channels lie last in memory. Features move by their seventh digit.

    Spatial features are the first channels of `mixed_6/conv:0`, a layer's output behind its ReLU
    (openai/guided-diffusion:evaluations/evaluator.py). Here the layer is Mixed_6d.branch1x1, and not Mixed_6e: the
    original counts its blocks through, from zero (toshas/torch-fidelity:utils/util_convert_inception_weights.py). They
    come channel by channel, there pixel by pixel; no Frechet distance can tell.
    """

    def __init__(self, path: Path):
        super().__init__()
        network = FeatureExtractorInceptionV3("inception-v3-compat", LAYERS, feature_extractor_weights_path=str(path))
        for layer in network.eval().modules():
            if isinstance(layer, BasicConv2d):
                layer.conv, layer.bn = fuse_conv_bn_eval(layer.conv, layer.bn), nn.Identity()
        network.Mixed_6d.branch1x1.register_forward_hook(self._keep)
        self.classes = network.fc.weight
        self.layers = nn.Sequential(*(layer for layer in network.children() if layer is not network.fc))
        self.layers.to(memory_format=torch.channels_last).requires_grad_(False)

    def _keep(self, layer: nn.Module, arguments: tuple, output: Tensor) -> None:
        self.spatial = output[:, :SPATIAL_CHANNELS].flatten(1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        features = self.layers(resized(images.float()).sub_(128).div_(128)).flatten(1)
        return features, features @ self.classes.T, {"sfid": self.spatial}


def resized(images: Tensor) -> Tensor:
    """float32 (n, C, H, W) as TensorFlow 1 enlarges or shrinks to (n, C, SIDE, SIDE), without half-pixel centres.

    To the bit as torch_fidelity.interpolate_compat_tensorflow has it, which takes each row of pixels apart ten times.
    """
    return _along(_along(images, -1), -2)


def _along(images: Tensor, axis: int) -> Tensor:
    """Linear interpolation to SIDE along one axis."""
    count = images.shape[axis]
    at = torch.arange(SIDE, dtype=torch.float32, device=images.device) * torch.tensor(count / SIDE)
    below = at.long()
    share = (at - below).view([-1 if each == axis else 1 for each in range(-4, 0)])
    low = images.index_select(axis, below)
    between = images.index_select(axis, (below + 1).clamp_max(count - 1))
    return between.sub_(low).mul_(share).add_(low)


def load(path: Path, file_hash: str, device: torch.device) -> Extractor:
    """The extractor of the released weights file. Raises UserError naming any other file."""
    check_released(path, file_hash, RELEASED_NAME, URL_INCEPTION_V3)
    block = CPU_BLOCK if device.type == "cpu" else BLOCK
    return Extractor("inception-2015", file_hash, InceptionFeatures(path).to(device), 3, None, block, device)
