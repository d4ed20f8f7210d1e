"""Released weights: only the file of one hash may lend an extractor its name."""

from pathlib import Path

from atbench.runtime.errors import UserError


def check_released(path: Path, file_hash: str, released_name: str, source: str) -> None:
    """Raises UserError naming `path` unless its SHA-256 begins as `released_name` says; `source` is where to get it.

    The name ends in the first eight digits of the file's hash (torch.hub's convention). Other weights under the same
    name would be incomparable with every number that bears it.
    """
    expected = released_name.removesuffix(".pth").rsplit("-", 1)[-1]
    if not file_hash.startswith(expected):
        raise UserError(f"{path}: SHA-256 begins {file_hash[:8]}, allowed: {expected} ({source})")
