"""Networks: guided-diffusion's exact layout, attention and embedding written out, the moving average, weights files."""

import json
import math
import random

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from atbench.data import to_float
from atbench.metrics.extractors import load_extractor
from atbench.models.blocks import AttentionBlock, timestep_embedding
from atbench.models.ema import MovingAverage, power_average, power_exponent
from atbench.models.unet import UNet
from atbench.models.weights import build, load_model, save_weights
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.spec.models.training import Ema
from atbench.spec.signatures import declared

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
NETWORKS = declared("models", "arguments")

CIFAR = {
    "image_size": 32,
    "in_channels": 3,
    "channels": 128,
    "channel_mult": (1, 2, 2, 2),
    "num_res_blocks": 3,
    "attention_resolutions": (16, 8),
    "channels_per_head": 32,
    "dropout": 0.3,
}
IMAGENET = {
    "image_size": 64,
    "in_channels": 3,
    "channels": 192,
    "channel_mult": (1, 2, 3, 4),
    "num_res_blocks": 3,
    "attention_resolutions": (32, 16, 8),
    "channels_per_head": 64,
    "dropout": 0.1,
    "num_classes": 1000,
}
DIGITS = {
    "image_size": 8,
    "in_channels": 1,
    "channels": 8,
    "channel_mult": (1, 2),
    "num_res_blocks": 1,
    "attention_resolutions": (4,),
    "channels_per_head": 8,
    "num_groups": 4,
}
PAPER = [("cifar", CIFAR, 57_094_662), ("imagenet", IMAGENET, 295_904_454)]


# The architecture once more, as names and shapes only: (name, shape) of every parameter in order.


def affine(name, *shape):
    return [(f"{name}.weight", shape), (f"{name}.bias", shape[:1])]


def res_block(name, c_in, c_out, embedding):
    skip = [] if c_in == c_out else affine(f"{name}.skip_connection", c_out, c_in, 1, 1)
    return [
        *affine(f"{name}.in_layers.0", c_in),
        *affine(f"{name}.in_layers.2", c_out, c_in, 3, 3),
        *affine(f"{name}.emb_layers.1", 2 * c_out, embedding),
        *affine(f"{name}.out_layers.0", c_out),
        *affine(f"{name}.out_layers.3", c_out, c_out, 3, 3),
        *skip,
    ]


def attention(name, c):
    qkv, out = affine(f"{name}.qkv", 3 * c, c, 1), affine(f"{name}.proj_out", c, c, 1)
    return [*affine(f"{name}.norm", c), *qkv, *out]


def down_path(config, embedding):
    """Parameters of input_blocks and the width after each of them."""
    c = config["channel_mult"][0] * config["channels"]
    found, widths, side = affine("input_blocks.0.0", c, config["in_channels"], 3, 3), [c], config["image_size"]
    for level, mult in enumerate(config["channel_mult"]):
        for _ in range(config["num_res_blocks"]):
            name, c_out = f"input_blocks.{len(widths)}", mult * config["channels"]
            found += res_block(f"{name}.0", c, c_out, embedding)
            c = c_out
            found += attention(f"{name}.1", c) if side in config["attention_resolutions"] else []
            widths.append(c)
        if level < len(config["channel_mult"]) - 1:
            found += res_block(f"input_blocks.{len(widths)}.0", c, c, embedding)
            widths.append(c)
            side //= 2
    return found, widths


def up_path(config, embedding, c, widths):
    """Parameters of output_blocks: each takes the width before it and one of the way down, last first."""
    found, block = [], 0
    for level in reversed(range(len(config["channel_mult"]))):
        side, c_out = config["image_size"] >> level, config["channel_mult"][level] * config["channels"]
        for i in range(config["num_res_blocks"] + 1):
            name, last = f"output_blocks.{block}", i == config["num_res_blocks"]
            found += res_block(f"{name}.0", c + widths.pop(), c_out, embedding)
            attends = side in config["attention_resolutions"]
            found += attention(f"{name}.1", c_out) if attends else []
            found += res_block(f"{name}.{1 + attends}", c_out, c_out, embedding) if last and level > 0 else []
            c, block = c_out, block + 1
    return found, c


