"""`atbench init`: a folder of images is looked at whole, and given a scale that every check accepts."""

import re
import shutil

import numpy as np
import pytest
from checkout import REPOSITORY
from PIL import Image

from atbench import cli
from atbench.runtime import launch
from atbench.runtime.errors import UserError
from atbench.spec import yaml
from atbench.spec.load import load
from atbench.study.begin import begin
from atbench.study.survey import look


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """An empty current directory, and experiment files of its own."""
    folder = shutil.copytree(yaml.EXPERIMENTS, tmp_path / "experiments")
    monkeypatch.setattr(yaml, "EXPERIMENTS", folder)
    monkeypatch.setattr(launch, "with_allocator", lambda: None)  # it would start pytest anew
    monkeypatch.chdir(tmp_path)
    load.cache_clear()
    yield
    load.cache_clear()


def picture(number, size=(40, 36), mode="RGB"):
    """Noise, another for each number."""
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8))


@pytest.fixture
def images(tmp_path):
    """120 colour pictures."""
    return fill(tmp_path / "images", range(120))


def fill(folder, numbers, **options):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        picture(number, **options).save(folder / f"{number:03d}.png")
    return folder


def test_a_flat_folder_becomes_a_scale_that_loads(images):
    said = begin("my-study", images, None, None)
    assert "120 colour images, short side 36 pixels" in said
    assert "Written: experiments/scales/my-study.yaml" in said and "KID leads" in said
    scale = load("my-study").file
    assert (scale.data.name, scale.data.resolution, scale.data.channels) == ("my-study", 32, 3)
    assert scale.extractor == "effnet-lite0" and scale.model["attention_resolutions"] == [8]
    held_out = int(re.search(r"(\d+) held out", said)[1])
    assert scale.evaluation.metrics.kid_subset_size == held_out < 256  # a reference of fewer would be refused
    assert {"scratch", "finetune"} <= set(load("my-study").suites)
    assert not {"class-conditional", "latent", "extractor"} & set(load("my-study").suites)


@pytest.mark.parametrize("size", [8, 12, 16, 24, 32, 48, 64, 100, 128])
def test_the_network_fits_every_size_that_is_taken(images, size):
    begin("my-study", images, size, None)
    model = load("my-study").file.model
    assert model["image_size"] == size and model["attention_resolutions"][0] <= size // 2


@pytest.mark.parametrize("size", [4, 30])
def test_a_size_that_no_network_has_is_refused(images, size):
    with pytest.raises(UserError, match=f"--size {size}: must be a multiple of 4"):
        begin("my-study", images, size, None)


def test_sub_folders_are_classes_unless_some_are_held_out_whole(tmp_path):
    root = tmp_path / "pets"
    fill(root / "cats", range(70))
    fill(root / "dogs", range(70, 140))
    assert "2 sub-folders: cats 70, dogs 70" in begin("with-classes", root, 16, None)
    assert "class-conditional" in load("with-classes").suites
    assert "70 to train on, 70 held out" in begin("two-kinds", root, 16, ["dogs"])
    assert load("two-kinds").file.data.held_out_folders == ("dogs",)
    assert "class-conditional" not in load("two-kinds").suites


def test_all_faults_are_named_at_once_and_nothing_is_written(images, capsys):
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    picture(500).convert("RGBA").save(images / "glass.png")
    picture(501, mode="L").save(images / "grey.png")
    assert cli.main(["init", "my-study", "--images", str(images), "--no-probe"]) == 2
    words = capsys.readouterr().err
    assert "3 of 123 images cannot be used" in words and "Traceback" not in words
    assert all(name in words for name in ("broken.png", "glass.png: image mode RGBA", "grey.png: image mode L"))
    assert not (yaml.EXPERIMENTS / "scales/my-study.yaml").exists()


def test_a_copy_on_the_other_side_of_the_split_is_refused(tmp_path):
    root = tmp_path / "crops"
    fill(root / "china", range(70))
    shutil.copy(fill(root / "flower", range(70, 100)) / "070.png", root / "china/copy.png")
    assert "1 are copies of another" in look(root).text()
    with pytest.raises(UserError, match="are the same image, one trained on and one held out"):
        begin("my-study", root, 16, ["flower"])


def test_a_picture_that_is_stored_turned_is_counted_by_its_upright_sides(images):
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter
    picture(900, size=(60, 20)).save(images / "turned.jpg", exif=turned)
    survey = look(images)
    assert "1 are stored turned (EXIF) and are read upright" in survey.text()
    assert survey.short_sides[0] == 20


@pytest.mark.parametrize(
    ("name", "held_out", "words"),
    [
        ("laptop", None, "is there already"),
        ("My Study", None, "lower-case letters"),
        ("my-study", 0.999, "too few images"),
        ("my-study", ["dogs"], "unknown sub-folder 'dogs'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(images, name, held_out, words):
    before = {path: path.read_bytes() for path in (yaml.EXPERIMENTS / "scales").iterdir()}
    with pytest.raises(UserError, match=words):
        begin(name, images, None, held_out)
    assert {path: path.read_bytes() for path in (yaml.EXPERIMENTS / "scales").iterdir()} == before


def test_a_folder_may_bear_any_name(tmp_path):
    odd = fill(tmp_path / 'it\'s  # "odd" {x}: ü', range(120))
    begin("my-study", odd, 16, None)
    assert load("my-study").file.data.path == str(odd)


def test_the_command_says_what_each_suite_costs(images, capsys):
    assert cli.main(["init", "my-study", "--images", str(images), "--size", "8"]) == 0
    said = capsys.readouterr().out
    assert "make plan SCALE=my-study" in said
    assert "scratch" in said.split("Scale my-study on")[1] and "hours" in said


def test_the_template_is_part_of_the_package():
    assert (REPOSITORY / "atbench/study/templates/scale.yaml.jinja").exists()
    assert "templates" in (REPOSITORY / "pyproject.toml").read_text()
