"""Images from files that strangers made: PNG and JPEG alone, in bounds that their headers already tell."""

import struct
import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from atbench.runtime.errors import UserError
from atbench.runtime.files import check_file

MOST_PIXELS = 1 << 25  # 5,792 x 5,792: 134 MB once decoded. A file of some kilobytes can say that it has billions
# What Pillow raises for a damaged file, by format and by where the damage lies.
DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, OverflowError, MemoryError)
DECODE_ERRORS += (Image.DecompressionBombError, Image.DecompressionBombWarning)


def open_image(file: Path | BinaryIO, name: object = None, most: int = MOST_PIXELS) -> Image.Image:
    """The image with only its header read, of the two formats whatever the suffix claims.

    Raises UserError with its name for another format, a header that is damaged, more than ``most`` pixels, and
    more than one image in a file.
    """
    name = name or file
    if isinstance(file, Path):
        check_file(file)
    try:
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            image = Image.open(file, formats=("PNG", "JPEG"))
    except DECODE_ERRORS as error:
        raise damaged(name, error) from error
    if image.width * image.height > most:
        size = f"{image.width:,} x {image.height:,} pixels"
        image.close()
        raise UserError(f"{name}: {size}, allowed: {most:,} in all")
    if getattr(image, "is_animated", False) and image.format == "PNG":
        image.close()
        raise UserError(f"{name}: an animation, not an image: save one of its frames")
    return image


def damaged(name: object, error: Exception) -> UserError:
    """The words of one of DECODE_ERRORS as a message."""
    return UserError(f"{name}: not a readable PNG or JPEG image ({error})")
