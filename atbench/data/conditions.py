"""What a network is conditioned on: nothing, the class, a caption of it, or the embedding of a text."""

import torch
from torch import Tensor

from atbench.data.captions import captions, empty, tokenise
from atbench.rng import uniform
from atbench.runtime.errors import UserError

CAPTION = "caption"


def condition(kind: bool | str, labels: Tensor | None, names: tuple, drop: float = 0.0) -> Tensor | None:
    """The network's ``labels`` argument for images of the classes ``labels`` (N,): None, (N,) or tokens (N, L).

    Text embeddings (N, L, D), which come with their images, are returned as they are.

    ``kind`` is a suite's ``conditional``: False, True (the class itself) or CAPTION.
    Phrasings are drawn by name. ``drop`` is the share of captions left empty: the unconditional side of guidance.
    """
    if kind is False:
        return None
    if kind is True:
        return labels
    if labels.is_floating_point():
        if drop:
            raise UserError("conditional: text embeddings cannot be left empty; pretrained networks are only distilled")
        return labels
    tokens = tokenise(captions(labels.cpu(), *names))
    dropped = uniform((len(tokens),), *names, "drop") < drop
    return torch.where(dropped[:, None], empty(len(tokens)), tokens).to(labels.device)
