"""The scale that a folder of images is given: a network that fits their size, as the text of a commented YAML file."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from atbench.data.folder import HELD_OUT_SHARE, split
from atbench.runtime.errors import UserError
from atbench.spec.metrics import FEATURES, images_wanted
from atbench.spec.models.scale import Data
from atbench.study.survey import Survey

SIZES = (8, 16, 32, 64)  # pixels per side that are chosen by themselves; larger ones take a GPU and are asked for
SMALLEST = 8  # pixels: the network halves its images down to about this, and attends there
MOST_LEVELS = 4
CHANNELS = 16  # of the first level
BATCHES = {8: 64}  # images of a batch by their size; of larger ones, FEWER
FEWER = 32
COMMENTS = 40  # the column that they stand in, less two spaces
EXTRACTOR = "effnet-lite0"  # of photographs; no classifier of digits can judge them


@dataclass(frozen=True)
class Proposal:
    """A scale for images of a folder."""

    name: str
    data: Data
    images: dict[bool, int]  # whether held out -> how many
    classes: int

    @property
    def size(self) -> int:
        """Pixels per side."""
        assert self.data.resolution is not None
        return self.data.resolution

    @property
    def multipliers(self) -> list[int]:
        """Width of each level of the network in multiples of the first."""
        return [1, *[2] * (len(self.sides) - 1)]

    @property
    def sides(self) -> list[int]:
        """Pixels per side at each level."""
        found = [self.size]
        while len(found) < MOST_LEVELS and found[-1] % 2 == 0 and found[-1] // 2 >= min(SMALLEST, self.size // 2):
            found.append(found[-1] // 2)
        return found

    @property
    def batch_size(self) -> int:
        return min(BATCHES.get(self.size, FEWER), self.images[False])

    @property
    def few(self) -> bool:
        """Whether the images are too few for a Frechet distance of these features to lead."""
        return self.images[False] < images_wanted(EXTRACTOR)

    def text(self) -> str:
        """The file of the scale."""
        environment = Environment(loader=PackageLoader("atbench.study"), undefined=StrictUndefined, trim_blocks=True)
        template = environment.get_template("scale.yaml.jinja")
        lines = template.render(
            proposal=self, data=self.data, channels=CHANNELS, features=FEATURES[EXTRACTOR]
        ).splitlines()
        return "".join(f"{_aligned(line)}\n" for line in lines)


def propose(name: str, survey: Survey, size: int | None, held_out: float | list[str] | None) -> Proposal:
    """A scale for the images of a survey.

    size: pixels per side; None: the largest of SIZES that the median image has.
    held_out: share of the images, or names of sub-folders to hold out whole; None: HELD_OUT_SHARE.
    Raises UserError for a size that the network cannot have, and for too few images in a part.
    """
    if size is None:
        size = max((side for side in SIZES if side <= survey.short_sides[1]), default=SIZES[0])
    if size < SIZES[0] or size % 4:
        raise UserError(
            f"--size {size}: must be a multiple of 4 and at least {SIZES[0]}: the network halves its images"
        )
    whole = isinstance(held_out, list)
    part = {"held_out_folders": held_out} if whole else {"held_out": HELD_OUT_SHARE if held_out is None else held_out}
    block = {"name": name, "format": "image-folder", "path": str(survey.root), "resolution": size}
    data = Data.model_validate(block | {"channels": survey.channels} | part)
    parts = split(data, survey.root, list(survey.images), tuple(survey.folders))
    _refuse_shared(survey, parts)
    counts = {side: len(paths) for side, paths in parts.items()}
    return Proposal(name, data, counts, 0 if whole else len(survey.folders))


def _aligned(line: str) -> str:
    """The line with its comment below those of others; the path of the images may hold anything."""
    content, mark, comment = line.partition("  # ")
    return line if not mark or line.startswith("  path: ") else f"{content.rstrip():<{COMMENTS}}  # {comment.lstrip()}"


def _refuse_shared(survey: Survey, parts: dict[bool, list[Path]]) -> None:
    """Raises UserError for an image that is trained on and held out, under two names."""
    held = set(parts[True])
    shared = [pair for pair in survey.copies if (pair[0] in held) != (pair[1] in held)]
    if shared:
        names = " and ".join(str(path) for path in shared[0])
        raise UserError(
            f"{names} are the same image, one trained on and one held out ({len(shared):,} such pairs): "
            "move the copies away"
        )
