"""Group normalisation and SiLU of the ADM U-Net, which under a scale and shift keep little for the gradient."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from atbench.models.convolutions import channels_innermost


class GroupNorm32(nn.GroupNorm):
    """Group normalisation computed in float32 whatever the precision of the torso."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float32:
            return super().forward(x)
        return F.group_norm(x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps).to(x.dtype)

    def modulated_silu(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """silu(norm(x) (1 + scale) + shift) of images x (N, C, H, W); scale and shift (N, C, 1, 1).

        In training a wide network, which has channels innermost, has it as one operation; others keep their bits.
        """
        if torch.is_grad_enabled() and x.dtype == torch.float32 and channels_innermost(x):
            return ModulatedSiLU.apply(x, self.weight, self.bias, scale, shift, self.num_groups, self.eps)
        return silu(torch.addcmul(shift, self(x), 1 + scale))


class SiLU(nn.SiLU):
    """`silu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return silu(x)


def silu(x: Tensor) -> Tensor:
    """SiLU of what nothing else reads: where no gradient is kept, in place."""
    return F.silu(x, inplace=not torch.is_grad_enabled())


class ModulatedSiLU(torch.autograd.Function):
    """silu(y), y = (weight x_hat + bias) (1 + scale) + shift, where x_hat = (x - mean) rstd in each group of channels.

    Of all images it keeps x alone, where the operations one by one keep three: for the gradient y is made again, as a
    linear function of x. Sums over pixels serve the gradients of weight, bias, scale and shift alike.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor, groups: int, eps: float
    ) -> Tensor:
        n, c, h, w = x.shape
        normed, mean, rstd = torch.native_group_norm(x, weight, bias, n, c, h * w, groups, eps)
        ctx.save_for_backward(x, weight, bias, scale, shift, mean, rstd)
        return F.silu(torch.addcmul(shift, normed, 1 + scale), inplace=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, scale, shift, mean, rstd = ctx.saved_tensors
        (n, c, h, w), groups = x.shape, mean.shape[1]
        mean, rstd = (each.repeat_interleave(c // groups, 1)[:, :, None, None] for each in (mean, rstd))
        weight, bias, gain = weight[:, None, None], bias[:, None, None], 1 + scale
        slope, level = rstd * weight * gain, (bias - mean * rstd * weight) * gain + shift
        dy = torch.ops.aten.silu_backward(gradient, torch.addcmul(level, x, slope))
        total = dy.sum((2, 3), keepdim=True)  # over the pixels of a channel
        along = rstd * ((dy * x).sum((2, 3), keepdim=True) - mean * total)  # of dy x_hat

        def over_group(each: Tensor) -> Tensor:  # mean over the pixels of a group, for each of its channels
            means = (weight * gain * each).view(n, groups, -1).mean(2) / (h * w)
            return means.repeat_interleave(c // groups, 1)[:, :, None, None]

        # dx = rstd (g - <g> - <g x_hat> x_hat), g = weight gain dy, where <> is the mean over the group
        bend = rstd * rstd * over_group(along)
        dx = torch.addcmul(bend * mean - rstd * over_group(total), x, -bend).addcmul_(dy, slope)
        dweight, dbias = ((gain * each).sum((0, 2, 3)) for each in (along, total))
        return dx, dweight, dbias, weight * along + bias * total, total, None, None
