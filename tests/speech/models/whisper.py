"""A Whisper model of 2 MB made by hand: the real loader and the real decoding, and words that depend on the sound.

The encoder finds out whether any frame is loud in any band. The decoder is a chain in which each word calls for the
next: it says `SENTENCE` to sound with a voice in it, and that there is no speech in everything else.
"""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from ctranslate2.specs import whisper_spec
from numpy.typing import NDArray

SENTENCE = "hello this is a tiny test model"
_WIDTH, _MELS, _BANDS = 64, 80, 8
_FRAMES, _POSITIONS, _TIMESTAMPS = 1500, 448, 1501
_LOUD = 0.25
"""Of a band's mean in the normalised log mel spectrum, where the loudest bin of speech at -20 dBFS is about 1."""

Weights = NDArray[np.float32]


def make_whisper(directory: Path, *, multilingual: bool = False) -> Path:
    """Write the model to `directory`; made in less than a second."""
    tokens = _tokens(multilingual)
    spec = whisper_spec.WhisperSpec(1, 1, 1, 1)
    _encoder(spec.encoder)
    _decoder(spec.decoder, tokens)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [tokens.index(one) for one in _languages()] if multilingual else []
    spec.config.alignment_heads = [(0, 0)]
    spec.register_vocabulary(tokens)
    spec.validate()
    directory.mkdir(parents=True, exist_ok=True)
    spec.save(str(directory))
    _tokenizer(tokens).save(str(directory / "tokenizer.json"))
    (directory / "preprocessor_config.json").write_text(json.dumps({"feature_size": _MELS, "sampling_rate": 16_000}))
    return directory


def _tokens(multilingual: bool) -> list[str]:
    # The order is Whisper's: whoever loads the model counts on it.
    words = ["<unk>", "", *SENTENCE.split()] if multilingual else ["<unk>", *SENTENCE.split()]
    special = ["<|endoftext|>", "<|startoftranscript|>", *(_languages() if multilingual else ["<|en|>"])]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    special += ["<|notimestamps|>", *(f"<|{number * 0.02:.2f}|>" for number in range(_TIMESTAMPS))]
    return words + special


def _languages() -> list[str]:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    return [f"<|{code}|>" for code in _LANGUAGE_CODES]


def _tokenizer(tokens: list[str]) -> tokenizers.Tokenizer:
    ids = {token: number for number, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return tokenizer


def _encoder(encoder: Any) -> None:
    encoder.position_encodings.encodings = _zeros(_FRAMES, _WIDTH)
    _normal(encoder.layer_norm)
    bands, joined = _zeros(_WIDTH, _MELS, 3), _zeros(_WIDTH, _WIDTH, 3)
    for band in range(_BANDS):
        bands[band, band * _MELS // _BANDS : (band + 1) * _MELS // _BANDS, 1] = 20 * _BANDS / _MELS
        joined[0, band, 1] = 1.0
    encoder.conv1.weight, encoder.conv1.bias = bands, _zeros(_WIDTH)
    encoder.conv1.bias[:_BANDS] = -20 * _LOUD
    encoder.conv2.weight, encoder.conv2.bias = joined, _zeros(_WIDTH)
    encoder.conv2.bias[1] = 1.0  # what loudness is compared with, when the norm has made it relative
    layer = encoder.layer[0]
    _attention(layer.self_attention, [3 * _WIDTH, _WIDTH])
    _feed_forward(layer.ffn)


def _decoder(decoder: Any, tokens: list[str]) -> None:
    at = {token: number for number, token in enumerate(tokens)}
    vectors = _vectors(tokens, at)
    loud = np.zeros(_WIDTH, dtype=np.float32)
    loud[0] = 1.0
    decoder.embeddings.weight = vectors
    decoder.position_encodings.encodings = _zeros(_POSITIONS, _WIDTH)
    _normal(decoder.layer_norm)
    layer = decoder.layer[0]
    _attention(layer.self_attention, [3 * _WIDTH, _WIDTH])
    _attention(layer.attention, [_WIDTH, 2 * _WIDTH, _WIDTH])
    query, key_value, out = layer.attention.linear
    query.bias[0] = 8.0
    key_value.weight[0, 0] = 5.0  # the loudest frame wins
    key_value.weight[_WIDTH, 0] = 1 / 8
    out.weight[:, 0] = loud
    _feed_forward(layer.ffn)
    decoder.projection.weight = _bigrams(tokens, at, vectors, loud)
    decoder.projection.bias = _zeros(len(tokens))


def _vectors(tokens: list[str], at: dict[str, int]) -> Weights:
    """Nearly orthogonal ones; all timestamps share theirs, and the first dimension is left to loudness."""
    vectors = np.random.default_rng(5).normal(size=(len(tokens), _WIDTH)).astype(np.float32)
    vectors[:, 0] = 0.0
    vectors[at["<|0.00|>"] :] = vectors[at["<|notimestamps|>"]]
    vectors -= vectors.mean(axis=1, keepdims=True)
    vectors[:, 0] = 0.0
    unit: Weights = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _bigrams(tokens: list[str], at: dict[str, int], vectors: Weights, loud: Weights) -> Weights:
    """The last layer: row `next` answers to the vector of the token before it."""
    rows = _zeros(len(tokens), _WIDTH)
    chain = ["<|notimestamps|>", *SENTENCE.split(), "<|endoftext|>"]
    for before, after in itertools.pairwise(chain):
        rows[at[after]] += 4.0 * vectors[at[before]]
    rows[at["<|endoftext|>"]] += 12.0 * vectors[at["model"]]
    rows[at["<|endoftext|>"]] += 8.0 * vectors[at["<|notimestamps|>"]] - 6.0 * loud
    rows[at["<|nospeech|>"]] += 8.0 * vectors[at["<|startoftranscript|>"]] - 6.0 * loud
    rows[at["<|en|>"]] += 4.0 * vectors[at["<|startoftranscript|>"]]
    return 2 * rows


def _attention(attention: Any, widths: list[int]) -> None:
    _normal(attention.layer_norm)
    for linear, width in zip(attention.linear, widths, strict=True):
        linear.weight, linear.bias = _zeros(width, _WIDTH), _zeros(width)


def _feed_forward(ffn: Any) -> None:
    _normal(ffn.layer_norm)
    for linear in (ffn.linear_0, ffn.linear_1):
        linear.weight, linear.bias = _zeros(_WIDTH, _WIDTH), _zeros(_WIDTH)


def _normal(norm: Any) -> None:
    norm.gamma, norm.beta = np.ones(_WIDTH, dtype=np.float32), _zeros(_WIDTH)


def _zeros(*shape: int) -> Weights:
    return np.zeros(shape, dtype=np.float32)
