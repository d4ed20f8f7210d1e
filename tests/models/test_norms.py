"""SiLU of a scaled and shifted group norm: one operation of a wide network, equal to those that it stands for."""

import pytest
import torch
from tiny import LAYOUTS
from torch.nn import functional as F

from atbench.models.blocks import ResBlock
from atbench.models.norms import GroupNorm32, ModulatedSiLU

GROUPS, CHANNELS = 2, 6


def drawn(*shape, seed=1, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def inputs(dtype=torch.float32):
    """Images, far from zero and from unit variance, then weight, bias, scale and shift."""
    images = 3 * drawn(2, CHANNELS, 4, 5, dtype=dtype) + 2
    modulation = (drawn(2, CHANNELS, 1, 1, seed=seed, dtype=dtype) for seed in (2, 3))
    return images, *(drawn(CHANNELS, seed=seed, dtype=dtype) for seed in (4, 5)), *modulation


@pytest.mark.parametrize("layout", LAYOUTS)
def test_modulated_silu_is_the_operations_one_by_one(layout):
    norm = GroupNorm32(GROUPS, CHANNELS)
    x, weight, bias, scale, shift = inputs()
    x = x.to(memory_format=LAYOUTS[layout])
    with torch.no_grad():
        norm.weight.copy_(weight), norm.bias.copy_(bias)
    given = [each.requires_grad_() for each in (x, scale, shift)] + [norm.weight, norm.bias]
    plain = F.silu(F.group_norm(x, GROUPS, norm.weight, norm.bias) * (1 + scale) + shift)
    one = norm.modulated_silu(x, scale, shift)
    assert (one.grad_fn.name() == "ModulatedSiLUBackward") == (layout == "channels innermost")
    torch.testing.assert_close(one, plain)
    gradients = [torch.autograd.grad((output * output.cos()).sum(), given) for output in (one, plain)]
    for found, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        assert torch.equal(norm.modulated_silu(x, scale, shift), one)


def test_gradients_of_modulated_silu_are_those_by_differences():
    given = [each.requires_grad_() for each in inputs(torch.float64)]

    def modulated(*arguments):
        return ModulatedSiLU.apply(*arguments, GROUPS, 1e-5)

    assert torch.autograd.gradcheck(modulated, given)


def test_a_wide_residual_block_keeps_two_images_fewer_for_the_gradient():
    """The norm's output and its scaled and shifted form are made again."""
    kept = {}
    for name, layout in LAYOUTS.items():
        block = ResBlock(CHANNELS, CHANNELS, embedding_channels=4, dropout=0.5, num_groups=GROUPS)
        x = drawn(2, CHANNELS, 16, 16).to(memory_format=layout).requires_grad_()
        seen = {}

        def keep(tensor, seen=seen):
            seen[tensor.untyped_storage().data_ptr()] = tensor
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            block(x, drawn(2, 4))
        kept[name] = sum(tensor.nbytes for tensor in seen.values() if tensor.shape == x.shape)
    assert kept["pixels innermost"] - kept["channels innermost"] == 2 * x.nbytes
