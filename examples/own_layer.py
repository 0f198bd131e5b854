"""A layer with a kernel of its own: y = x * g, with a g that is learned for each feature (docs/layers.md)."""

import numpy as np
from numba import prange

import numbanet as nn
from numbanet import initializers
from numbanet.kernels.jit import kernel
from numbanet.layers.base import Layer

PARTS = 16  # a fixed number, so that any number of threads adds in the same order


@kernel
def scale_forward(y, x, g):
    """y = x * g: x and y (n, f), g (f,)."""
    for i in prange(x.shape[0]):
        row, out = x[i], y[i]
        for j in range(g.size):
            out[j] = row[j] * g[j]


@kernel
def scale_backward(dx, dg, dy, x, g, partials):
    """dx = dy * g; dg = the sum over the rows of dy * x. partials (PARTS, f) is scratch."""
    n, parts = x.shape[0], partials.shape[0]
    for index in prange(parts):
        part = np.int64(index)  # prange counts in uint64
        total = partials[part]
        total[:] = 0
        for i in range(n * part // parts, n * (part + 1) // parts):
            for j in range(g.size):
                dx[i, j] = dy[i, j] * g[j]
                total[j] += dy[i, j] * x[i, j]
    dg[:] = 0
    for part in range(parts):
        for j in range(g.size):
            dg[j] += partials[part, j]


class Scale(Layer):
    """y = x * g."""

    def build(self, in_shape):
        """Declare g, one number for each feature, and the outputs."""
        if len(in_shape) != 1:
            raise self.error("inputs of one axis, (features,)", in_shape, "Flatten() before it makes them.")
        self.add_parameter("scale", in_shape, initializers.get("ones"), decay=False)
        self.add_buffer("y", in_shape)
        self.add_buffer("dx", in_shape)
        self.add_scratch("partials", (PARTS, *in_shape))
        return in_shape

    def bind(self, kernels, views):
        """Take the arrays."""
        self.g, self.dg = views.parameters["scale"], views.gradients["scale"]
        self.y, self.dx, self.partials = (views.buffers[name] for name in ("y", "dx", "partials"))

    def forward(self, x, train):
        """y from x."""
        scale_forward(self.y, x, self.g)
        return self.y

    def backward(self, x, dy, need_dx=True):
        """dx from dy; fills the gradient of g."""
        scale_backward(self.dx, self.dg, dy, x, self.g, self.partials)
        return self.dx


def check() -> float:
    """The largest difference between the gradient of g and finite differences."""
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((100, 7)), rng.standard_normal((100, 7))
    model = nn.Sequential(Scale(), input_shape=(7,), seed=0, dtype="float64")
    model.forward(x, train=True)
    model.backward(dy)
    gradient, g = model.gradients()["0_scale.scale"].copy(), model.parameters()["0_scale.scale"]
    worst, step = 0.0, 1e-6
    for j in range(7):
        sums = []
        for move in (step, -2 * step):
            g[j] += move
            sums.append(float((model.forward(x, train=True) * dy).sum()))
        g[j] += step
        worst = max(worst, abs((sums[0] - sums[1]) / (2 * step) - gradient[j]))
    return worst


print(f"gradient against finite differences: off by {check():.1e} at most")
data = nn.data.load("digits")
layers = (nn.Flatten(), nn.Dense(64, activation="relu"), Scale(), nn.Dense(10))
model = nn.Sequential(*layers, input_shape=(28, 28, 1), seed=0)
model.fit(*data.train, epochs=3, optimizer=nn.Adam(2e-3))
print(f"test accuracy {model.evaluate(*data.test)['accuracy']:.2%}")
