"""Fresh noise by name: a sampler may ask for more than one a step."""

import torch

from atbench.models.weights import build
from atbench.rng import gaussian
from atbench.tasks.generate import Generator

NETWORK = {"image_size": 8, "in_channels": 1, "channels": 8, "channel_mult": [1], "num_res_blocks": 1}
NETWORK |= {"attention_resolutions": [], "channels_per_head": 8, "num_groups": 4}


def test_further_names_give_further_noise_and_the_step_alone_what_it_always_gave():
    generator = Generator(build("unet", NETWORK), None, ("suite", 0), torch.device("cpu"), block=2)
    noise = generator.step_noise(5)
    assert torch.equal(noise(3), gaussian((2, 1, 8, 8), "suite", 0, "step", 5, 3))
    corrector = noise("corrector", 3)
    assert torch.equal(corrector, noise("corrector", 3))
    assert not torch.equal(corrector, noise(3)) and not torch.equal(corrector, noise("corrector", 4))
