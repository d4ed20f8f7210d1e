"""The KL autoencoder whose latent space latent diffusion works in (Rombach et al. 2022), small."""

import torch
from torch import Tensor, nn

from atbench.spec import networks
from atbench.spec.fields import Side, Width

MOMENTUM = 0.05  # of the running scale of the latents


class PlainBlock(nn.Module):
    """Residual block without conditioning: x + conv(silu(norm(conv(silu(norm(x))))))."""

    def __init__(self, channels: int, num_groups: int):
        super().__init__()
        layers = []
        for _ in range(2):
            layers += [nn.GroupNorm(num_groups, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1)]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Autoencoder(nn.Module):
    """Images (N, C, H, W) in [-1, 1] <-> latents (N, latent_channels, H/2, W/2) of about unit variance."""

    kind = "autoencoder"

    def __init__(
        self,
        image_size: Side,  # pixels per side, even
        in_channels: Width,
        channels: Width,  # width at full resolution; twice that at half
        latent_channels: Width,
        num_groups: Width,
    ):
        super().__init__()
        arguments = {"image_size": image_size, "channels": channels, "num_groups": num_groups}
        networks.check(self.kind, arguments, "model")
        self.image_size, self.in_channels, self.latent_channels = image_size, in_channels, latent_channels
        wide = 2 * channels
        self.encoder = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, padding=1),
            PlainBlock(channels, num_groups),
            nn.Conv2d(channels, wide, 3, stride=2, padding=1),
            PlainBlock(wide, num_groups),
            nn.GroupNorm(num_groups, wide),
            nn.SiLU(),
            nn.Conv2d(wide, 2 * latent_channels, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, wide, 3, padding=1),
            PlainBlock(wide, num_groups),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(wide, channels, 3, padding=1),
            PlainBlock(channels, num_groups),
            nn.GroupNorm(num_groups, channels),
            nn.SiLU(),
            nn.Conv2d(channels, in_channels, 3, padding=1),
        )
        self.register_buffer("mean_square", torch.ones(()))  # of the latents, followed during training

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        return self.latent_channels, self.image_size // 2, self.image_size // 2

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the posterior q(z | x), unscaled."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-30, 20)

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction (N, C, H, W) from a posterior sample, and KL(q || N(0, I)) per sample (N,), in nats."""
        mean, log_variance = self.moments(x)
        if self.training:
            self.mean_square.lerp_(mean.detach().square().mean(), MOMENTUM)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=(1, 2, 3))
        return self.decoder(mean + (0.5 * log_variance).exp() * noise), kl

    def encode(self, x: Tensor) -> Tensor:
        """Latents: the posterior means, scaled to about unit variance."""
        return self.moments(x)[0] / self.mean_square.sqrt()

    def decode(self, z: Tensor) -> Tensor:
        """Images (N, C, H, W) of latents."""
        return self.decoder(z * self.mean_square.sqrt())
