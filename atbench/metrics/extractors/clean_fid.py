"""clean-fid's Inception beside an extractor: FID by another's code and another way to resize, as a check."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from cleanfid.downloads_helper import inception_url
from cleanfid.inception_torchscript import InceptionV3W
from cleanfid.resize import build_resizer
from torch import Tensor, nn

from atbench.metrics.features import Extractor
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest, file_hash

RELEASED_NAME = inception_url.rsplit("/", 1)[-1]  # clean-fid looks for exactly this name in a folder
WANTED = f"clean-fid's Inception, the file {inception_url}"
INSIDE = "legacy_tensorflow"  # the mode in which the network resizes, as TensorFlow did; "clean" leaves it to Pillow


class CrossChecked(nn.Module):
    """An extractor's module, and beside its extra features those of clean-fid, (n, 2048) under `fid_<mode>`."""

    def __init__(self, module: nn.Module, file: Path, modes: Sequence[str]):
        super().__init__()
        self.module, self.modes = module, modes
        network = InceptionV3W(str(file.parent), download=False).eval()
        self.network = network.to(memory_format=torch.channels_last)  # two thirds of the time on a CPU

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        features, logits, *extra = self.module(images)
        checks = {}
        for mode in self.modes:
            self.network.resize_inside = mode == INSIDE  # one network for both: they differ in this alone
            checks[f"fid_{mode}"] = self.network(resized(images, mode))
        return features, logits, dict(*extra) | checks


def resized(images: Tensor, mode: str) -> Tensor:
    """uint8 (n, 3, H, W) as `mode` hands them to the network, float32 in 0..255: one by one, on the CPU, as there."""
    resize = build_resizer(mode)
    pictures = [torch.from_numpy(resize(picture)) for picture in images.permute(0, 2, 3, 1).cpu().numpy()]
    return torch.stack(pictures).permute(0, 3, 1, 2).float().to(images.device)


def cross_checked(extractor: Extractor, file: Path, modes: Sequence[str]) -> Extractor:
    """The extractor with clean-fid's features in `modes`; its hash is of both files. Raises UserError for a bad one."""
    if file.name != RELEASED_NAME:
        raise UserError(f"{file}: clean-fid reads its Inception under the name {RELEASED_NAME} only")
    both = digest([extractor.hash, file_hash(file)])
    try:
        module = CrossChecked(extractor.module, file, modes).to(extractor.device)
    except RuntimeError as error:
        raise UserError(f"{file}: no TorchScript of an Inception network ({str(error).splitlines()[0]})") from error
    return replace(extractor, hash=both, module=module)