def architecture(config):
    """Every parameter (name, shape) of guided-diffusion's UNetModel with resblock_updown and scale-shift norm."""
    embedding = 4 * config["channels"]
    found = affine("time_embed.0", embedding, config["channels"]) + affine("time_embed.2", embedding, embedding)
    if config.get("num_classes"):
        found.append(("label_emb.weight", (config["num_classes"], embedding)))
    down, widths = down_path(config, embedding)
    c = widths[-1]
    middle = res_block("middle_block.0", c, c, embedding) + attention("middle_block.1", c)
    middle += res_block("middle_block.2", c, c, embedding)
    up, c = up_path(config, embedding, c, widths)
    return found + down + middle + up + affine("out.0", c) + affine("out.2", 2 * config["in_channels"], c, 3, 3)


@pytest.fixture(scope="module", params=PAPER, ids=[name for name, *_ in PAPER])
def paper_network(request):
    """(config, parameter count, state dict) of a network of the paper, without its memory."""
    _, config, count = request.param
    with torch.device("meta"):
        return config, count, UNet(**config).state_dict()


def randomised(module, seed=0):
    """The module with all parameters drawn anew, so that no branch starts as zero."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3, generator=generator)
    return module


def images(n=2, channels=1, side=8, seed=1):
    return torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(seed))


def test_parameter_counts_of_the_paper(paper_network):
    _, count, state = paper_network
    assert sum(tensor.numel() for tensor in state.values()) == count


def test_names_shapes_and_order_follow_from_the_architecture(paper_network):
    config, count, state = paper_network
    expected = architecture(config)
    assert sum(math.prod(shape) for _, shape in expected) == count
    assert [(name, tuple(tensor.shape)) for name, tensor in state.items()] == expected


@pytest.mark.parametrize(
    "name",
    [
        "time_embed.0.weight",
        "input_blocks.0.0.weight",
        "input_blocks.1.0.in_layers.0.weight",
        "input_blocks.1.0.emb_layers.1.bias",
        "input_blocks.1.0.out_layers.3.weight",
        "input_blocks.5.0.skip_connection.weight",
        "middle_block.1.qkv.weight",
        "middle_block.1.proj_out.bias",
        "output_blocks.0.0.skip_connection.weight",
        "output_blocks.15.0.out_layers.0.weight",
        "out.0.weight",
        "out.2.bias",
    ],
)
def test_names_that_released_checkpoints_carry(paper_network, name):
    assert name in paper_network[2]


def test_label_table_only_in_the_class_conditional_network(paper_network):
    config, _, state = paper_network
    assert ("label_emb.weight" in state) == ("num_classes" in config)


def test_output_is_exactly_zero_at_initialisation():
    out = UNet(**DIGITS)(images(), torch.tensor([0, 999]))
    assert out.shape == (2, 2, 8, 8)
    assert torch.equal(out, torch.zeros_like(out))


def test_exactly_the_last_layer_of_every_residual_branch_starts_at_zero():
    weights = {k: v for k, v in UNet(**DIGITS).named_parameters() if k.endswith("weight")}
    zero = {name for name, weight in weights.items() if not weight.any()}
    assert zero == {name for name in weights if "out_layers.3" in name or "proj_out" in name or name == "out.2.weight"}


def test_without_learned_sigma_only_eps_comes_out():
    assert UNet(**DIGITS, learn_sigma=False)(images(), torch.tensor([0, 1])).shape == (2, 1, 8, 8)


def plain_attention(block, x):
    """x + proj(softmax(q k^T / sqrt(d)) v), head by head and channel by channel as guided-diffusion lays them out."""
    n, c, h, w = x.shape
    flat, heads, d = x.reshape(n, c, h * w), block.heads, c // block.heads
    normed = nn.functional.group_norm(flat, block.norm.num_groups, block.norm.weight, block.norm.bias, 1e-5)
    qkv = torch.einsum("oc,ncp->nop", block.qkv.weight[:, :, 0], normed) + block.qkv.bias[:, None]
    attended = []
    for head in range(heads):
        if block.new_order:
            q, k, v = (qkv[:, part * c + head * d : part * c + (head + 1) * d] for part in range(3))
        else:
            q, k, v = (qkv[:, (3 * head + part) * d : (3 * head + part + 1) * d] for part in range(3))
        share = torch.softmax(torch.einsum("ndp,ndq->npq", q, k) / math.sqrt(d), dim=-1)
        attended.append(torch.einsum("npq,ndq->ndp", share, v))
    out = torch.einsum("oc,ncp->nop", block.proj_out.weight[:, :, 0], torch.cat(attended, 1))
    return (flat + out + block.proj_out.bias[:, None]).reshape(x.shape)


@pytest.mark.parametrize("new_order", [True, False])
def test_attention_is_plain_softmax_attention(new_order):
    block, x = randomised(AttentionBlock(12, 4, 3, new_order)), images(2, 12, 4)
    torch.testing.assert_close(block(x), plain_attention(block, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("new_order", [True, False])
@pytest.mark.parametrize("device", DEVICES)
def test_attention_hands_over_what_the_fused_kernels_take(new_order, device):
    block, x = randomised(AttentionBlock(32, 16, 4, new_order)).to(device), images(2, 32, 4).to(device)
    fused = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]  # the latter on CUDA alone
    with sdpa_kernel(fused[:1] if device == "cpu" else fused):
        block(x).square().mean().backward()
    assert block.qkv.weight.grad.abs().sum() > 0
    for part in block.split(block.norm(x.flatten(2))):
        assert part.stride(-1) == 1


def test_attention_keeps_nothing_of_the_size_of_all_pairs_of_pixels():
    block, x = randomised(AttentionBlock(32, 16, 4, True)), images(2, 32, 16)
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        block(x)
    assert kept and max(tensor.numel() for tensor in kept) <= 2 * 3 * 32 * 16**2


def test_attention_orders_differ_by_a_permutation_of_qkv():
    new, legacy = (randomised(AttentionBlock(12, 4, 3, order)) for order in (True, False))
    x = images(2, 12, 4)
    assert not torch.allclose(new(x), legacy(x), atol=1e-3)
    # legacy rows are (head, part, channel), new rows (part, head, channel)
    rows = torch.arange(36).reshape(3, 3, 4).transpose(0, 1).flatten()
    new.load_state_dict(legacy.state_dict() | {f"qkv.{k}": v[rows] for k, v in legacy.qkv.state_dict().items()})
    torch.testing.assert_close(new(x), legacy(x), rtol=1e-5, atol=1e-5)


def test_timestep_embedding_cosines_first():
    t = torch.tensor([0.0, 1.0, 991.5])
    frequencies = [1.0, 10_000**-0.5]
    expected = [[f(v * w) for f in (math.cos, math.sin) for w in frequencies] for v in t.tolist()]
    torch.testing.assert_close(timestep_embedding(t, 4), torch.tensor(expected), rtol=0, atol=2e-5)
    assert timestep_embedding(t.long(), 4)[0].tolist() == [1, 1, 0, 0]
    assert timestep_embedding(t, 5)[:, 4].tolist() == [0, 0, 0]


def test_dropout_acts_only_in_training():
    model, plain = randomised(UNet(**DIGITS, dropout=0.5)), randomised(UNet(**DIGITS, dropout=0.0))
    x, t = images(), torch.tensor([3, 700])
    assert not torch.equal(model.train()(x, t), model.train()(x, t))
    assert torch.equal(model.eval()(x, t), plain.train()(x, t))


def test_class_labels_required_exactly_when_conditional():
    x, t, labels = images(), torch.tensor([3, 700]), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="class labels"):
        UNet(**DIGITS)(x, t, labels)
    model = randomised(UNet(**DIGITS, num_classes=2))
    with pytest.raises(ValueError, match="class labels"):
        model(x, t)
    assert not torch.allclose(model(x, t, labels)[1], model(x, t, torch.zeros_like(labels))[1])


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"num_groups": 3}, "model.num_groups"),
        ({"num_groups": 32}, "model.num_groups"),
        ({"channels_per_head": 5}, "model.channels_per_head"),
        ({"image_size": 9}, "model.image_size"),
        ({"channel_mult": (1, 1, 1, 1, 1)}, "model.image_size"),
        ({"width": 8}, "width"),
    ],
)
def test_impossible_widths_are_refused_by_key(change, key):
    with pytest.raises(UserError, match=key):
        build("unet", DIGITS | change)


def test_unknown_network_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"'unnet'.*digits-classifier"):
        build("unnet", DIGITS)


def follow_average(length, values):
    """The average's value after each of ``values`` of a one-parameter model; starts at 7."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 7.0)
    average, seen = MovingAverage(model, length), []
    for value in values:
        nn.init.constant_(model.weight, value)
        average.update()
        seen.append(average.module.weight.item())
    assert average.updates == len(values)
    return seen


