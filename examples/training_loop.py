"""A training loop of one's own: `TrainStep` is one step, and everything around it is yours.

Here the learning rate follows the validation: where an epoch brought nothing, it is halved.
"""

import numpy as np

import numbanet as nn

EPOCHS, BATCH = 8, 128

data = nn.data.load("digits")
(x, y), validation = data.train, data.test
model = nn.Sequential(
    nn.Conv2D(8, 3, activation="relu"),
    nn.MaxPool2D(2),
    nn.Conv2D(16, 3, activation="relu"),
    nn.GlobalAvgPool2D(),
    nn.Dense(10),
    input_shape=(28, 28, 1),
    seed=0,
)
rate = 4e-3
step = nn.TrainStep(model, optimizer=nn.Adam(rate), loss="cross_entropy")
order = np.random.default_rng(0)
best = 0.0

for epoch in range(1, EPOCHS + 1):
    rows = order.permutation(len(x))
    losses = [step(x[batch], y[batch]) for batch in np.array_split(rows, len(x) // BATCH)]
    accuracy = model.evaluate(*validation)["accuracy"]
    print(f"epoch {epoch}: rate {rate:g}, loss {np.mean(losses):.4f}, accuracy {accuracy:.2%}")
    if accuracy <= best:
        rate /= 2
        step = nn.TrainStep(model, optimizer=nn.Adam(rate), loss="cross_entropy")
    best = max(best, accuracy)
