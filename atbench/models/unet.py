"""The ADM U-Net: one class for the digits, CIFAR-10 and ImageNet-64 networks (reference/protocol 2.2).

Source of the architecture: Dhariwal and Nichol 2021 and openai/guided-diffusion:guided_diffusion/unet.py, in the
variant that all of the paper's networks use: residual up/down blocks and scale-shift norm always on.
"""

from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from atbench.models.blocks import AttentionBlock, ResBlock, timestep_embedding, zeroed
from atbench.models.caption_encoder import CaptionEncoder, empty_captions
from atbench.models.norms import GroupNorm32, SiLU
from atbench.spec import networks
from atbench.spec.fields import Depth, Few, Rate, Series, Side, Width

# Width of the first level from which convolutions are faster with channels innermost in memory: on one core the network
# of 128 trains and samples in 0.98 of the time, that of 16 in 1.05 and 1.15.
WIDE = 64


class Stage(nn.Sequential):
    """A sequence whose residual blocks also receive the time embedding."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        for layer in self:
            x = layer(x, embedding) if isinstance(layer, ResBlock) else layer(x)
        return x


class UNet(nn.Module):
    """eps (and v) prediction of the ADM U-Net.

    Input x (N, C, H, W) in [-1, 1] plus noise, t (N,) timestep labels in [0, 1000), labels (N,) class indices or (N, L)
    caption tokens if the network is conditional, guidance (N,) if it is guided (fed as 1000 w, Luo et al. 2023).
    Output (N, C, H, W), or (N, 2C, H, W) = eps ++ v with ``learn_sigma``.
    """

    kind = "unet"

    def __init__(
        self,
        image_size: Side,  # pixels per side
        in_channels: Width,
        channels: Annotated[int, Field(ge=4, le=16_384)],  # width of the first level
        channel_mult: Series[Depth],  # width of every level, in units of ``channels``
        num_res_blocks: Depth,  # per level on the way down; one more on the way up
        attention_resolutions: Few[Side],  # pixels per side at which attention acts
        channels_per_head: Width,
        num_groups: Width = 32,  # of every group norm; divides every width
        dropout: Rate = 0.0,
        learn_sigma: bool = True,  # predicts the variance too
        new_attention_order: bool = True,
        *,  # what the data and the method decide, not a file
        num_classes: int | None = None,  # of a class-conditional network
        vocabulary: int | None = None,  # of a caption-conditional one, with
        caption_length: int | None = None,  # tokens per caption
        guided: bool = False,  # takes a guidance weight as input: the student of a guided teacher
    ):
        super().__init__()
        self.config = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        networks.check(self.kind, self.config, "model")
        self.num_classes, self.vocabulary, self.guided = num_classes, vocabulary, guided
        self.caption_length = caption_length
        self.channels = channels
        width = 4 * channels
        self.time_embed = nn.Sequential(nn.Linear(channels, width), nn.SiLU(), nn.Linear(width, width))
        if num_classes is not None:
            self.label_emb = nn.Embedding(num_classes, width)
        if vocabulary is not None:
            self.caption_encoder = CaptionEncoder(vocabulary, caption_length, 2 * channels, width)
        if guided:  # zero: the student starts as its teacher
            self.guidance_proj = zeroed(nn.Linear(channels, channels, bias=False))
        self._residual = partial(ResBlock, embedding_channels=width, dropout=dropout, num_groups=num_groups)
        attention = partial(
            AttentionBlock, channels_per_head=channels_per_head, num_groups=num_groups, new_order=new_attention_order
        )
        self._attention = lambda c, side: [attention(c)] if side in attention_resolutions else []
        first, last = channel_mult[0] * channels, channel_mult[-1] * channels
        self.input_blocks = nn.ModuleList([Stage(nn.Conv2d(in_channels, first, 3, padding=1))])
        skips = self._add_way_down(first)
        self.middle_block = Stage(self._residual(last, last), attention(last), self._residual(last, last))
        self.output_blocks = nn.ModuleList()
        self._add_way_up(last, skips)
        out_channels = in_channels * (2 if learn_sigma else 1)
        self.out = nn.Sequential(
            GroupNorm32(num_groups, first), SiLU(), zeroed(nn.Conv2d(first, out_channels, 3, padding=1))
        )
        if channels >= WIDE:
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _add_way_down(self, c: int) -> list[int]:
        """Append the input blocks from width ``c`` on; returns the widths that the way up will concatenate."""
        config, skips = self.config, [c]
        for level, mult in enumerate(config["channel_mult"]):
            side = config["image_size"] >> level
            for _ in range(config["num_res_blocks"]):
                out = mult * config["channels"]
                self.input_blocks.append(Stage(self._residual(c, out), *self._attention(out, side)))
                c = out
                skips.append(c)
            if level < len(config["channel_mult"]) - 1:
                self.input_blocks.append(Stage(self._residual(c, c, resize="down")))
                skips.append(c)
        return skips

    def _add_way_up(self, c: int, skips: list[int]) -> None:
        """Append the output blocks from width ``c`` on, consuming the widths of ``skips`` from the end."""
        config = self.config
        for level, mult in reversed(list(enumerate(config["channel_mult"]))):
            side = config["image_size"] >> level
            for i in range(config["num_res_blocks"] + 1):
                out = mult * config["channels"]
                layers = [self._residual(c + skips.pop(), out), *self._attention(out, side)]
                if level > 0 and i == config["num_res_blocks"]:
                    layers.append(self._residual(out, out, resize="up"))
                self.output_blocks.append(Stage(*layers))
                c = out

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None, guidance: Tensor | None = None) -> Tensor:
        embedding = self._embedding(t, labels, guidance)
        skips = []
        for block in self.input_blocks:
            x = block(x, embedding)
            skips.append(x)
        x = self.middle_block(x, embedding)
        for block in self.output_blocks:
            x = block(torch.cat([x, skips.pop()], dim=1), embedding)
        return self.out(x)

    def empty(self, count: int) -> Tensor:
        """Tokens (count, L) of empty captions: the unconditional side of guidance."""
        return empty_captions(count, self.caption_length)

    def _embedding(self, t: Tensor, labels: Tensor | None, guidance: Tensor | None) -> Tensor:
        """(N, 4 channels) from the timestep and all that the network is conditioned on."""
        if (labels is None) != (self.num_classes is None and self.vocabulary is None):
            raise ValueError("class labels or captions must be given exactly when the network is conditional on them")
        if (guidance is None) == self.guided:
            raise ValueError("a guidance weight must be given exactly when the network is guided")
        time = timestep_embedding(t, self.channels)
        if guidance is not None:
            time = time + self.guidance_proj(timestep_embedding(1000 * guidance, self.channels))
        embedding = self.time_embed(time)
        if labels is None:
            return embedding
        return embedding + (self.label_emb(labels) if self.vocabulary is None else self.caption_encoder(labels))
