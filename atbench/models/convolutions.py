"""Convolutions of the ADM U-Net that a wide network does another way: equal but for rounding, and faster.

A wide network has channels innermost in memory (`models/unet.py`); a small one does them as they are written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
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
        for row, column in product((0, 1), (0, 1)):
            padded = F.pad(x, (1 - column, column, 1 - row, row))
            with made_again(partial(joined_taps, row=row, column=column), self.weight) as kernel:
                pixels.append(F.conv2d(padded, kernel, self.bias).permute(0, 2, 3, 1))
        n, h, w, c = pixels[0].shape
        grid = torch.stack(pixels, 3).view(n, h, w, 2, 2, c).transpose(2, 3)
        return grid.reshape(n, 2 * h, 2 * w, c).permute(0, 3, 1, 2)


def channels_innermost(x: Tensor) -> bool:
    """Whether the channels of images (N, C, H, W) lie side by side in memory, as a wide network has them."""
    return x.stride(1) == 1


def joined_taps(kernel: Tensor, row: int, column: int) -> Tensor:
    """What 3x3 taps are to old pixels, for the new pixel in a row and column of the four that stand for one: 2x2."""
    for dim, place in ((2, row), (3, column)):
        first, middle, last = kernel.unbind(dim)
        kernel = torch.stack([first + middle, last] if place else [first, middle + last], dim)
    return kernel


@contextmanager
def made_again(make: Callable[[Tensor], Tensor], weight: Tensor) -> Iterator[Tensor]:
    """What ``make`` gives of a weight; operations within do not keep it for the gradient: it is made once more.

    That is so in single precision, uncompiled. Raises RuntimeError in the backward pass where the weight has changed.
    """
    made = make(weight)
    if torch.compiler.is_compiling():
        yield made
        return
    identity = (made.data_ptr(), made.shape)  # to hold on to the tensor itself would keep it
    version = weight._version

    def pack(tensor: Tensor) -> Tensor | None:
        return None if (tensor.data_ptr(), tensor.shape) == identity else tensor

    def unpack(kept: Tensor | None) -> Tensor:
        if kept is not None:
            return kept
        if weight._version != version:
            raise RuntimeError("the weight of a convolution has changed since the forward pass")
        return make(weight).detach()

    with saved_tensors_hooks(pack, unpack):
        yield made
