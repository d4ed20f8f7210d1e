"""The first command of a study: look at the images, write the scale's file, say what comes next."""

from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically
from atbench.spec.load import load
from atbench.spec.metrics import FEATURES, PER_FEATURE, images_wanted
from atbench.spec.scales import scale_file
from atbench.spec.yaml import short
from atbench.study.proposal import EXTRACTOR, Proposal, propose
from atbench.study.survey import look


def begin(name: str, images: Path, size: int | None, held_out: float | list[str] | None) -> str:
    """Write ``experiments/scales/<name>.yaml`` for a folder of images; returns what was found and what to type next.

    size, held_out: as in `propose`. Raises UserError for a name that a scale has, and for images that cannot be used.
    """
    file = scale_file(name)
    if file.exists():
        raise UserError(f"{short(file)}: is there already: choose another name, or remove it")
    survey = look(images)
    proposal = propose(name, survey, size, held_out)
    write_atomically(file, lambda path: path.write_text(proposal.text()))
    try:
        load(name)
    except UserError:
        file.unlink()  # what it refuses is said; a file that cannot be used would stand in the way of the next try
        raise
    return "\n".join([survey.text(), *split_text(proposal), "", f"Written: {short(file)}", *next_steps(name)])


def split_text(proposal: Proposal) -> list[str]:
    """How the images are divided, and what so few of them cannot say."""
    lines = [
        f"{proposal.images[False]:,} to train on, {proposal.images[True]:,} held out; {proposal.size} x "
        f"{proposal.size} pixels, judged by {EXTRACTOR}"
    ]
    if proposal.few:
        lines.append(
            f"Fewer than {images_wanted(EXTRACTOR):,} images, {PER_FEATURE} for each of {FEATURES[EXTRACTOR]:,} "
            "features: KID leads, and a Frechet distance is shown without bold or verdict"
        )
    return lines


def next_steps(name: str) -> list[str]:
    """What to type, from the quickest to the whole."""
    return [
        f"Plan it:   make plan SCALE={name}",
        f"A cell:    snakemake --cores all results/{name}/scratch/at/seed0/final/ddim-nfe10.json --config scale={name}",
        f"A suite:   snakemake --cores all scratch --config scale={name}",
        f"The rest:  make reproduce SCALE={name}",
    ]
