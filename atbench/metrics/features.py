"""Features of images: the one thing that every metric but the memorisation ratio is computed from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from atbench.runtime.errors import UserError


@dataclass(frozen=True)
class Features:
    """What an extractor saw: features (n, d) and class logits (n, k), all float32 on the CPU.

    Under `extra` lie other features (n, s) by the name of the metric that is the Frechet distance in them.
    """

    features: Tensor
    logits: Tensor
    extra: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index) -> "Features":
        """The rows `index` (a slice or an index tensor) of every tensor."""
        extra = {name: rows[index] for name, rows in self.extra.items()}
        return Features(self.features[index], self.logits[index], extra)


@dataclass(frozen=True)
class Extractor:
    """A loaded feature extractor; calling it is `extract`."""

    name: str  # one of `atbench.metrics.extractors.EXTRACTORS`
    hash: str  # SHA-256 of the weights file, hexadecimal
    module: nn.Module  # uint8 NCHW -> (features, logits) or (features, logits, extra)
    channels: int
    image_size: int | None  # pixels per side; None: any, the network resizes
    block: int  # images per forward pass, always exactly this many
    device: torch.device

    def __call__(self, images_uint8: Tensor) -> Features:
        return extract(self, images_uint8)


@torch.no_grad()
def extract(extractor: Extractor, images_uint8: Tensor, batch: int | None = None) -> Features:
    """Features of uint8 images (n, C, H, W), in blocks of `batch` (by default the extractor's own size).

    CPU convolutions pick other kernels, hence other bits, at other batch sizes. Every pass therefore has
    exactly `batch` images, the last one padded with zeros, and image i has the same features however many are
    asked for. Raises UserError for another dtype, shape, or for no images at all, and for features that are
    not finite.
    """
    batch = extractor.block if batch is None else batch
    check_images(images_uint8, extractor.channels, extractor.image_size)
    blocks = [
        _on_cpu(*extractor.module(_padded(part, batch).to(extractor.device))) for part in images_uint8.split(batch)
    ]
    features = joined(blocks)[: len(images_uint8)]
    if not all(rows.isfinite().all() for rows in (features.features, features.logits, *features.extra.values())):
        raise UserError(f"extractor {extractor.name}, hash {extractor.hash[:8]}: features are not finite")
    return features


def joined(parts: Sequence[Features]) -> Features:
    """The rows of all parts in one."""
    extra = {name: torch.cat([part.extra[name] for part in parts]) for name in parts[0].extra}
    return Features(torch.cat([part.features for part in parts]), torch.cat([part.logits for part in parts]), extra)


def _on_cpu(features: Tensor, logits: Tensor, extra: Mapping[str, Tensor] = MappingProxyType({})) -> Features:
    return Features(features.float().cpu(), logits.float().cpu(), {k: rows.float().cpu() for k, rows in extra.items()})


def _padded(part: Tensor, batch: int) -> Tensor:
    return torch.cat([part, part.new_zeros(batch - len(part), *part.shape[1:])])


def check_images(images: Tensor, channels: int, image_size: int | None) -> None:
    """Raises UserError unless `images` is a non-empty uint8 tensor (n, channels, image_size, image_size)."""
    if images.dtype != torch.uint8:
        raise UserError(f"images: dtype {images.dtype}, allowed: torch.uint8 (0..255)")
    size = "any" if image_size is None else image_size
    expected = f"(n, {channels}, {size}, {size}) with n >= 1"
    if images.ndim != 4 or len(images) == 0 or images.shape[1] != channels:
        raise UserError(f"images: shape {tuple(images.shape)}, allowed: {expected}")
    if image_size is not None and images.shape[2:] != (image_size, image_size):
        raise UserError(f"images: shape {tuple(images.shape)}, allowed: {expected}")


def feature_rank(features: Features) -> float:
    """Effective rank of the feature covariance: exp(-sum_i p_i log p_i) with p_i = lambda_i / sum_j lambda_j.

    Between 1 and d. A value near 1 tells of collapsed features, on which no distance should be built. After
    Roy and Vetterli, "The effective rank" (EUSIPCO 2007), with covariance eigenvalues in place of singular
    values. Raises UserError when all features are equal or there are fewer than two.
    """
    values = features.features.double().numpy()
    if len(values) < 2 or np.ptp(values, axis=0).max() == 0:
        raise UserError(f"feature rank: {len(values)} feature vectors without any spread have no rank")
    spectrum = np.linalg.eigvalsh(np.cov(values, rowvar=False)).clip(min=0)
    p = spectrum[spectrum > 0] / spectrum.sum()
    return float(np.exp(-(p * np.log(p)).sum()))
