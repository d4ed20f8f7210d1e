"""DINOv2 ViT-L/14, by the extractor that torch-fidelity registers: features of natural images that no label shaped.

torch-fidelity takes network and weights from a folder of torch.hub, and would download what is missing there. Here both
have to lie in place: a benchmark runs on machines without a network, and says which file it was. Images are enlarged as
torch-fidelity does it, bilinearly to 224 x 224; numbers of code that resizes in another way are others.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from atbench.metrics.features import Extractor
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest, file_hash

NAME = "dinov2-vit-l-14"  # torch-fidelity's, and ours
MODEL = "dinov2_vitl14"
RELEASED_NAME = f"{MODEL}_pretrain.pth"
URL = f"https://dl.fbaipublicfiles.com/dinov2/{MODEL}/{RELEASED_NAME}"
CODE = "facebookresearch_dinov2_main"  # what torch.hub calls the folder of the repository facebookresearch/dinov2
WANTED = f"its weights, the file {URL}, in the folder `checkpoints` beside {CODE}"
BLOCK = 32  # images per forward pass


class Dinov2Features(nn.Module):
    """uint8 images (n, 3, H, W) -> features (n, d), d = 1024 of ViT-L, and logits (n, 0): it knows no classes."""

    def __init__(self, hub: Path):
        super().__init__()
        with hub_folder(hub):
            self.network = FEATURE_EXTRACTORS_REGISTRY[NAME](NAME, ["dinov2"])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        (features,) = self.network(images)
        return features, features[:, :0]


@contextlib.contextmanager
def hub_folder(folder: Path) -> Iterator[None]:
    """torch.hub looks into ``folder`` meanwhile."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(folder))
    try:
        yield
    finally:
        torch.hub.set_dir(before)


def load(path: Path, weights_hash: str, device: torch.device) -> Extractor:
    """The extractor of a weights file that lies as torch.hub has it, with the network's code beside.

    Its hash is of both, since the code decides what the weights see. Raises UserError for a file of another name or in
    another place, for code that is not there, and for what torch.hub makes no network of.
    """
    hub = path.resolve().parent.parent
    if path.name != RELEASED_NAME or path.resolve().parent.name != "checkpoints":
        raise UserError(f"{path}: must be the file checkpoints/{RELEASED_NAME} of a torch.hub folder ({URL})")
    if not (hub / CODE / "hubconf.py").is_file():
        raise UserError(
            f"{hub / CODE}/hubconf.py: is missing: the network's code, the repository facebookresearch/dinov2"
        )
    sources = {str(file.relative_to(hub)): file_hash(file) for file in sorted((hub / CODE).rglob("*.py"))}
    try:
        module = Dinov2Features(hub).to(device)
    except Exception as error:  # whatever the code of that folder raises
        raise UserError(f"{path}: makes no network of {hub / CODE} ({str(error).splitlines()[:1]})") from error
    return Extractor(NAME, digest([weights_hash, sources]), module, 3, None, BLOCK, device)
