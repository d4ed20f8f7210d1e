"""Fresh noise by name, and by image: a sampler may ask for more than one a step, and a block may be of any size."""

import pytest
import tiny
import torch

from atbench.models.weights import build
from atbench.rng import gaussian
from atbench.tasks.generate import GROUP, Generator

NETWORK = {"image_size": 8, "in_channels": 1, "channels": 8, "channel_mult": [1], "num_res_blocks": 1}
NETWORK |= {"attention_resolutions": [], "channels_per_head": 8, "num_groups": 4}
CPU, COUNT = torch.device("cpu"), 300  # images, of more than two groups
ROUNDED = 1e-4  # share of pixels that the network's round-off may move by a grey level


def network(**changes):
    torch.manual_seed(0)
    model = build("unet", NETWORK | changes)
    with torch.no_grad():
        for place, parameter in enumerate(model.parameters()):  # the head begins at zero
            parameter.add_(0.05 * gaussian(parameter.shape, "head", place))
    return model.eval()


def generator_of(block, sampler=None, **changes):
    return Generator(network(**changes), sampler, ("suite", 0), CPU, block=block)


def by_image(block, part):
    """What ``part(generator, block)`` gives for the first COUNT images."""
    generator = generator_of(block, num_classes=10)
    return torch.cat([part(generator, index) for index in range(-(-COUNT // block))])[:COUNT]


def test_further_names_give_further_noise_and_the_step_alone_what_it_always_gave():
    noise = generator_of(2).step_noise(5)
    assert torch.equal(noise(3), gaussian((GROUP, 1, 8, 8), "suite", 0, "step", 0, 3)[10:12])
    corrector = noise("corrector", 3)
    assert torch.equal(corrector, noise("corrector", 3))
    assert not torch.equal(corrector, noise(3)) and not torch.equal(corrector, noise("corrector", 4))


def test_a_block_of_one_group_has_the_numbers_that_released_images_were_made_from():
    generator = generator_of(GROUP)
    assert Generator.block == GROUP
    assert torch.equal(generator.step_noise(2)(7), gaussian((GROUP, 1, 8, 8), "suite", 0, "step", 2, 7))


@pytest.mark.parametrize("block", [1, 7, 100, 128, 250])
@pytest.mark.parametrize(
    "part",
    [lambda g, b: g.requests(b), lambda g, b: g.step_noise(b)(3), lambda g, b: g.step_noise(b)("corrector", 3)],
    ids=["classes", "step noise", "further noise"],
)
def test_random_numbers_belong_to_the_image_not_to_its_block(block, part):
    found = by_image(block, part)
    assert torch.equal(found, by_image(64, part))
    assert len(set(map(str, found.tolist()))) == (10 if found.ndim == 1 else COUNT)  # each image has its own


@pytest.mark.parametrize("kind, nfe", [("ddim", 5), ("ancestral", 5)])
def test_another_block_gives_the_same_images_up_to_the_networks_round_off(kind, nfe):
    sampler = tiny.sampler_of(kind, nfe)
    whole, odd, again = (generator_of(block, sampler, num_classes=10)(COUNT) for block in (128, 50, 50))
    assert torch.equal(odd[0], again[0])  # at an equal block equal bits
    assert torch.equal(whole[1], odd[1])
    gap = (whole[0].int() - odd[0].int()).abs()
    assert gap.max() <= 1 and (gap > 0).float().mean() <= ROUNDED
    assert whole[0].float().std() > 20  # they show something
