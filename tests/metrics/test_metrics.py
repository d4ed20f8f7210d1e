"""Metrics against closed forms, against the libraries' own results, and on real digits."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch_fidelity.utils import create_feature_extractor

from atbench.metrics.anchors import noise_images, reference_rows
from atbench.metrics.cell import frechet_distance
from atbench.metrics.extractors import EXTRACTORS, load_extractor
from atbench.metrics.features import Features, extract, feature_rank, joined
from atbench.metrics.frechet import distances
from atbench.metrics.manifold import ball_radii, overlap
from atbench.metrics.memorisation import nearest_distances, nn_ratio
from atbench.metrics.reference import Reference, Split, build_reference, feature_statistics
from atbench.metrics.score import check_options, score
from atbench.metrics.stream import Blockwise, Scoring
from atbench.metrics.uncertainty import blocks_of, jackknife_se
from atbench.models.classifier import EMBEDDING_CHANNELS, DigitsClassifier
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.spec.metrics import DISTANCE_NAMES, METRICS, distance_name
from atbench.spec.models.metric_options import MetricOptions

WRITTEN = {"kid_subsets": 20, "kid_subset_size": 256, "is_splits": 8, "pr_neighbours": 3, "blocks": 8}
OPTIONS = MetricOptions.model_validate(WRITTEN)
SMALL = MetricOptions.model_validate(WRITTEN | {"kid_subset_size": 50})


def test_metrics_start_without_the_compiler_and_leave_it_usable():
    program = (
        "import sys, torch, atbench.metrics.score\n"
        "assert 'sympy' not in sys.modules and 'torch._dynamo' not in sys.modules\n"
        "assert torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1)) == 2\n"
        "assert 'torch._dynamo.convert_frame' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def changed(**options):
    """The options of the metrics, some of them changed."""
    return MetricOptions.model_validate(WRITTEN | options)


def write_weights(path, model, **config):
    header = json.dumps({"network": "digits-classifier", "config": config})
    save_file(model.state_dict(), path, metadata={"model": header})
    return path


@pytest.fixture(scope="module")
def digits():
    """(train, held-out) uint8 images of the scikit-learn scans and the training labels, shuffled."""
    data = load_digits()
    order = torch.randperm(len(data.images), generator=generator(1))
    images = torch.from_numpy(data.images * (255 / 16)).round().to(torch.uint8)[order, None]
    return images[:1348], images[1348:], torch.from_numpy(data.target)[order][:1348]


@pytest.fixture(scope="module")
def weights(digits, tmp_path_factory):
    """A classifier after one pass over the digits: enough for features that know a digit from noise."""
    images, _, labels = digits
    with torch.random.fork_rng():
        torch.manual_seed(0)  # initial weights and dropout masks
        model = DigitsClassifier().train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
        for index in torch.randperm(len(images), generator=generator()).split(64):
            loss = torch.nn.functional.cross_entropy(model(images[index] / 127.5 - 1), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return write_weights(tmp_path_factory.mktemp("weights") / "digits.safetensors", model)


@pytest.fixture(scope="module")
def extractor(weights):
    return load_extractor("digits-cnn", weights, "cpu")


@pytest.fixture(scope="module")
def reference(digits, extractor):
    return build_reference(digits[0], digits[1], extractor, "digits")


# Jackknife -------------------------------------------------


def without(values, block):
    """The values, less those of a block."""
    return values[[row for row in range(len(values)) if row not in set(block.tolist())]]


def test_jackknife_of_a_mean_is_the_textbook_standard_error():
    values = torch.randn(64, generator=generator()).double()
    leave_outs = [without(values, block).mean().item() for block in blocks_of(64, 64)]
    assert jackknife_se(leave_outs) == pytest.approx(values.std().item() / 8, rel=1e-9)
    blocks = [without(values, block).mean().item() for block in blocks_of(64, 8)]
    block_means = torch.stack([values[block].mean() for block in blocks_of(64, 8)])
    assert jackknife_se(blocks) == pytest.approx(block_means.std().item() / 8**0.5, rel=1e-9)


def test_blocks_cover_everything_and_do_not_follow_the_order():
    blocks = [set(block.tolist()) for block in blocks_of(100, 4)]
    assert set.union(*blocks) == set(range(100)) and all(len(rows) == 25 for rows in blocks)
    assert all(max(rows) - min(rows) > 50 for rows in blocks)
    assert all(map(torch.equal, blocks_of(100, 4), blocks_of(100, 4)))
    assert [len(block) for block in blocks_of(10, 3)] == [4, 3, 3]


def test_the_order_of_the_images_does_not_enter_the_standard_errors(digits, extractor, reference):
    """Digits sorted by class once had a standard error several times that of the same digits in any other order."""
    images, _, labels = digits
    orders, options = (torch.arange(512), labels[:512].argsort()), changed(kid_subset_size=50, blocks=32)
    mixed, in_order = (score(images[rows], extractor(images[rows]), reference, options) for rows in orders)
    for name in ("fd_se", "precision_se", "recall_se"):
        assert in_order[name] == pytest.approx(mixed[name], rel=0.5), name


def test_jackknife_errors_are_near_the_spread_over_fresh_samples_and_not_below():
    real = torch.randn(400, 4, generator=generator())
    gaussian, radii, blocks = feature_statistics(real), ball_radii(real, 3), blocks_of(200, 8)
    statistics = {
        "fd": lambda x: distances(x, gaussian, blocks),
        "precision": lambda x: (lambda found: (found.precision, found.precisions))(overlap(x, real, radii, 3, blocks)),
        "recall": lambda x: (lambda found: (found.recall, found.recalls))(overlap(x, real, radii, 3, blocks)),
    }
    draws = torch.randn(80, 200, 4, generator=generator(1)) + 0.3
    ratio = {}
    for name, measured in statistics.items():
        values, leave_outs = zip(*map(measured, draws))
        ratio[name] = np.sqrt(np.mean(np.square([*map(jackknife_se, leave_outs)]))) / np.std(values, ddof=1)
    # The spread itself is known to 8 % (80 draws). Precision is a mean; the other two err on the safe side.
    assert ratio["precision"] == pytest.approx(1, abs=0.25)
    assert 0.85 < ratio["fd"] < 2 and 0.85 < ratio["recall"] < 2


# Memorisation ----------------------------------------------


def random_images(count, seed):
    return torch.randint(0, 256, (count, 1, 8, 8), generator=generator(seed), dtype=torch.uint8)


@pytest.mark.parametrize("pixels", [(1, 8, 8), (3, 32, 32), (3, 41, 37)])
def test_nearest_distances_are_those_of_integers_to_the_bit(pixels):
    images, others = (
        torch.randint(0, 256, (count, *pixels), generator=generator(count), dtype=torch.uint8) for count in (30, 40)
    )
    images[0], images[1], others[0] = 0, 255, 255  # the largest sums there can be
    squared = (images.flatten(1).long()[:, None] - others.flatten(1).long()).square().sum(2)
    to_train, to_heldout = nearest_distances(images, others, others)
    assert torch.equal(to_train, squared.min(1).values.double().sqrt())
    squared[squared == 0] = squared.max()
    assert to_train[1] == 0 and torch.equal(to_heldout, squared.min(1).values.double().sqrt())


def test_nn_ratio_is_one_without_memorisation_although_the_training_set_is_larger():
    assert nn_ratio(random_images(400, 0), random_images(1000, 1), random_images(100, 2)) == pytest.approx(1, abs=0.03)


def test_nn_ratio_is_zero_for_copies_and_small_for_near_copies():
    train, heldout = random_images(300, 1), random_images(100, 2)
    assert nn_ratio(train, train, heldout) == 0
    near = (train.int() + torch.randint(-2, 3, train.shape, generator=generator())).clamp(0, 255).to(torch.uint8)
    assert nn_ratio(near, train, heldout) < 0.5


def test_nn_ratio_does_not_let_held_out_images_be_their_own_neighbours(digits):
    train, heldout, _ = digits
    assert nn_ratio(heldout, train, heldout) == pytest.approx(1, abs=0.05)


# Extractor and features ------------------------------------


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (12, 3), (28, 1), (64, 3)])
def test_classifier_takes_grey_and_colour_images_of_all_sizes(size, channels):
    model = DigitsClassifier(image_size=size, channels=channels, num_classes=7)
    features, logits = model.features_and_logits(torch.zeros(2, channels, size, size))
    assert features.shape == (2, model.embedding_channels) == (2, 128)
    assert logits.shape == (2, 7)
    assert model(torch.zeros(1, channels, size, size)).shape == (1, 7)


def test_classifier_features_keep_their_position():
    model = DigitsClassifier(dropout=0.0).eval()
    image = torch.full((1, 1, 8, 8), -1.0)
    left, right = image.clone(), image.clone()
    left[..., 3, 1], right[..., 3, 6] = 1.0, 1.0
    features = model.features_and_logits(torch.cat([left, right]))[0].reshape(2, -1, 2, 2)
    assert features.shape[1] * 4 == EMBEDDING_CHANNELS
    assert not torch.allclose(features[0], features[1])


@pytest.mark.parametrize(
    "argument", [{"image_size": 4}, {"channels": 2}, {"width": 20}, {"dropout": 1.0}, {"num_classes": 1}]
)
def test_classifier_refuses_bad_arguments(argument):
    with pytest.raises(UserError, match=next(iter(argument))):
        DigitsClassifier(**argument)


def test_features_do_not_depend_on_how_many_images_are_asked_for(digits, extractor):
    everything = extractor(digits[0][:600])
    assert everything.features.shape == (600, 128) and everything.features.dtype == torch.float32
    for count in (1, 7, 255, 256, 257, 599):
        part = extractor(digits[0][:count])
        assert torch.equal(part.features, everything.features[:count])
        assert torch.equal(part.logits, everything.logits[:count])


def test_features_are_those_of_the_classifier_in_evaluation_mode(digits, extractor):
    images = digits[0][:256]
    with torch.no_grad():
        expected = extractor.module.classifier.eval()(images.float() / 127.5 - 1)
    torch.testing.assert_close(extractor(images).logits, expected)


def test_extractor_is_registered_with_torch_fidelity_under_its_hash(extractor, weights, digits):
    name = f"digits-cnn-{extractor.hash[:8]}"
    assert extractor.hash == file_hash(weights) and extractor.module.get_name() == name
    theirs = create_feature_extractor(
        name, ["features"], feature_extractor_weights_path=str(weights), cuda=False, verbose=False
    )
    (features,) = theirs(digits[0][:256])
    assert torch.equal(features, extractor(digits[0][:256]).features)


@pytest.mark.parametrize(
    ("images", "word"),
    [
        (torch.zeros(2, 1, 8, 8), "dtype"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "shape"),
        (torch.zeros(2, 1, 16, 16, dtype=torch.uint8), "shape"),
        (torch.zeros(8, 8, dtype=torch.uint8), "shape"),
        (torch.zeros(0, 1, 8, 8, dtype=torch.uint8), "n >= 1"),
    ],
)
def test_extract_refuses_wrong_images(extractor, images, word):
    with pytest.raises(UserError, match=word):
        extract(extractor, images)


def test_unknown_extractor_and_missing_file_are_named(tmp_path):
    with pytest.raises(UserError, match=r"inception-v4.*digits-cnn, dinov2-vit-l-14, effnet-lite0, inception-2015"):
        load_extractor("inception-v4", tmp_path / "x", "cpu")
    with pytest.raises(UserError, match=r"none\.safetensors"):
        load_extractor("digits-cnn", tmp_path / "none.safetensors", "cpu")


def test_bad_weights_files_are_named(tmp_path, weights):
    path = tmp_path / "bad.safetensors"
    content = weights.read_bytes()
    model = DigitsClassifier()
    for make in (
        lambda: path.write_bytes(content[: len(content) // 2]),
        lambda: path.write_bytes(b""),
        lambda: path.write_bytes(b"not weights at all"),
        lambda: save_file(model.state_dict(), path),
        lambda: save_file(model.state_dict(), path, metadata={"model": "{"}),
        lambda: write_weights(path, model, width=32),
        lambda: write_weights(path, model, widht=24),
        lambda: write_weights(path, model, channels=2),
    ):
        make()
        with pytest.raises(UserError, match=r"bad\.safetensors") as caught:
            load_extractor("digits-cnn", path, "cpu")
        assert "\n" not in str(caught.value)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    model = DigitsClassifier()
    torch.nn.init.constant_(model.head.bias, torch.nan)
    with pytest.raises(UserError, match=r"nan\.safetensors: holds NaN"):
        load_extractor("digits-cnn", write_weights(tmp_path / "nan.safetensors", model), "cpu")


def test_only_the_released_inception_weights_may_be_called_fid(tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(b"other weights")
    with pytest.raises(UserError, match=r"other\.pth.*6726825d"):
        load_extractor("inception-2015", path, "cpu")


def test_feature_rank_counts_directions():
    x = torch.randn(20_000, 8, generator=generator())
    assert feature_rank(Features(x, x)) == pytest.approx(8, rel=0.01)
    line = x[:, :1] * torch.ones(8)
    assert feature_rank(Features(line, line)) == pytest.approx(1, rel=1e-3)
    with pytest.raises(UserError, match="rank"):
        feature_rank(Features(torch.ones(5, 8), torch.ones(5, 8)))


# Reference -------------------------------------------------


def test_reference_survives_the_file_and_its_hash_follows_the_content(reference, tmp_path, digits, extractor):
    path = tmp_path / "deep" / "digits.npz"
    reference.save(path)
    loaded = Reference.load(path)
    assert loaded.hash == reference.hash and loaded.counts == {"train": 1348, "heldout": 449}
    assert (loaded.data, loaded.extractor, loaded.extractor_hash) == ("digits", "digits-cnn", extractor.hash)
    assert torch.equal(loaded.train.features.features, reference.train.features.features)
    first = path.read_bytes()
    loaded.save(path)
    assert path.read_bytes() == first and [file.name for file in path.parent.iterdir()] == ["digits.npz"]
    assert build_reference(digits[0], digits[1][:448], extractor, "digits").hash != reference.hash


def test_bad_reference_files_are_named(reference, tmp_path):
    path = tmp_path / "ref.npz"
    with pytest.raises(UserError, match=r"ref\.npz"):
        Reference.load(path)
    reference.save(path)
    content = path.read_bytes()
    for bad in (content[: len(content) // 2], content[:-10], b"", b"nonsense"):
        path.write_bytes(bad)
        with pytest.raises(UserError, match=r"ref\.npz"):
            Reference.load(path)
    np.savez(path, data="digits", mu=np.zeros(3))
    with pytest.raises(UserError, match=r"ref\.npz.*heldout_features"):
        Reference.load(path)
    with open(path, "wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(UserError, match=r"ref\.npz"):
        Reference.load(path)


def test_reference_needs_enough_training_images_for_a_chunk(digits, extractor):
    with pytest.raises(UserError, match="train >= held-out"):
        build_reference(digits[0][:10], digits[1][:20], extractor, "digits")


# Scores ----------------------------------------------------


def test_score_has_the_documented_keys_and_repeats_exactly(reference, digits):
    images, features = digits[0][:1024], reference.train.features[:1024]
    first = score(images, features, reference, OPTIONS)
    second = score(images, features, reference, OPTIONS)
    everywhere = {name for name, metric in METRICS.items() if not metric.rare}
    assert first == second and set(first) == (everywhere | {"fd_cleanfid"}) - {"caption_score"}
    assert all(type(value) is float and np.isfinite(value) for value in first.values())
    assert first["fd_cleanfid"] == pytest.approx(first["fd"], rel=1e-4)
    assert first["nn_ratio"] == 0 and first["precision"] == 1
    assert abs(first["kid"]) < 1e-2


def test_wide_features_go_without_clean_fids_matrix_root(monkeypatch):
    monkeypatch.setattr(frechet_distance, "NARROW", 31)
    monkeypatch.setattr(frechet_distance, "frechet_cleanfid", lambda *_: 0.0)
    for width, expected in ((31, True), (32, False)):
        rows = torch.randn(200, width, generator=generator())
        split = Split(torch.zeros(0, 1, 8, 8), Features(rows, rows), feature_statistics(rows))
        values = score(split.images, split.features[:100], Reference("noise", "any", "0", split, split), SMALL)
        assert ("fd_cleanfid" in values) is expected and values["fd"] > 0


@pytest.mark.parametrize("pieces", [[256] * 4, [100] * 10 + [24], [1023, 1], [1] * 5 + [1019]])
def test_scores_do_not_depend_on_the_pieces_that_images_come_in(reference, extractor, digits, pieces):
    images = digits[0][:1024].flip(0)
    scoring, whole = Scoring(extractor, reference, OPTIONS), extractor(images)
    for piece in images.split(pieces):
        scoring.add(piece)
    assert scoring.finish() == score(images, whole, reference, OPTIONS)
    pieced = joined(scoring.features.finish())
    assert torch.equal(pieced.features, whole.features) and torch.equal(pieced.logits, whole.logits)


def test_pixels_are_held_for_a_block_only():
    rows = Blockwise(8, len)
    for count in (3, 3, 3, 20, 8, 1):
        rows.add(torch.zeros(count, 2))
        assert sum(map(len, rows.waiting)) < 8
        assert sum(piece.untyped_storage().nbytes() for piece in rows.waiting) <= 8 * 2 * 4
    assert rows.finish() == [8, 8, 8, 8, 6]


def test_a_piece_of_another_shape_is_refused(reference, extractor):
    with pytest.raises(UserError, match="shape"):
        Scoring(extractor, reference, OPTIONS).add(torch.zeros(2, 1, 16, 16, dtype=torch.uint8))


def test_floor_lies_below_held_out_and_ceiling_on_real_digits(reference, extractor):
    rows = reference_rows(reference, extractor, n=512, repeats=3, seed=0, options=OPTIONS)
    floor, heldout, ceiling = rows["floor"], rows["heldout"], rows["ceiling"]
    assert floor["fd"] < heldout["fd"] < ceiling["fd"] / 3
    assert floor["kid"] < ceiling["kid"] and ceiling["kid"] > 0
    assert floor["precision"] == 1 and heldout["precision"] > 0.7 > ceiling["precision"]
    assert floor["recall"] > ceiling["recall"]
    assert floor["nn_ratio"] == 0 and heldout["nn_ratio"] == pytest.approx(1, abs=0.05)
    assert ceiling["nn_ratio"] == pytest.approx(1, abs=0.05)
    assert heldout["fd_heldout"] == pytest.approx(0, abs=1e-6)
    assert rows["floor_std"]["fd"] > 0
    again = reference_rows(reference, extractor, n=512, repeats=3, seed=0, options=OPTIONS)
    assert again == rows


def test_noise_images_are_truncated_like_samples():
    images = torch.cat(list(noise_images((2000, 1, 8, 8), generator())))
    assert images.dtype == torch.uint8
    assert (images == 0).float().mean().item() == pytest.approx(0.16, abs=0.01)  # P(x < -1 + 1/127.5)
    assert (images == 255).float().mean().item() == pytest.approx(0.1587, abs=0.01)  # P(x >= 1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kid_subset_size", 513),
        ("kid_subset_size", 1),
        ("kid_subsets", 0),
        ("is_splits", 1000),
        ("pr_neighbours", 0),
        ("pr_neighbours", 448),
        ("blocks", 1),
        ("blocks", 300),
        ("blocks", 8.0),
        ("is_splits", True),
        ("sfid", 1),
    ],
)
def test_bad_options_are_named(key, value):
    with pytest.raises((UserError, ValidationError), match=key):
        check_options(changed(**{key: value}), samples=512, reference=1348, what="samples")


def test_missing_option_is_named():
    with pytest.raises(ValidationError, match=r"is_splits\n.*required"):
        MetricOptions.model_validate({key: value for key, value in WRITTEN.items() if key != "is_splits"})


def test_score_refuses_what_does_not_fit_together(reference, digits):
    images, features = digits[0][:512], reference.train.features[:512]
    with pytest.raises(UserError, match="512 images but features of 511"):
        score(images, features[:511], reference, OPTIONS)
    with pytest.raises(UserError, match="32 features"):
        score(images, Features(features.features[:, :32], features.logits), reference, OPTIONS)
    with pytest.raises(UserError, match="shape"):
        score(images[..., :4], features, reference, OPTIONS)
    with pytest.raises(UserError, match="kid_subset_size"):
        score(images[:100], features[:100], reference, OPTIONS)


def test_score_warns_when_the_covariance_is_singular(reference, digits):
    options = changed(kid_subset_size=32)
    with pytest.warns(UserWarning, match="singular"):
        values = score(digits[0][:48], reference.train.features[:48], reference, options)
    assert values["fd_cleanfid"] == pytest.approx(values["fd"], rel=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        score(digits[0][:192], reference.train.features[:192], reference, options)


def test_reference_rows_refuse_another_extractor_and_single_draws(reference, extractor, tmp_path):
    other = load_extractor("digits-cnn", write_weights(tmp_path / "o.safetensors", DigitsClassifier()), "cpu")
    with pytest.raises(UserError, match="made with extractor"):
        reference_rows(reference, other, 512, 3, 0, OPTIONS)
    with pytest.raises(UserError, match="repeats = 1"):
        reference_rows(reference, extractor, 512, 1, 0, OPTIONS)
    with pytest.raises(UserError, match=r"kid_subset_size.*held-out"):
        reference_rows(reference, extractor, 512, 3, 0, changed(kid_subset_size=500))


# Names -----------------------------------------------------


def test_only_inception_features_make_an_fid():
    assert distance_name("digits-cnn") == "FD-digits" and distance_name("inception-2015") == "FID"
    assert set(EXTRACTORS) == set(DISTANCE_NAMES)
    with pytest.raises(UserError, match="digits-cnn, dinov2-vit-l-14, effnet-lite0, inception-2015"):
        distance_name("inception")


def test_names_of_metrics_need_no_torch():
    code = "import sys, atbench.spec.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
