"""Convolution (cross-correlation, as everywhere in the field) and its gradients. Outputs are overwritten (`=`).

    y[n, i, j, f] = act(b[f] + sum over p, q, c of x[n, i stride + p dilation - top, j stride + q dilation - left, c]
                                                   w[p, q, c, f])

Shapes: x (n, h, w, c), y (n, oh, ow, f), w (kh, kw, c / groups, f), b (f,) or (0,) for no bias. `window`, a
`geometry.Window`, has everything else. With groups, c / groups consecutive channels of x make f / groups
consecutive ones of y. What lies outside x counts as 0.

Each tap (p, q) of the kernel sees one strided slice of the padded image, and is a matrix product over channels.
`scratch` is working memory for kernels that want some; here it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from numbanet.kernels.geometry import Window, extent
from numbanet.kernels.reference.activation import activation_forward
from numbanet.kernels.reference.arrays import Array, quiet, wide

Inside = tuple[slice, slice, slice, slice]


def _check(name: str, x: Array, y: Array, w: Array, b: Array, window: Window, groups: int) -> None:
    """The sizes that the arrays must share; that of the output itself depends on the padding, and may be any."""
    _, _, _, channels = x.shape
    _, _, _, filters = y.shape
    fits = (
        channels % groups == 0
        and filters % groups == 0
        and w.shape == (window.kernel_h, window.kernel_w, channels // groups, filters)
        and len(x) == len(y)
        and b.size in (0, filters)
    )
    if not fits:
        raise ValueError(
            f"{name}: the shapes of x (n, h, w, c), y (n, oh, ow, f), w (kh, kw, c / groups, f) and b (f,) do not fit"
        )


def _padded(x: Array, y: Array, window: Window) -> tuple[Array, Inside]:
    """Zeros of the size of x and its padding, and where in there x lies."""
    n, height, width, channels = x.shape
    _, out_h, out_w, _ = y.shape
    seen_h = (out_h - 1) * window.stride_h + extent(window.kernel_h, window.dilation_h)
    seen_w = (out_w - 1) * window.stride_w + extent(window.kernel_w, window.dilation_w)
    bottom, right = window.top + height, window.left + width
    inside = (slice(None), slice(window.top, bottom), slice(window.left, right), slice(None))
    return np.zeros((n, max(seen_h, bottom), max(seen_w, right), channels)), inside


def _taps(y: Array, window: Window) -> Iterator[tuple[int, int, slice, slice]]:
    """(p, q, rows, columns): of the padded image, what tap (p, q) reads for all pixels of y."""
    _, out_h, out_w, _ = y.shape
    for p in range(window.kernel_h):
        top = p * window.dilation_h
        rows = slice(top, top + (out_h - 1) * window.stride_h + 1, window.stride_h)
        for q in range(window.kernel_w):
            left = q * window.dilation_w
            yield p, q, rows, slice(left, left + (out_w - 1) * window.stride_w + 1, window.stride_w)


def _groups(x: Array, y: Array, groups: int) -> Iterator[tuple[slice, slice]]:
    """For each group its channels of x and its channels of y."""
    ins, outs = x.shape[3] // groups, y.shape[3] // groups
    for group in range(groups):
        yield slice(group * ins, (group + 1) * ins), slice(group * outs, (group + 1) * outs)


@quiet
def conv2d_forward(
    y: Array, x: Array, w: Array, b: Array, window: Window, groups: int, activation: int, scratch: Array
) -> None:
    """y = act(the convolution of x with w, + b), with `activation` one of codes.FUSED."""
    _check("conv2d_forward", x, y, w, b, window, groups)
    image, inside = _padded(x, y, window)
    image[inside] = x
    z = np.zeros(y.shape) + (wide(b) if b.size else 0)
    for ins, outs in _groups(x, y, groups):
        for p, q, rows, columns in _taps(y, window):
            z[..., outs] += image[:, rows, columns, ins] @ wide(w[p, q, :, outs])
    activation_forward(z.reshape(-1), z.reshape(-1), activation, 0.0)
    y[...] = z


@quiet
def conv2d_backward_input(dx: Array, dy: Array, w: Array, window: Window, groups: int, scratch: Array) -> None:
    """dx: each pixel of dy, times the taps, goes back to the pixels of x that it was computed from."""
    _check("conv2d_backward_input", dx, dy, w, dx[:0], window, groups)
    image, inside = _padded(dx, dy, window)
    for ins, outs in _groups(dx, dy, groups):
        for p, q, rows, columns in _taps(dy, window):
            image[:, rows, columns, ins] += wide(dy[..., outs]) @ wide(w[p, q, :, outs]).T
    dx[...] = image[inside]


@quiet
def conv2d_backward_params(
    dw: Array, db: Array, x: Array, dy: Array, window: Window, groups: int, scratch: Array
) -> None:
    """dw: each tap's pixels of x times those of dy, summed over the batch; db = the sums of dy (no bias: size 0)."""
    _check("conv2d_backward_params", x, dy, dw, db, window, groups)
    image, inside = _padded(x, dy, window)
    image[inside] = x
    batch_and_pixels = ([0, 1, 2], [0, 1, 2])
    for ins, outs in _groups(x, dy, groups):
        for p, q, rows, columns in _taps(dy, window):
            dw[p, q, :, outs] = np.tensordot(image[:, rows, columns, ins], wide(dy[..., outs]), batch_and_pixels)
    if db.size:
        db[...] = np.sum(wide(dy), axis=(0, 1, 2))
