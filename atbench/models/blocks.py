"""Building blocks of the ADM U-Net (Dhariwal and Nichol 2021, appendix A), with guided-diffusion's parameter names.

The names of the sub-modules (``in_layers.2``, ``emb_layers.1``, ``proj_out`` ...) are those of
openai/guided-diffusion:guided_diffusion/unet.py, because released checkpoints are keyed by them.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from atbench.models.convolutions import PointwiseConv2d, Resize, ResizedConv2d
from atbench.models.norms import GroupNorm32, SiLU


def timestep_embedding(t: Tensor, dim: int) -> Tensor:
    """Sinusoidal embedding of timesteps ``t`` (N,), fractional ones too: (N, dim) = [cos(t w_i), sin(t w_i)].

    Frequencies w_i = 10000^(-i / half), i < half = dim // 2 (Vaswani et al. 2017, order as in guided-diffusion).
    """
    half = dim // 2
    frequencies = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device, dtype=torch.float32) / half)
    angles = t.float()[:, None] * frequencies[None]
    embedding = torch.cat([angles.cos(), angles.sin()], dim=1)
    return F.pad(embedding, (0, dim - 2 * half))


class Dropout(nn.Dropout):
    """Dropout by 16 random bits a value: on a CPU torch's own takes three times as long.

    The probability is the nearest multiple of 2^-16 below 1; what is kept is divided by its share, so that means stay.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        dropped = min(round(self.p * 2**16), 2**16 - 1)
        return x * dropout_mask(x.detach(), dropped)


@torch.library.custom_op("atbench::dropout_mask", mutates_args=())
def dropout_mask(x: Tensor, dropped: int) -> Tensor:
    """Zeros and one other number, of mean 1, in the shape and layout of ``x``; of 2^16 values ``dropped`` are zero.

    To a compiler a result of ``x``: draws that depend on nothing are put in another order when a network is compiled,
    and then are other numbers.
    """
    mask = torch.empty_like(x, dtype=torch.float32)
    if x.device.type == "cpu":  # four numbers by one draw, which takes as long as a draw of one
        numbers = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    else:
        numbers = torch.empty(x.numel(), dtype=torch.int16, device=x.device).random_(-(2**15), 2**15)
    mask.copy_(numbers[: x.numel()].as_strided(x.shape, mask.stride()))
    return mask.ge_(dropped - 2**15).mul_(2**16 / (2**16 - dropped)).to(x.dtype)


@dropout_mask.register_fake
def _(x: Tensor, dropped: int) -> Tensor:
    return torch.empty_like(x)


def zeroed(module: nn.Module) -> nn.Module:
    """The same module with its parameters set to zero: a residual branch that starts as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class ResBlock(nn.Module):
    """Residual block with scale-shift conditioning on the time embedding; optionally resizes both branches.

    h = conv2(dropout(silu(norm2(conv1(resize(silu(norm1(x))))) * (1 + scale) + shift))), output skip(resize(x)) + h.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding_channels: int,
        dropout: float,
        num_groups: int,
        resize: str | None = None,
    ):
        super().__init__()
        self.resize = Resize(resize)
        self.in_layers = nn.Sequential(
            GroupNorm32(num_groups, channels), SiLU(), ResizedConv2d(channels, out_channels, self.resize)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding_channels, 2 * out_channels))
        self.out_layers = nn.Sequential(
            GroupNorm32(num_groups, out_channels),
            SiLU(),
            Dropout(dropout),
            zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        same = channels == out_channels
        self.skip_connection = nn.Identity() if same else PointwiseConv2d(channels, out_channels)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        norm1, silu, conv1 = self.in_layers
        h = conv1(silu(norm1(x)))  # resized within
        scale, shift = self.emb_layers(embedding).to(h.dtype)[:, :, None, None].chunk(2, dim=1)
        norm2, _, dropout, conv2 = self.out_layers  # _ is the SiLU: checkpoints count it
        h = conv2(dropout(norm2.modulated_silu(h, scale, shift)))
        return self.skip_connection(self.resize(x)) + h


class AttentionBlock(nn.Module):
    """Self-attention over pixels with a residual connection.

    ``new_order`` says how the 3C channels of ``qkv`` are laid out: True = (q, k, v) outermost, heads inside
    (guided-diffusion's QKVAttention); False = heads outermost (QKVAttentionLegacy). Checkpoints depend on it.
    """

    def __init__(self, channels: int, channels_per_head: int, num_groups: int, new_order: bool):
        super().__init__()
        if channels % channels_per_head:
            raise ValueError(f"{channels} channels cannot be split into heads of {channels_per_head}")
        self.heads = channels // channels_per_head
        self.new_order = new_order
        self.norm = GroupNorm32(num_groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        attended = F.scaled_dot_product_attention(*self.split(self.norm(x)))
        rows = attended.transpose(1, 2).reshape(n, h * w, c)
        out = F.linear(rows, self.proj_out.weight.squeeze(2), self.proj_out.bias)
        return x + out.transpose(1, 2).reshape(n, c, h, w)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (N, heads, pixels, channels per head) of ``x`` (N, C, H, W).

        The 1x1 convolution acts on rows of pixels, so that channels lie side by side in memory: the fused attention
        kernels take nothing else, and torch would fall back to one that keeps the weights of all pairs of pixels.
        """
        rows = x.flatten(2).transpose(1, 2)
        n, pixels, c = rows.shape
        qkv = F.linear(rows, self.qkv.weight.squeeze(2), self.qkv.bias)
        if self.new_order:
            parts = qkv.view(n, pixels, 3, self.heads, c // self.heads).unbind(2)
        else:
            parts = qkv.view(n, pixels, self.heads, 3, c // self.heads).unbind(3)
        q, k, v = (part.transpose(1, 2) for part in parts)
        return q, k, v
