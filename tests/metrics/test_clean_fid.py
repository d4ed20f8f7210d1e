"""clean-fid's columns beside FID: its network in a file of the real format, its own pipeline as the judge of ours."""

import warnings

import pytest
import torch
from cleanfid.fid import get_model_features
from torch import nn

from atbench.metrics.extractors.clean_fid import RELEASED_NAME, CrossChecked, cross_checked
from atbench.metrics.features import Extractor
from atbench.metrics.reference import Reference, build_reference
from atbench.runtime.errors import UserError
from atbench.spec.load import load
from atbench.spec.metrics import EXTRA_DISTANCES
from atbench.tasks import judge
from atbench.tasks.pretrained import CLEAN_FID_VARIABLE, EXTRACTOR_VARIABLE

CPU = torch.device("cpu")
MODES = ["legacy_tensorflow", "clean"]


class Layers(nn.Module):
    """2048 numbers of an image of 299 pixels per side, normalised as Inception's; a layer changes nothing."""

    def __init__(self):
        super().__init__()
        self.same = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        nn.init.dirac_(self.same.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(self.same(x), (32, 64))[:, 0].flatten(1)


class Stand(nn.Module):
    """What TorchScript's Inception offers to clean-fid: the layers, and a way to them that resizes."""

    def __init__(self):
        super().__init__()
        self.layers = Layers()

    def forward(self, x: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        x = nn.functional.interpolate(x, [299, 299], mode="bilinear", align_corners=False)
        return self.layers((x - 128) / 128)


class Means(nn.Module):
    def forward(self, images):
        means = images.float().mean((2, 3))
        return means, means[:, :2]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / RELEASED_NAME
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(Stand()).save(str(path))
    return path


@pytest.fixture
def plain():
    return Extractor("inception-2015", "0" * 64, Means(), 3, None, 4, CPU)


@pytest.fixture
def extractor(file, plain, monkeypatch):
    """The scale paper's, with means in place of Inception's own features."""
    monkeypatch.setattr(judge, "load_extractor", lambda name, weights, device: plain)
    for variable in (EXTRACTOR_VARIABLE, CLEAN_FID_VARIABLE):
        monkeypatch.setenv(variable, str(file))
    return judge.extractor_of(load("paper").suite("scratch").judging, CPU)


def pictures(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("mode", MODES)
def test_features_are_those_of_clean_fids_own_pipeline(extractor, mode):
    images = pictures(5)
    found = extractor(images)
    assert found.features.shape == (5, 3) and list(found.extra) == [f"fid_{mode}" for mode in MODES]
    network = extractor.module.network
    network.resize_inside = mode == "legacy_tensorflow"
    theirs = get_model_features(
        lambda z: images.float(), network, mode=mode, num_gen=5, batch_size=5, device=CPU, verbose=False
    )
    torch.testing.assert_close(found.extra[f"fid_{mode}"].numpy(), theirs, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(*found.extra.values())  # the two ways to resize are two


def test_the_file_is_loaded_once_and_passed_once_for_each_way_to_resize(file, plain, monkeypatch):
    loaded, load_script = [], torch.jit.load
    monkeypatch.setattr(torch.jit, "load", lambda path: loaded.append(path) or load_script(path))
    passes, crossed = [], cross_checked(plain, file, MODES)
    original = crossed.module.network.forward
    monkeypatch.setattr(crossed.module.network, "forward", lambda x: passes.append(x.shape) or original(x))
    crossed(pictures(8))
    assert len(loaded) == 1
    weights = list(crossed.module.network.parameters())
    assert weights and all(each.is_contiguous(memory_format=torch.channels_last) for each in weights)
    assert passes == [(4, 3, 32, 32), (4, 3, 299, 299)] * 2


def test_the_columns_go_through_the_reference_file(extractor, plain, tmp_path):
    reference = build_reference(pictures(6), pictures(4, 1), extractor, "noise")
    reference.save(tmp_path / "reference.npz")
    loaded = Reference.load(tmp_path / "reference.npz")
    assert loaded.hash == reference.hash and set(loaded.extra) == {f"fid_{mode}" for mode in MODES} < {*EXTRA_DISTANCES}
    assert reference.extractor_hash == extractor.hash != plain.hash


def test_features_of_the_extractors_own_stay(file):
    class Spatial(Means):
        def forward(self, images):
            return *super().forward(images), {"sfid": images.float().flatten(1)[:, :2]}

    assert list(CrossChecked(Spatial(), file, ["clean"])(pictures(2))[2]) == ["sfid", "fid_clean"]


def test_what_is_missing_or_foreign_is_named(file, plain, extractor, monkeypatch, tmp_path):
    monkeypatch.delenv(CLEAN_FID_VARIABLE)
    with pytest.raises(UserError, match=rf"clean-fid's Inception.*{RELEASED_NAME}: set {CLEAN_FID_VARIABLE}"):
        judge.extractor_of(load("paper").suite("scratch").judging, CPU)
    with pytest.raises(UserError, match=f"other.pt: .*{RELEASED_NAME} only"):
        cross_checked(plain, tmp_path / "other.pt", MODES)
    (tmp_path / RELEASED_NAME).write_bytes(file.read_bytes()[:100])
    with pytest.raises(UserError, match=rf"{RELEASED_NAME}: no TorchScript") as caught:
        cross_checked(plain, tmp_path / RELEASED_NAME, MODES)
    assert "\n" not in str(caught.value)


def test_cross_checks_belong_to_what_judges_a_suite():
    assert load("paper").suite("scratch").judging.slice["extractor"]["cross_checks"] == MODES
    assert "cross_checks" not in load("laptop").suite("scratch").judging.slice["extractor"]
    assert "cross_checks" not in load("gpu-hour").suite("scratch").judging.slice["extractor"]
