"""Captions of the digits: a few phrasings around a number word, as token numbers of a fixed vocabulary."""

import torch
from torch import Tensor

from atbench.rng import uniform
from atbench.runtime.errors import UserError

CLASS_NAMES = tuple(map(str, range(10)))  # of the data set that the captions describe
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PHRASES = ("a handwritten {}", "the digit {}", "a scan of the number {}", "{} written by hand", "somebody wrote a {}")
PAD, START = 0, 1  # tokens; the start stands in every caption, so that the empty one is not nothing
WORDS = sorted({word for phrase in PHRASES for word in phrase.split() if word != "{}"} | set(DIGITS))
TOKENS = {word: index for index, word in enumerate(WORDS, start=2)}
VOCABULARY = len(WORDS) + 2
LENGTH = 1 + max(len(phrase.split()) for phrase in PHRASES)


def captions(digits: Tensor, *names: str | int) -> list[str]:
    """A caption for each of the digits (N,), its phrasing drawn by name."""
    chosen = (uniform((len(digits),), *names, "phrase") * len(PHRASES)).long().tolist()
    return [PHRASES[k].format(DIGITS[digit]) for k, digit in zip(chosen, digits.tolist())]


def tokenise(texts: list[str]) -> Tensor:
    """Tokens int64 (N, LENGTH), start first, padding last; "" is the empty caption.

    Raises UserError for a word that is not in the vocabulary and for a caption that is too long.
    """
    rows = torch.full((len(texts), LENGTH), PAD)
    for row, text in zip(rows, texts):
        words = text.split()
        unknown = [word for word in words if word not in TOKENS]
        if unknown or len(words) >= LENGTH:
            raise UserError(f"caption {text!r}: " + (f"unknown word {unknown[0]!r}" if unknown else "too long"))
        row[: len(words) + 1] = torch.tensor([START, *(TOKENS[word] for word in words)])
    return rows


def empty(count: int) -> Tensor:
    """Tokens of ``count`` empty captions: the unconditional side of guidance."""
    return tokenise([""] * count)
