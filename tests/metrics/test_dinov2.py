"""FD-dinov2: torch-fidelity's own extractor, found where it looks, with a small network in the released one's place."""

import urllib.error

import pytest
import torch

from atbench.metrics.anchors import reference_rows
from atbench.metrics.extractors import dinov2, load_extractor
from atbench.metrics.reference import Reference, build_reference
from atbench.runtime.errors import UserError
from atbench.spec.metrics import distance_name
from atbench.spec.models.metric_options import MetricOptions

CPU = torch.device("cpu")
OPTIONS = MetricOptions(kid_subsets=2, kid_subset_size=8, is_splits=2, pr_neighbours=3, blocks=2)
# As facebookresearch/dinov2:hubconf.py offers it: a function that makes the network and loads a file by its address.
HUBCONF = """
import torch

def dinov2_vitl14(pretrained=True):
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 6))
    network.load_state_dict(torch.hub.load_state_dict_from_url({url!r}, map_location="cpu"))
    return network
"""


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A torch.hub folder as torch-fidelity wants it, on a machine without a network."""

    def unreachable(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "urlopen", unreachable)
    code = tmp_path / "hub" / dinov2.CODE
    code.mkdir(parents=True)
    (code / "hubconf.py").write_text(HUBCONF.format(url=dinov2.URL))
    path = tmp_path / "hub/checkpoints" / dinov2.RELEASED_NAME
    path.parent.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(
            torch.nn.Sequential(torch.nn.Identity(), torch.nn.Flatten(), torch.nn.Linear(12, 6)).state_dict(), path
        )
    return path


def images(count, seed=0):
    return torch.randint(256, (count, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_features_are_those_of_torch_fidelitys_registered_extractor(weights):
    before = torch.hub.get_dir()
    extractor = load_extractor(dinov2.NAME, weights, CPU)
    assert distance_name(extractor.name) == "FD-dinov2" and torch.hub.get_dir() == before
    found = extractor(images(40))
    assert found.features.shape == (40, 6) and found.logits.shape == (40, 0)
    (theirs,) = extractor.module.network(images(32))
    assert type(extractor.module.network).__name__ == "FeatureExtractorDinoV2"
    assert torch.equal(found.features[:32], theirs)


def test_everything_but_the_inception_score_is_measured_in_them(weights, tmp_path):
    extractor = load_extractor(dinov2.NAME, weights, CPU)
    reference = build_reference(images(40, 1), images(20, 2), extractor, "noise")
    reference.save(tmp_path / "reference.npz")
    loaded = Reference.load(tmp_path / "reference.npz")
    assert loaded.hash == reference.hash
    rows = reference_rows(loaded, extractor, 30, 2, 0, OPTIONS)["heldout"]
    assert {"fd", "fd_heldout", "kid", "precision", "recall"} <= {*rows} and "is" not in rows


def test_its_hash_is_of_weights_and_code(weights):
    first = load_extractor(dinov2.NAME, weights, CPU).hash
    code = weights.parent.parent / dinov2.CODE / "hubconf.py"
    code.write_text(code.read_text() + "# another commit\n")
    assert load_extractor(dinov2.NAME, weights, CPU).hash != first


def test_what_is_missing_is_named_in_one_line(weights, tmp_path):
    other = tmp_path / "dinov2.pth"
    other.write_bytes(weights.read_bytes())
    with pytest.raises(UserError, match=r"dinov2\.pth: must be the file checkpoints/dinov2_vitl14_pretrain\.pth"):
        load_extractor(dinov2.NAME, other, CPU)
    (weights.parent.parent / dinov2.CODE / "hubconf.py").unlink()
    with pytest.raises(UserError, match=r"facebookresearch_dinov2_main/hubconf\.py: is missing"):
        load_extractor(dinov2.NAME, weights, CPU)


def test_what_is_no_network_is_one_line(weights):
    weights.write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"dinov2_vitl14_pretrain\.pth: makes no network") as caught:
        load_extractor(dinov2.NAME, weights, CPU)
    assert "\n" not in str(caught.value)
