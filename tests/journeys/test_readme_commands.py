"""What a stranger does: every command of README and documentation, with images, method and checkpoint of theirs."""

import json

import pages
import yaml
from checkout import REPOSITORY, Checkout, compute_jobs
from PIL import Image

from atbench.data import load
from atbench.runtime.files import file_hash
from atbench.spec.models.scale import Data

OWN_IMAGES, OWN_METHOD, OWN_CHECKPOINT = (REPOSITORY / f"docs/own-{n}.md" for n in ("images", "method", "checkpoint"))
GREY = """\
extends: ci
data: {name: image-folder, path: data/images, resolution: 8, channels: 1, held_out: 0.25}
"""
CHECKPOINT = {"ema.pt": [], "model.pt": ["--raw"]}  # file -> how it is exported


def lay_images(checkout: Checkout) -> None:
    """A folder of images in class sub-folders, and the scale of GREY that reads them."""
    scans = load(Data.model_validate({"name": "digits"}), "train")
    for index, (image, label) in enumerate(zip(scans.images[:400], scans.labels)):
        folder = checkout.folder / "data/images" / str(int(label))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).resize((20, 20)).save(folder / f"{index}.png")
    (checkout.folder / "experiments/scales/grey.yaml").write_text(GREY)


def lay_checkpoint(checkout: Checkout) -> None:
    """Two .pt files."""
    for file, options in CHECKPOINT.items():
        checkout.run("atbench", "export-weights", "results/ci/scratch/adm/seed0/final", file, *options)


def scale_of_the_page(checkout: Checkout) -> dict:
    """What docs/own-checkpoint.md says that `atbench adopt` writes, for the files that are here."""
    [block] = [block for block in pages.blocks(OWN_CHECKPOINT) if block.language == "yaml"]
    text = block.text.replace("laptop", "ci")
    for file in CHECKPOINT:
        text = text.replace(f"SHA256-OF-{file}", file_hash(checkout.folder / file))
    return yaml.safe_load(text)


def run(checkout: Checkout, command: str) -> None:
    """A command at scale ci. Its place in a page is that of laptop."""
    checkout.run("bash", "-c", command.replace("laptop", "ci").replace("make reproduce", "make SCALE=ci"))


def test_a_users_own_images_run_with_one_line_of_configuration(scratchpad):
    lay_images(scratchpad)
    cell = "results/grey/class-conditional/at/seed0/final/ddim-nfe5.json"
    output = scratchpad.snakemake(cell, scale="grey")
    assert compute_jobs(output) == {"train": 2, "reference": 1, "cell": 1}  # of the extractor too
    config = json.loads((scratchpad.folder / "results/grey/class-conditional/at/seed0/config.json").read_text())
    assert config["data"]["name"] == "image-folder" and config["slice"]["conditional"] is True


def test_every_command_of_the_readme_and_the_documentation_runs(scratchpad, readme_commands, documented_commands):
    default = scratchpad.folder / "experiments/config.yaml"
    default.write_text(default.read_text().replace("scale: laptop ", "scale: ci "))
    scratchpad.build_environment()
    scratchpad.run("atbench", "release")
    lay_images(scratchpad)
    lay_checkpoint(scratchpad)
    # test_own_images.py and tests/workflow/test_tutorial.py run them.
    elsewhere = [*pages.runnable(OWN_IMAGES), *pages.runnable(REPOSITORY / "docs/tutorial-own-method.md")]
    of_method = pages.runnable(OWN_METHOD)
    for command in dict.fromkeys([*readme_commands, *documented_commands]):
        if command != "make test" and command not in [*of_method, *elsewhere]:
            run(scratchpad, command)
    pages.put(pages.blocks(OWN_METHOD), scratchpad.folder)
    for command in of_method:
        run(scratchpad, command)
    shown = json.loads((scratchpad.folder / "results/ci/scratch/my-at/seed0/final/ddim-nfe10.json").read_text())
    assert shown["cell"]["method"] == "my-at"
    imported = scratchpad.folder / "results/my-checkpoint/imported/adm/seed0/final/ddim-nfe10.json"
    assert json.loads(imported.read_text())["counts"]["batches"] == 450000  # as the scale file says
    written = scratchpad.folder / "experiments/scales/my-checkpoint.yaml"
    assert yaml.safe_load(written.read_text()) == scale_of_the_page(scratchpad)
