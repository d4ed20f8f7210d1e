"""What a network's constructor arguments must agree on, beyond the range of each: its own class asks here too.

The experiment files are checked by these rules before any job starts, and without importing torch.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from atbench.runtime.errors import UserError

UNET, AUTOENCODER, CLASSIFIER, STABLE_DIFFUSION = "unet", "autoencoder", "digits-classifier", "stable-diffusion"
WIDEST = 16_384  # channels of a level
CLASSIFIER_GROUPS = 8  # of the classifier's group norms; divides its width
CLASSIFIER_SIDES = 8, 64  # pixels


class Fault(NamedTuple):
    """An argument that does not fit the others, and why."""

    key: str
    reason: str


def check(kind: str, arguments: Mapping[str, Any], prefix: str) -> None:
    """Raises UserError naming the first argument, under ``prefix``, that the network of a kind cannot have."""
    for key, reason in faults(kind, arguments):
        raise UserError(f"{prefix}.{key}: {reason}")


def faults(kind: str, arguments: Mapping[str, Any]) -> Iterator[Fault]:
    """What does not fit; nothing for a kind without rules."""
    return RULES.get(kind, _nothing)(arguments)


def image_shape(kind: str, arguments: Mapping[str, Any]) -> tuple[int, int, int]:
    """Shape (C, H, W) of the images, or latents, that a network takes."""
    channels = arguments["channels" if kind == CLASSIFIER else "in_channels"]
    return channels, arguments["image_size"], arguments["image_size"]


def latent_shape(arguments: Mapping[str, Any]) -> tuple[int, int, int]:
    """Shape (C, H, W) of an autoencoder's latents."""
    side = arguments["image_size"] // 2
    return arguments["latent_channels"], side, side


def _unet(arguments: Mapping[str, Any]) -> Iterator[Fault]:
    size, mults, channels = arguments["image_size"], arguments["channel_mult"], arguments["channels"]
    halvings = len(mults) - 1
    if size % 2**halvings:
        yield Fault("image_size", f"{size} cannot be halved {halvings} times")
    sides = [size >> level for level in range(len(mults))]
    for side in arguments["attention_resolutions"]:
        if side not in sides:
            yield Fault("attention_resolutions", f"{side} never occurs; resolutions are {sides}")
    for width in (mult * channels for mult in mults):
        if width > WIDEST:
            yield Fault("channel_mult", f"a level is {width} channels wide, allowed: at most {WIDEST}")
        for key in ("num_groups", "channels_per_head"):
            if width % arguments[key]:
                yield Fault(key, f"{arguments[key]} does not divide the width {width} (channels x mult)")


def _autoencoder(arguments: Mapping[str, Any]) -> Iterator[Fault]:
    size, channels, groups = arguments["image_size"], arguments["channels"], arguments["num_groups"]
    if size % 2:
        yield Fault("image_size", f"{size} cannot be halved")
    if channels % groups:
        yield Fault("num_groups", f"{groups} does not divide the width {channels}")


def _classifier(arguments: Mapping[str, Any]) -> Iterator[Fault]:
    least, most = CLASSIFIER_SIDES
    if not least <= arguments["image_size"] <= most:
        yield Fault("image_size", f"{arguments['image_size']}, allowed: {least} to {most}")
    if arguments["channels"] not in (1, 3):
        yield Fault("channels", f"{arguments['channels']}, allowed: 1 or 3")
    if arguments["width"] < 1 or arguments["width"] % CLASSIFIER_GROUPS:
        yield Fault("width", f"{arguments['width']}, allowed: a multiple of {CLASSIFIER_GROUPS}")
    if arguments["num_classes"] < 2:  # ranges of the file's types, again: a weights file has a header of its own
        yield Fault("num_classes", f"{arguments['num_classes']}, allowed: 2 or more")
    if not 0 <= arguments["dropout"] < 1:
        yield Fault("dropout", f"{arguments['dropout']}, allowed: 0 <= dropout < 1")


def _nothing(arguments: Mapping[str, Any]) -> Iterator[Fault]:
    yield from ()


RULES: dict[str, Callable[[Mapping[str, Any]], Iterator[Fault]]] = {
    UNET: _unet,
    AUTOENCODER: _autoencoder,
    CLASSIFIER: _classifier,
}
