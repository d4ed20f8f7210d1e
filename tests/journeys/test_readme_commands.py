"""What a stranger does: every command of the README, and images of their own."""

import json

from checkout import compute_jobs
from PIL import Image

from atbench.data import load
from atbench.spec.models.scale import Data


def test_a_users_own_images_run_with_one_line_of_configuration(scratchpad):
    scans = load(Data.model_validate({"name": "digits"}), "train")
    for index, (image, label) in enumerate(zip(scans.images[:400], scans.labels)):
        folder = scratchpad.folder / "data/images" / str(int(label))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).resize((20, 20)).save(folder / f"{index}.png")
    scale = scratchpad.folder / "experiments/scales/own-images.yaml"
    scale.write_text(scale.read_text().replace("extends: laptop", "extends: ci"))
    cell = "results/own-images/class-conditional/at/seed0/final/ddim-nfe5.json"
    output = scratchpad.snakemake(cell, scale="own-images")
    assert compute_jobs(output) == {"train": 2, "reference": 1, "cell": 1}  # of the extractor too
    config = json.loads((scratchpad.folder / "results/own-images/class-conditional/at/seed0/config.json").read_text())
    assert config["data"]["name"] == "image-folder" and config["slice"]["conditional"] is True


def test_every_command_of_the_readme_runs(scratchpad, readme_commands):
    default = scratchpad.folder / "experiments/config.yaml"
    default.write_text(default.read_text().replace("scale: laptop ", "scale: ci "))
    scratchpad.build_environment()
    scratchpad.run("atbench", "release")
    for command in readme_commands:
        if command != "make test":
            scratchpad.run("bash", "-c", command.replace("laptop", "ci").replace("make reproduce", "make SCALE=ci"))
