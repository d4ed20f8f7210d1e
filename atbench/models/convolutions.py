"""Convolutions of the ADM U-Net that a wide network does another way: equal but for rounding, and faster.

A wide network has channels innermost in memory (`models/unet.py`); a small one does them as they are written.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Resize(nn.Module):
    """Halve (2x2 average) or double (nearest) the resolution; ``None`` leaves it."""

    def __init__(self, direction: str | None):
        super().__init__()
        self.direction = direction

    def forward(self, x: Tensor) -> Tensor:
        if self.direction == "down":
            return F.avg_pool2d(x, 2)
        if self.direction == "up":
            return F.interpolate(x, scale_factor=2, mode="nearest")
        return x


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution: with channels innermost in memory a linear map of rows of pixels, which copies nothing."""

    def __init__(self, channels: int, out_channels: int):
        super().__init__(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        if channels_innermost(x):
            return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
        return super().forward(x)


class ResizedConv2d(nn.Conv2d):
    """A 3x3 convolution, padded by one pixel, of the resized input."""

    def __init__(self, channels: int, out_channels: int, resize: Resize):
        super().__init__(channels, out_channels, 3, padding=1)
        self.resize = resize

    def forward(self, x: Tensor) -> Tensor:
        if self.resize.direction == "up" and channels_innermost(x):
            return self.of_doubled(x)
        return super().forward(self.resize(x))

    def of_doubled(self, x: Tensor) -> Tensor:
        """The convolution of the doubled input in four ninths of the operations; equal but for rounding.

        Four new pixels stand for an old one. Each sees no more than 2x2 old pixels, so that the taps of its kernel that
        meet on one of them are added up beforehand.
        """
        pixels = []
        for top, rows in zip((1, 0), joined_taps(self.weight, 2), strict=True):
            for left, kernel in zip((1, 0), joined_taps(rows, 3), strict=True):
                padded = F.pad(x, (left, 1 - left, top, 1 - top))
                pixels.append(F.conv2d(padded, kernel, self.bias).permute(0, 2, 3, 1))
        n, h, w, c = pixels[0].shape
        grid = torch.stack(pixels, 3).view(n, h, w, 2, 2, c).transpose(2, 3)
        return grid.reshape(n, 2 * h, 2 * w, c).permute(0, 3, 1, 2)


def channels_innermost(x: Tensor) -> bool:
    """Whether the channels of images (N, C, H, W) lie side by side in memory, as a wide network has them."""
    return x.stride(1) == 1


def joined_taps(kernel: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """What three taps along a dimension are to old pixels: two taps for the first, two for the second of the new."""
    first, middle, last = kernel.unbind(dim)
    return torch.stack([first, middle + last], dim), torch.stack([first + middle, last], dim)
