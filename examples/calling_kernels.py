"""Logistic regression on digits, written with kernels alone: no layers, no model, only functions over arrays."""

import numpy as np

import numbanet as nn
from numbanet.kernels import cpu

CLASSES, BATCH, EPOCHS, RATE = 10, 100, 5, 0.2

data = nn.data.load("digits")
(images, labels), (test_images, test_labels) = data.train, data.test
n, pixels = len(images), images[0].size
rows_of = images.reshape(n, pixels)

weights, bias = np.zeros((pixels, CLASSES), np.float32), np.zeros(CLASSES, np.float32)
dw, db = np.empty_like(weights), np.empty_like(bias)
x, z, dz = (np.empty((BATCH, width), np.float32) for width in (pixels, CLASSES, CLASSES))
y, losses, none = np.empty(BATCH, labels.dtype), np.empty(BATCH, np.float32), np.empty(0, np.float32)
no_mask = np.empty(0, np.uint8)
rate, scale = np.array([RATE]), np.ones(1)
plain = (0.0, 0.0, 0.0, 0.0, 0)  # no clipping, L1, L2 or weight decay

for epoch in range(1, EPOCHS + 1):
    totals = np.zeros(4)  # losses, their weights, hits, examples
    order = np.random.default_rng(epoch).permutation(n)
    for start in range(0, n, BATCH):
        rows = order[start : start + BATCH]
        cpu.gather(x, rows_of, rows, 1 / 255)  # bytes to numbers from 0 to 1
        cpu.gather_labels(y, labels, rows)
        cpu.dense_forward(z, x, weights, bias, cpu.LINEAR)
        cpu.cross_entropy(totals, losses, dz, z, y, no_mask, none, 0.0, -1)
        cpu.dense_backward_params(dw, db, x, dz)
        cpu.sgd(weights.reshape(-1), dw.reshape(-1), rate, scale, *plain)
        cpu.sgd(bias, db, rate, scale, *plain)
    print(f"epoch {epoch}: loss {totals[0] / totals[1]:.4f}, accuracy {totals[2] / totals[3]:.2%}")

x = test_images.reshape(len(test_images), pixels).astype(np.float32) / 255
z = np.empty((len(x), CLASSES), np.float32)
cpu.dense_forward(z, x, weights, bias, cpu.LINEAR)
print(f"test accuracy {np.mean(z.argmax(axis=1) == test_labels):.2%}")
