"""A small image classifier whose pooled features serve as the metric space of small grey or colour images."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from atbench.spec import networks
from atbench.spec.fields import Rate, Side, Width

LAST_CHANNELS = 32
POOLED_SIDE = 2  # features keep a coarse position: pooled over all pixels they collapse to little more than the class
EMBEDDING_CHANNELS = LAST_CHANNELS * POOLED_SIDE**2


class ConvBlock(nn.Sequential):
    """Convolution 3x3, GroupNorm, SiLU, channel dropout: (n, inputs, h, w) -> (n, outputs, h, w)."""

    def __init__(self, inputs: int, outputs: int, dropout: float):
        # Whole channels are dropped, since neighbouring pixels of one channel carry nearly the same value.
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel_size=3, padding=1),
            nn.GroupNorm(networks.CLASSIFIER_GROUPS, outputs),
            nn.SiLU(),
            nn.Dropout2d(dropout),
        )


class DigitsClassifier(nn.Module):
    """Convolutional classifier with 128 features, 32 channels pooled to 2x2, for images in [-1, 1].

    Dropout matters: a classifier without it, trained to
    100 % on the images it later judges, collapses each class to a point and its distances mean little.

    Raises UserError for arguments that do not fit (`atbench.spec.networks`).
    """

    kind = "digits-classifier"

    def __init__(
        self,
        image_size: Side = 8,  # pixels per side
        channels: Width = 1,
        num_classes: Annotated[int, Field(ge=2, le=10**6)] = 10,
        width: Width = 24,  # channels of all blocks but the last two
        dropout: Rate = 0.1,  # probability of dropping a channel
    ):
        super().__init__()
        arguments = {"image_size": image_size, "channels": channels, "num_classes": num_classes}
        networks.check(self.kind, arguments | {"width": width, "dropout": dropout}, "classifier")
        self.image_size, self.channels, self.num_classes = image_size, channels, num_classes
        self.embedding_channels = EMBEDDING_CHANNELS
        blocks = [ConvBlock(channels, width, dropout)]
        side = image_size
        while side >= 8:  # halve down to 4..7 pixels: coarse enough to pool, fine enough to tell strokes apart
            blocks += [ConvBlock(width, width, dropout), nn.AvgPool2d(2)]
            side //= 2
        blocks += [ConvBlock(width, 2 * LAST_CHANNELS, dropout)]
        blocks += [ConvBlock(2 * LAST_CHANNELS, LAST_CHANNELS, dropout)]
        self.body = nn.Sequential(*blocks)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(POOLED_SIDE), nn.Flatten())
        self.head = nn.Linear(EMBEDDING_CHANNELS, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] -> logits (n, num_classes)."""
        return self.features_and_logits(x)[1]

    def features_and_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (n, channels, size, size) in [-1, 1] -> features (n, 128), logits (n, num_classes)."""
        features = self.pool(self.body(x))
        return features, self.head(features)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] -> class index (n,), int64."""
        return self(x).argmax(dim=1)