def test_decay_average_is_the_recursion():
    values, expected = [1.0, 3.0, -2.0, 0.5], []
    for value in values:
        expected.append(0.9 * expected[-1] + 0.1 * value if expected else value)  # the first update copies
    assert follow_average(Ema(decay=0.9), values) == pytest.approx(expected, rel=1e-6)


def test_power_average_is_the_recursion():
    values, gamma, expected = [1.0, 3.0, -2.0, 0.5], power_exponent(0.1), []
    for n, value in enumerate(values, start=1):
        decay = (1 - 1 / n) ** (gamma + 1)
        expected.append(decay * expected[-1] + (1 - decay) * value if expected else value)
    assert follow_average(Ema(relative_length=0.1), values) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("length", "function"),
    [
        (Ema(decay=0.99), get_ema_multi_avg_fn(0.99)),
        (Ema(relative_length=0.1), lambda own, new, n: power_average(0.1)(own, new, int(n))),
    ],
)
def test_the_average_has_the_bits_of_torchs_own(length, function):
    torch.manual_seed(0)
    model = nn.Sequential(build("unet", DIGITS), nn.BatchNorm2d(2))  # with buffers
    ours, theirs = MovingAverage(model, length), AveragedModel(model, multi_avg_fn=function)
    for _ in range(5):
        for tensor in (*model.parameters(), *model[1].buffers()):
            tensor.data += torch.ones_like(tensor) if tensor.dtype == torch.int64 else torch.randn_like(tensor)
        ours.update()
        theirs.update_parameters(model)
    found, expected = ours.module.state_dict(), theirs.module.state_dict()
    assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in found)
    assert ours.updates == int(theirs.n_averaged)


