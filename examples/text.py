"""A character-level language model: read a text character by character, guess the next one, then write.

`numbanet train text` and `numbanet generate` do this with every comfort; here is what they do at heart.
"""

import pydoc_data.topics

import numpy as np

import numbanet as nn

STREAMS, WINDOW, STEPS, UNITS = 64, 32, 300, 128

text = "\n".join(pydoc_data.topics.topics.values())  # the reference of Python, which comes with Python
alphabet = sorted(set(text))
number_of = {character: number for number, character in enumerate(alphabet)}
tokens = np.array([number_of[character] for character in text])


def network(steps: int) -> nn.Sequential:
    """The model for windows of so many steps; it remembers where the last window ended."""
    layers = (nn.Embedding(len(alphabet), 32), nn.LSTM(UNITS, return_sequences=True, stateful=True))
    return nn.Sequential(*layers, nn.TimeDistributed(nn.Dense(len(alphabet))), input_shape=(steps,), seed=0)


# 64 readers at 64 places in the text; each goes on where its last window ended.
length = (len(tokens) - 1) // STREAMS
places = np.arange(STREAMS) * length
model = network(WINDOW)
step = nn.TrainStep(model, optimizer=nn.Adam(3e-3, clip_norm=1.0), loss="cross_entropy")
for number in range(STEPS):
    start = number * WINDOW % (length - WINDOW)
    window = tokens[places[:, None] + start + np.arange(WINDOW + 1)]
    loss = step(window[:, :-1], window[:, 1:])
    if number % 100 == 99:
        print(f"step {number + 1}: {loss / np.log(2):.2f} bits per character")

writer = network(1)  # the same weights, one step at a time
for name, values in model.parameters().items():
    writer.parameters()[name][...] = values
rng, written = np.random.default_rng(0), "The "
for character in written[:-1]:
    writer.forward(np.array([[number_of[character]]]))
for _ in range(200):
    logits = writer.forward(np.array([[number_of[written[-1]]]]))[0, 0].astype(float) / 0.7
    share = np.exp(logits - logits.max())
    written += alphabet[rng.choice(len(alphabet), p=share / share.sum())]
print(written)
