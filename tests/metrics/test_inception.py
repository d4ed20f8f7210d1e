"""Inception-2015 with random weights in a file of the real format: FID's and sFID's features, and where to get them."""

import dataclasses
from collections import Counter

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch_fidelity import feature_extractor_inceptionv3
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from atbench.metrics.extractors import inception_2015, load_extractor
from atbench.metrics.features import Features, extract
from atbench.metrics.frechet import frechet_cleanfid
from atbench.metrics.reference import Reference, build_reference, feature_statistics
from atbench.metrics.score import score
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.spec.load import load
from atbench.spec.models.metric_options import MetricOptions
from atbench.tasks.judge import extractor_of
from atbench.tasks.pretrained import EXTRACTOR_VARIABLE

CPU = torch.device("cpu")
OPTIONS = MetricOptions(kid_subsets=2, kid_subset_size=3, is_splits=2, pr_neighbours=1, blocks=2)


def random_weights(path):
    """A state dictionary with the names and shapes of the released file; layers keep the variance of their input."""
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr(feature_extractor_inceptionv3, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = FeatureExtractorInceptionV3("random", ["2048"])
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return random_weights(tmp_path_factory.mktemp("weights") / "inception.pth")


@pytest.fixture
def extractor(weights, monkeypatch):
    """The extractor of scale paper, found by the variable; only the hash of the file is not the released one."""
    monkeypatch.setattr(inception_2015, "RELEASED_NAME", f"random-{file_hash(weights)[:8]}.pth")
    monkeypatch.setattr(inception_2015, "CPU_BLOCK", 4)
    monkeypatch.setenv(EXTRACTOR_VARIABLE, str(weights))
    judging = load("paper").suite("scratch").judging
    alone = dataclasses.replace(judging.suite, cross_checks=None)
    return extractor_of(dataclasses.replace(judging, suite=alone), CPU)


def pictures(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)


@pytest.fixture(scope="module")
def theirs(weights):
    """torch-fidelity's network as it stands, with batch norms of their own."""
    return FeatureExtractorInceptionV3("theirs", inception_2015.LAYERS, feature_extractor_weights_path=str(weights))


def test_features_are_those_of_torch_fidelitys_network(extractor, theirs):
    images = pictures(4, 0)
    found = extract(extractor, images)
    features, logits = theirs(images)
    assert found.features.shape == (4, 2048) and found.logits.shape == (4, 1008)
    for ours, expected in ((found.features, features), (found.logits, logits)):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5 * expected.abs().max().item())


def test_spatial_features_are_seven_channels_of_the_right_layer(extractor, theirs):
    seen, images = {}, pictures(4, 0)
    theirs.Mixed_6d.register_forward_hook(lambda layer, arguments, output: seen.update(leaves=output))
    theirs(images)
    found = extract(extractor, images).extra["sfid"]
    assert found.shape == (4, 2023) and found.std() > 0
    expected = seen["leaves"][:, :7]  # the branch without a filter larger than 1 x 1 comes first
    torch.testing.assert_close(found.unflatten(1, (7, 17, 17)), expected, rtol=0, atol=1e-5 * expected.max().item())


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 64, 48), (1, 299, 299), (3, 400, 513), (3, 1, 2)])
def test_images_are_resized_to_the_bit_as_by_torch_fidelity(shape):
    images = torch.randint(256, (2, *shape), generator=torch.Generator().manual_seed(0)).float()
    expected = interpolate_bilinear_2d_like_tensorflow1x(images, size=(299, 299), align_corners=False)
    assert torch.equal(inception_2015.resized(images), expected)


def test_a_forward_pass_is_convolutions_of_channels_that_lie_last_and_no_batch_norm(extractor):
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        extract(extractor, pictures(4, 0))
    counts = Counter(event.name for event in seen.events())
    assert counts["aten::conv2d"] == 94 and not [name for name in counts if "batch_norm" in name]
    orders = []
    for layer in extractor.module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(
                lambda layer, arguments, output: orders.append(output.is_contiguous(memory_format=torch.channels_last))
            )
    extract(extractor, pictures(4, 0))
    assert len(orders) == 94 and all(orders)


def test_each_image_passes_the_network_once(extractor):
    passes = []
    extractor.module.layers[0].register_forward_hook(lambda layer, arguments, output: passes.append(len(output)))
    found = extract(extractor, pictures(10, 0))
    assert len(found) == 10 and passes == [4, 4, 4]


class Narrow(nn.Module):
    """A few of an extractor's features: eigenvalues of 2048 of them take a minute."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, images):
        features, logits, extra = self.module(images)
        return features[:, :3], logits[:, :5], {"sfid": extra["sfid"][:, 140:145]}


def test_sfid_goes_through_the_reference_file(extractor, tmp_path):
    narrow = dataclasses.replace(extractor, module=Narrow(extractor.module))
    reference = build_reference(pictures(8, 1), pictures(4, 2), narrow, "noise")
    reference.save(tmp_path / "reference.npz")
    loaded = Reference.load(tmp_path / "reference.npz")
    assert loaded.hash == reference.hash and loaded.extra["sfid"].sigma.shape == (5, 5)
    images = pictures(8, 3) // 2
    features = narrow(images)
    metrics = score(images, features, loaded, OPTIONS)
    distance = frechet_cleanfid(
        *map(feature_statistics, (features.extra["sfid"], reference.train.features.extra["sfid"]))
    )
    assert metrics["sfid"] == pytest.approx(distance, rel=1e-3) and metrics["sfid"] > 0
    own = score(reference.train.images, reference.train.features, reference, OPTIONS)
    assert own["sfid"] == pytest.approx(0, abs=1e-3 * metrics["sfid"])
    with pytest.raises(UserError, match=r"extra features none, of the reference \(inception-2015\) sfid"):
        score(images, Features(features.features, features.logits), loaded, OPTIONS)


def test_the_weights_and_where_to_get_them_are_named(weights, monkeypatch, tmp_path):
    monkeypatch.delenv(EXTRACTOR_VARIABLE, raising=False)
    with pytest.raises(UserError, match=rf"inception-2015.*6726825d\.pth: set {EXTRACTOR_VARIABLE}"):
        extractor_of(load("paper").suite("scratch").judging, CPU)
    monkeypatch.setenv(EXTRACTOR_VARIABLE, str(tmp_path / "none.pth"))
    with pytest.raises(UserError, match=rf"6726825d\.pth: {EXTRACTOR_VARIABLE} is .*none\.pth, where nothing lies"):
        extractor_of(load("paper").suite("scratch").judging, CPU)
    with pytest.raises(UserError, match=r"inception\.pth: SHA-256 begins .*, allowed: 6726825d"):
        load_extractor("inception-2015", weights, CPU)
