"""From a class's words to token ids, with places for learned context vectors, for any tokenizer.

C classes, M context vectors, L tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training_core.base.errors import ConfigError, WeightsError
from training_core.network.text.base import NamedClass
from training_core.network.weight_files import Need

_PLACE = "a"  # a word of one token in any vocabulary; its embedding is never used


@dataclass(frozen=True)
class Tokenizer:
    """A tower's tokenizer.

    Attributes
    ----------
    encode
        Words to ids, without special tokens.
    before
        The special tokens before the words.
    after
        The special tokens after the words.
    pad
        The token that fills a row.
    """

    encode: Callable[[str], list[int]]
    before: tuple[int, ...]
    after: tuple[int, ...]
    pad: int = 0


@dataclass(frozen=True)
class Prompts:
    """The classes' prompts as tokens.

    Attributes
    ----------
    ids
        (C, L), special tokens, M places, words, special tokens, padding.
    start
        The column of the first place.
    places
        M, the number of places.
    used
        Number of columns up to the last one that is not padding everywhere.
    """

    ids: Tensor
    start: int
    places: int
    used: int


def clip_tokenizer(tokenizer: Any) -> Tokenizer:
    """CLIP's byte pair encoding, open_clip's `SimpleTokenizer`."""
    return Tokenizer(tokenizer.encode, (tokenizer.sot_token_id,), (tokenizer.eot_token_id,))


def transformers_tokenizer(wrapped: Any) -> Tokenizer:
    """A tokenizer of the transformers package inside open_clip's `HFTokenizer`, cleaning and marks as there."""
    inner = wrapped.tokenizer

    def encode(words: str) -> list[int]:
        return list(inner(wrapped.clean_fn(words), add_special_tokens=False).input_ids)

    before, after = _around(list(inner(_PLACE).input_ids), encode(_PLACE))
    if wrapped.strip_sep_token:
        after = tuple(0 if token == inner.sep_token_id else token for token in after)
    return Tokenizer(encode, before, after, inner.pad_token_id)


def json_tokenizer(path: Path, need: Need) -> Tokenizer:
    """A tokenizer in the tokenizers library's JSON format; padding has id 0, as in all towers that use this.

    Raises
    ------
    WeightsError
        No such file, not a tokenizer, or the library is not installed.
    """
    try:
        from tokenizers import Tokenizer as Library
    except ImportError as error:
        raise WeightsError(
            "the tokenizers package, which reads this model's tokenizer, is not installed",
            "the tokenizers package",
            'pip install "napari-unisemalign[text]"',
        ) from error
    if not path.is_file():
        raise WeightsError(f"there is no file {path}", need.file, f"check the path; {need.hint}")
    try:
        library = Library.from_file(str(path))
    except Exception as error:  # the library raises plain Exception for a file that it can't parse
        raise WeightsError(f"{path} is not a tokenizer JSON file ({error})", need.file, need.hint) from error
    library.no_truncation()
    library.no_padding()

    def encode(words: str) -> list[int]:
        return list(library.encode(words, add_special_tokens=False).ids)

    return Tokenizer(encode, *_around(library.encode(_PLACE).ids, encode(_PLACE)))


def prompts(tokenizer: Tokenizer, classes: Sequence[NamedClass], places: int, context_length: int) -> Prompts:
    """The classes' prompts. A class's words are its prompt, or its name where the prompt is empty.

    The sentence is encoded as a whole, so that the words are split as they are behind other words.

    Raises
    ------
    ConfigError
        A class's words do not fit; names the class.
    WeightsError
        The tokenizer has no words.
    """
    if len(tokenizer.encode(f"{_PLACE} {_PLACE}")) != 2:
        raise WeightsError(
            f"the tokenizer does not give one token for the word {_PLACE}",
            "the text model's own tokenizer, whose vocabulary has common words",
            "correct or remove text.tokenizer_path",
        )
    marks = len(tokenizer.before) + len(tokenizer.after)
    room = context_length - marks - places
    ids = torch.full((len(classes), context_length), tokenizer.pad, dtype=torch.long)
    used = 0
    for row, tissue in zip(ids, classes, strict=True):
        words = " ".join((tissue.prompt.strip() or tissue.name.replace("_", " ")).split())
        tokens = tokenizer.encode(" ".join([_PLACE] * places + [words]))
        n_words = len(tokens) - places
        if n_words > room:
            raise ConfigError(
                f"the text prompt of class {tissue.name} has {n_words} tokens",
                f"at most {room}: the text model reads {context_length}, of which {marks} mark start and end and "
                f"{places} are context",
                f"shorten the prompt of {tissue.name}",
            )
        tokens = [*tokenizer.before, *tokens, *tokenizer.after]
        row[: len(tokens)] = torch.tensor(tokens)
        used = max(used, len(tokens))
    return Prompts(ids, len(tokenizer.before), places, used)


def _around(marked: list[int], plain: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The special tokens before and after the `plain` ones in `marked`."""
    start = next(i for i in range(len(marked)) if marked[i : i + len(plain)] == plain)
    return tuple(marked[:start]), tuple(marked[start + len(plain) :])