def test_an_update_of_the_average_walks_no_modules(monkeypatch):
    average = MovingAverage(build("unet", DIGITS), Ema(decay=0.9))
    monkeypatch.setattr(nn.Module, "parameters", lambda *_: pytest.fail("walked"))
    monkeypatch.setattr(nn.Module, "buffers", lambda *_: pytest.fail("walked"))
    average.update()
    average.update()


@pytest.mark.parametrize("length", [0.05, 0.1, 0.2])
def test_power_average_has_the_asked_length(length):
    updates = 1000
    model = nn.Linear(updates, 1, bias=False)
    average = MovingAverage(model, Ema(relative_length=length))
    for n in range(updates):  # weights that are one-hot in time: the average becomes its own weight profile
        nn.init.zeros_(model.weight)
        model.weight.data[0, n] = 1
        average.update()
    profile = average.module.weight.detach().double()[0]
    time = (torch.arange(updates).double() + 1) / updates
    assert profile.sum().item() == pytest.approx(1, abs=1e-5)
    std = (profile @ time.square() - (profile @ time).square()).sqrt()
    assert std.item() == pytest.approx(length, rel=0.01)


CLASSIFIER = {"width": 8, "num_classes": 3}
AUTOENCODER = {"image_size": 8, "in_channels": 1, "channels": 8, "latent_channels": 2, "num_groups": 4}
STABLE_DIFFUSION = {
    "image_size": 8,
    "in_channels": 1,
    "text_shape": [3, 8],
    "unet": {
        "in_channels": 1,
        "out_channels": 1,
        "cross_attention_dim": 8,
        "block_out_channels": [8, 8],
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "attention_head_dim": 4,
    },
}
KINDS = {
    "unet": DIGITS,
    "digits-classifier": CLASSIFIER,
    "autoencoder": AUTOENCODER,
    "stable-diffusion": STABLE_DIFFUSION,
}


