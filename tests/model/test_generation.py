"""Generation: step by step it is the same model, and what is chosen follows its probabilities."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

import numbanet as nn
from numbanet.errors import ModelError
from numbanet.generation import Generator, stepwise
from numbanet.zoo.language import CELLS, language_model

SYMBOLS = 7


def small(cell: str = "lstm", **options: object) -> nn.Sequential:
    """A model of text, its weights large enough for its opinions to differ."""
    options = {"hidden": 12, "embedding": 5, "dtype": "float64", "seed": 1} | options
    model = language_model(SYMBOLS, 6, cell=cell, **options)  # type: ignore[arg-type]
    for array in model.parameters().values():
        array *= 3.0
    return model


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max())
    return np.asarray(e / e.sum())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_one_step_at_a_time_is_the_whole_window(cell: str, layers: int) -> None:
    model = small(cell, layers=layers, dropout=0.3)
    tokens = np.array([[3, 1, 4, 1, 5, 0]])
    whole = np.array(model.forward(tokens))[0]
    generator = Generator(model)
    for _ in range(2):  # the second time from the beginning again, which is what `tokens` does
        list(generator.tokens([0], 3, seed=1))
        generator._twin.reset_states()
        steps = [np.array(generator.feed(int(token))) for token in tokens[0]]
        np.testing.assert_allclose(steps, whole, rtol=1e-12, atol=1e-12)


def test_the_seed_decides() -> None:
    generator = Generator(small())
    texts = [list(generator.tokens([1, 2], 300, seed=seed)) for seed in (5, 5, 6)]
    assert texts[0] == texts[1] != texts[2]
    assert list(islice(generator.tokens([1, 2], 10**9, seed=5), 300)) == texts[0]
    assert list(Generator(small()).tokens([1, 2], 300, seed=5)) == texts[0]


def test_training_on_changes_nothing_here() -> None:
    model = small()
    generator = Generator(model)
    before = list(generator.tokens([1], 50))
    model.parameters()["0_embedding.weight"][...] = 0.0
    assert list(generator.tokens([1], 50)) == before


@pytest.mark.parametrize(("temperature", "top_k"), [(1.0, None), (0.5, None), (2.0, 3), (1.0, 2)])
def test_how_often_each_symbol_comes(temperature: float, top_k: int | None) -> None:
    generator, draws = Generator(small()), 4000
    generator._twin.reset_states()
    expected = softmax(np.array(generator.feed(2)) / temperature)
    if top_k is not None:
        expected[np.argsort(expected)[:-top_k]] = 0.0
        expected /= expected.sum()
    first = [next(generator.tokens([2], 1, temperature=temperature, top_k=top_k, seed=seed)) for seed in range(draws)]
    found = np.bincount(first, minlength=SYMBOLS) / draws
    assert np.abs(found - expected).max() < 4 * 0.5 / draws**0.5
    assert (found[expected == 0] == 0).all()


def test_the_likeliest() -> None:
    model = small()
    told = [2]
    while len(told) < 7:
        window = np.array([told + [0] * (6 - len(told))])
        told.append(int(model.forward(window)[0, len(told) - 1].argmax()))
    generator = Generator(model)
    for options in ({"temperature": 0.0}, {"top_k": 1}, {"temperature": 1e-9}):
        assert list(generator.tokens([2], 6, **options)) == told[1:]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"prompt": []}, "prompt: expected one token or more"),
        ({"prompt": [SYMBOLS]}, "below 7"),
        ({"prompt": [-1]}, "prompt"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"length": -1}, "length"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        Generator(small()).tokens(**({"prompt": [1], "length": 3} | arguments))  # type: ignore[arg-type]


def test_models_that_do_not_write() -> None:
    with pytest.raises(ModelError, match=r"from tokens \(t,\) to logits"):
        stepwise(nn.Sequential(nn.Flatten(), nn.Dense(3), input_shape=(4, 4)))
    no_memory = nn.Sequential(nn.Embedding(5, 4), nn.TimeDistributed(nn.Dense(5)), input_shape=(6,))
    with pytest.raises(ModelError, match="a layer that remembers"):
        stepwise(no_memory)
    backward = nn.Sequential(
        nn.Embedding(5, 4),
        nn.LSTM(3, return_sequences=True, reverse=True),
        nn.TimeDistributed(nn.Dense(5)),
        input_shape=(6,),
    )
    with pytest.raises(ModelError, match="1_lstm, which reads backward"):
        stepwise(backward)
