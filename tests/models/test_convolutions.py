"""What a wide network does another way: convolutions of doubled images, 1x1 convolutions, dropout, memory layout."""

import weakref

import pytest
import torch
from tiny import LAYOUTS, WIDE_NETWORK, batch, same_states, settings, through_file, trainer_of
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from atbench.models import convolutions
from atbench.models.blocks import Dropout
from atbench.models.convolutions import PointwiseConv2d, Resize, ResizedConv2d, joined_taps


def images(layout, channels=6, height=5, width=3, dtype=torch.float32):
    drawn = torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(1), dtype=dtype)
    return drawn.to(memory_format=LAYOUTS[layout]).requires_grad_()


def results(x, conv, output):
    """An output with the gradients of a loss in it: of the images, the kernel and the bias."""
    return output, *torch.autograd.grad((output * output.cos()).sum(), (x, conv.weight, conv.bias))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("direction", ["up", "down", None])
def test_a_resized_convolution_is_the_convolution_of_the_resized_images(layout, direction):
    x, conv = images(layout, height=6, width=4, dtype=torch.float64), ResizedConv2d(6, 7, Resize(direction)).double()
    plain = F.conv2d(Resize(direction)(x), conv.weight, conv.bias, padding=1)
    for found, expected in zip(results(x, conv, conv(x)), results(x, conv, plain), strict=True):
        torch.testing.assert_close(found, expected)


def test_doubled_images_are_convolved_in_four_ninths_of_the_operations():
    counted = {}
    for layout in LAYOUTS:
        x, conv = images(layout), ResizedConv2d(6, 7, Resize("up"))
        with FlopCounterMode(display=False) as counter:
            conv(x).sum().backward()
        counted[layout] = counter.get_total_flops()
    assert counted["channels innermost"] * 9 == counted["pixels innermost"] * 4


def test_kernels_of_doubled_images_are_made_again_for_the_gradient_and_not_kept(monkeypatch):
    made = []

    def noted(*arguments, **place):
        kernel = joined_taps(*arguments, **place)
        made.append(weakref.ref(kernel.untyped_storage()))
        return kernel

    monkeypatch.setattr(convolutions, "joined_taps", noted)
    output = ResizedConv2d(6, 7, Resize("up"))(images("channels innermost"))
    assert [kernel() is None for kernel in made] == 4 * [True]
    output.sum().backward()
    assert len(made) == 8


def test_kernels_of_doubled_images_are_not_made_again_of_a_weight_that_has_changed():
    conv = ResizedConv2d(6, 7, Resize("up"))
    output = conv(images("channels innermost"))
    with torch.no_grad():
        conv.weight.add_(1)
    with pytest.raises(RuntimeError, match="has changed since"):
        output.sum().backward()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_pointwise_convolution_is_a_convolution(layout):
    x, conv = images(layout, dtype=torch.float64), PointwiseConv2d(6, 7).double()
    plain = F.conv2d(x, conv.weight, conv.bias)
    for found, expected in zip(results(x, conv, conv(x)), results(x, conv, plain), strict=True):
        torch.testing.assert_close(found, expected)


def test_dropout_zeroes_a_share_of_p_and_keeps_the_mean():
    x = torch.ones(400, 500)
    torch.manual_seed(0)
    dropped = Dropout(0.3)(x)
    share = round(0.3 * 2**16) / 2**16
    assert dropped.unique().tolist() == [0, pytest.approx(1 / (1 - share))]
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.005)  # five standard errors
    torch.manual_seed(0)
    assert torch.equal(Dropout(0.3)(x), dropped)
    assert Dropout(0.3).eval()(x) is x and Dropout(0.0)(x) is x
    assert Dropout(0.999999)(x).count_nonzero() < 20


def test_a_wide_network_keeps_channels_innermost_through_every_block():
    model = trainer_of(settings(), **WIDE_NETWORK).model
    strides: list[int] = []
    for block in (*model.input_blocks, model.middle_block, *model.output_blocks):
        block.register_forward_hook(lambda block, arguments, output: strides.append(output.stride(1)))
    model(batch()[0], torch.arange(8))
    assert strides and set(strides) == {1}


def test_a_wide_network_goes_on_bit_for_bit_and_its_optimizer_moves_the_weights_that_the_gradients_are_of():
    """Torch's fused optimizer reads memory as it lies: an average of another layout would move other weights."""
    unbroken = trainer_of(settings(), **WIDE_NETWORK)
    unbroken.train_batch(*batch(0))
    state = through_file(unbroken.state())
    resumed, plain = (trainer_of(settings(), seed=seed, **WIDE_NETWORK) for seed in (7, 8))
    for trainer in (resumed, plain):
        trainer.load(through_file(state))  # each its own: an optimizer goes on in the tensors that it is given
    for group in plain.optimizer.param_groups:
        group["fused"] = False
    for trainer in (unbroken, resumed, plain):
        trainer.train_batch(*batch(1))
    assert same_states(resumed.state(), unbroken.state())
    weights = resumed.model.state_dict()
    for name, expected in plain.model.state_dict().items():
        moved = (expected - state["model"][name]).abs().max()
        assert (weights[name] - expected).abs().max() <= 1e-2 * moved, name