@pytest.fixture(params=sorted(NETWORKS))
def saved(request, tmp_path):
    """(path, model, network) of a weights file."""
    network = request.param
    model, path = randomised(build(network, KINDS[network])), tmp_path / "weights.safetensors"
    save_weights(path, model, network, KINDS[network])
    return path, model, network


def test_weights_files_round_trip_bit_for_bit(saved):
    path, model, network = saved
    loaded = load_model(path, network)
    assert not loaded.training
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    x = images(3)
    t = torch.tensor([0, 5, 999])
    more = {"unet": [t], "autoencoder": [torch.ones(3, 2, 4, 4)], "stable-diffusion": [t, torch.ones(3, 3, 8)]}
    more = more.get(network, [])
    assert torch.equal(first_of(loaded(x, *more)), first_of(model.eval()(x, *more)))


def first_of(output):
    return output[0] if isinstance(output, tuple) else output


def test_equal_weights_make_equal_files(saved):
    path, model, network = saved
    hashes = {file_hash(path)}
    for _ in range(20):  # cells and the extractor are keyed by this hash
        save_weights(path, model, network, KINDS[network])
        hashes.add(file_hash(path))
    assert len(hashes) == 1


def test_classifier_file_serves_the_extractor(tmp_path):
    model, path = randomised(build("digits-classifier", CLASSIFIER)), tmp_path / "weights.safetensors"
    save_weights(path, model, "digits-classifier", CLASSIFIER)
    pixels = torch.randint(256, (5, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = load_extractor("digits-cnn", path, "cpu")(pixels)
    features, logits = model.eval().features_and_logits(to_float(pixels))
    assert features.shape == (5, model.embedding_channels) and logits.shape == (5, 3)
    torch.testing.assert_close(found.features, features)
    torch.testing.assert_close(found.logits, logits)


def rewrite(path, tensors=None, **header):
    """Replace parts of a weights file's tensors or header; a header value None removes the key."""
    found = load_file(path)
    network = "unet" if "out.0.weight" in found else "digits-classifier"
    whole = {"network": network, "config": KINDS[network]} | header
    text = header.get("text", json.dumps({key: value for key, value in whole.items() if value is not None}))
    save_file(found | (tensors or {}), path, metadata={"model": text})


def first(path, change):
    """The first tensor of a weights file, changed."""
    name, tensor = next(iter(load_file(path).items()))
    return {name: change(tensor)}


DAMAGE = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "foreign bytes": lambda path: path.write_bytes(random.Random(0).randbytes(4000)),
    "torch file": lambda path: torch.save({"weight": torch.zeros(3)}, path),
    "no header": lambda path: save_file(load_file(path), path),
    "half a header": lambda path: rewrite(path, config=None),
    "other network": lambda path: rewrite(path, network="transformer"),
    "NaN": lambda path: rewrite(path, first(path, lambda tensor: torch.full_like(tensor, math.nan))),
    "infinite": lambda path: rewrite(path, first(path, lambda tensor: torch.full_like(tensor, math.inf))),
    "other shape": lambda path: rewrite(path, first(path, lambda tensor: torch.zeros(*tensor.shape, 2))),
    "surplus tensor": lambda path: rewrite(path, {"surplus": torch.zeros(1)}),
    "header cut off": lambda path: rewrite(path, text='{"network": '),
    "header of other arguments": lambda path: rewrite(path, config={"depth": 3}),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_weights_are_refused_by_file_in_one_line(saved, how):
    path, _, network = saved
    DAMAGE[how](path)
    with pytest.raises(UserError) as caught:
        load_model(path, network)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_weights_of_the_other_network_are_refused(saved):
    path, _, network = saved
    with pytest.raises(UserError, match=f"holds a {network}"):
        load_model(path, next(name for name in NETWORKS if name != network))
