"""A small text encoder, trained together with the network that it conditions."""

import torch
from torch import Tensor, nn

HEADS = 2
PAD, START = 0, 1  # tokens of every vocabulary; the start stands in every caption


class CaptionEncoder(nn.Module):
    """Tokens (N, L) -> one vector (N, out): embeddings, one transformer layer, mean over the words.

    Every caption must hold a token beside the padding, the start at least.
    """

    def __init__(self, vocabulary: int, length: int, width: int, out: int):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.places = nn.Parameter(torch.zeros(length, width))
        self.layer = nn.TransformerEncoderLayer(width, HEADS, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.project = nn.Linear(width, out)

    def forward(self, tokens: Tensor) -> Tensor:
        padding = tokens == PAD
        words = self.layer(self.words(tokens) + self.places, src_key_padding_mask=padding)
        kept = (~padding).unsqueeze(-1).to(words)
        return self.project((words * kept).sum(1) / kept.sum(1))


def empty_captions(count: int, length: int) -> Tensor:
    """Tokens (count, length) of captions without a word."""
    tokens = torch.full((count, length), PAD)
    tokens[:, 0] = START
    return tokens
