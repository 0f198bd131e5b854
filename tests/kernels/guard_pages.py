"""What `test_bounds.py` runs in a process of its own: arrays between pages that must not be touched.

Every operand ends at the last byte before such a page, then begins at the first byte after one: reading or writing
a single element outside ends the process with a segmentation fault. Linux alone. Not collected by pytest.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Any

import numpy as np

from numbanet.kernels import cpu
from numbanet.kernels.codes import TANH
from numbanet.kernels.distortion import Distortion
from numbanet.kernels.geometry import conv2d_scratch, slide

Array = np.ndarray[Any, Any]
PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
kept: list[Any] = []  # the memory lives as long as the process


class Memory:
    """Room for one array between two protected pages; `place` puts an array at either end of it."""

    def __init__(self, most: int) -> None:
        self.size = -(-most // PAGE) * PAGE
        memory = mmap.mmap(-1, self.size + 2 * PAGE)
        self.bytes = np.frombuffer(memory, np.uint8)
        kept.append(memory)
        start = self.bytes.ctypes.data
        for page in (start, start + PAGE + self.size):
            if libc.mprotect(page, PAGE, 0) != 0:  # PROT_NONE
                raise OSError(ctypes.get_errno(), "mprotect failed")

    def place(self, array: Array, at_end: bool) -> Array:
        first = PAGE + (self.size - array.nbytes if at_end else 0)
        placed = self.bytes[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
        placed[...] = array
        return placed


ROOM = [Memory(1 << 20) for _ in range(4)]
SCRATCH = Memory(1 << 24)
SIZES = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 19, 25, 31, 32, 33, 63, 64, 65)
SHAPES = [
    *((s, 9, 11) for s in SIZES), *((9, s, 11) for s in SIZES), *((25, 35, s) for s in (*SIZES, 511, 512, 513)),
    *((25, s, 21) for s in SIZES), (40, 201, 100), (390, 200, 30), (37, 101, 53), (1, 100, 40), (100, 1, 40),
]  # fmt: skip
# (n, size, channels, filters, kernel, stride, padding, groups)
CONVOLUTIONS: list[Any] = [
    *((2, (5, 6), s, 9, (3, 3), (1, 1), "same", 1) for s in SIZES),
    *((2, (5, 6), 3, s, (3, 3), (1, 1), "valid", 1) for s in SIZES),
    *((1, (3, s), 4, 7, (3, 3), (1, 2), (1, 1, 1, 1), 1) for s in SIZES),
    *((1, (4, 5), s, s, (3, 3), (2, 1), "same", s) for s in SIZES),
    *((1, (4, 5), s, 2 * s, (1, 5), (1, 2), "same", s) for s in SIZES), (2, (7, 6), 17, 17, (5, 5), (1, 1), "same", 17),
    (2, (28, 28), 1, 6, (5, 5), (1, 1), "same", 1), (1, (14, 14), 6, 16, (5, 5), (1, 1), "valid", 1),
    (2, (13, 13), 32, 64, (3, 3), (1, 1), "valid", 1), (2, (14, 14), 16, 32, (1, 1), (2, 2), "valid", 1),
    (3, (11, 10), 16, 32, (3, 3), (1, 1), "same", 1), (2, (13, 14), 48, 16, (3, 3), (1, 1), "valid", 1),
    (1, (4, 4), 100, 140, (3, 3), (1, 1), "same", 1), (2, (9, 9), 12, 18, (3, 2), (2, 2), (4, 0, 3, 5), 3),
]  # fmt: skip


def check_gemm(dtype: Any, at_end: bool) -> None:
    for trans_a, trans_b in ((False, False), (True, False), (False, True), (True, True)):
        for m, n, k in SHAPES:
            shapes = ((m, n), (k, m) if trans_a else (m, k), (n, k) if trans_b else (k, n))
            c, a, b = (room.place(np.ones(s, dtype), at_end) for room, s in zip(ROOM, shapes, strict=False))
            cpu.gemm(c, a, b, trans_a, trans_b, True)
            np.testing.assert_array_equal(c, k + 1)
            cpu.gemm(c, a, b, trans_a, trans_b, False)
            np.testing.assert_array_equal(c, k)


def check_dense(dtype: Any, at_end: bool) -> None:
    for n, width_in, width_out in ((5, 7, 3), (16, 33, 10), (33, 65, 31), (128, 100, 10)):
        shapes = ((n, width_out), (n, width_in), (width_in, width_out), (width_out,))
        y, x, w, b = (room.place(np.zeros(s, dtype), at_end) for room, s in zip(ROOM, shapes, strict=True))
        cpu.dense_forward(y, x, w, b, TANH)
        cpu.dense_backward_input(x, y, w)
        cpu.dense_backward_params(w, b, x, y)
        assert not y.any() and not x.any() and not w.any() and not b.any()


def check_augment(dtype: Any, at_end: bool) -> None:
    distortions = (
        Distortion(3, 45.0, 0.5, 30.0, 3.0, True, 3),
        Distortion(9, 180.0, 0.9, 80.0, 50.0, True, 9),
        Distortion(2**40, np.inf, 1.0, 90.0, 1e300, True, 2**40),  # where pixels come from is not even a number
        Distortion(-7, 0.0, 0.0, 0.0, 3e38, True, -7),
    )
    for shape in ((28, 28, 1), (5, 33, 3), (1, 1, 1), (3, 130, 2)):
        features = shape[0] * shape[1] * shape[2]
        batch = ROOM[0].place(np.zeros((4, features), dtype), at_end)
        for source in (np.uint8, dtype):
            data = ROOM[1].place(np.ones((4, features), source), at_end)
            for distortion in distortions:
                for step in range(20):
                    cpu.augment(batch, data, np.arange(4), shape, 1.0, distortion, 0, np.array([step]))


def check_conv(dtype: Any, at_end: bool) -> None:
    for n, size, channels, filters, kernel, stride, padding, groups in CONVOLUTIONS:
        window, out_size = slide(size, kernel, stride, padding=padding)
        image, result = (*size, channels), (*out_size, filters)
        shapes = ((n, *result), (n, *image), (*kernel, channels // groups, filters), (filters,))
        scratch = np.zeros(conv2d_scratch(window, image, result, groups), dtype)
        y, x, w, b = (room.place(np.zeros(s, dtype), at_end) for room, s in zip(ROOM, shapes, strict=True))
        scratch = SCRATCH.place(scratch, at_end)
        cpu.conv2d_forward(y, x, w, b, window, groups, TANH, scratch)
        cpu.conv2d_backward_input(x, y, w, window, groups, scratch)
        cpu.conv2d_backward_params(w, b, x, y, window, groups, scratch)
        assert not y.any() and not x.any() and not w.any() and not b.any()


def check_pool(dtype: Any, at_end: bool) -> None:
    for channels in SIZES:
        for kernel, stride, padding in (((2, 2), (2, 2), "valid"), ((3, 2), (1, 2), "same"), ((1, 4), (1, 3), "valid")):
            window, out_size = slide((5, 6), kernel, stride, padding=padding)
            shapes = ((2, *out_size, channels), (2, 5, 6, channels), (2, 5, 6, channels))
            y, x, dx = (room.place(np.zeros(s, dtype), at_end) for room, s in zip(ROOM, shapes, strict=False))
            cpu.max_pool2d_forward(y, x, window)
            cpu.max_pool2d_backward(dx, y, x, window)
            cpu.avg_pool2d_forward(y, x, window, True)
            cpu.avg_pool2d_backward(dx, y, window, False)
            assert not y.any() and not dx.any()
        large, small = (
            ROOM[i].place(np.zeros((2, *s, channels), dtype), at_end) for i, s in enumerate(((4, 9), (2, 3)))
        )
        cpu.upsample2d_forward(large, small)
        cpu.upsample2d_backward(small, large)
        cpu.pad2d(large, small, 1, 2)
        assert not large.any() and not small.any()


if __name__ == "__main__":
    if sys.argv[1:] == ["crash"]:  # the proof that the pages are guarded: one element too many
        array = ROOM[0].place(np.ones(8, np.float32), at_end=True)
        np.lib.stride_tricks.as_strided(array, (9,)).sum()
    else:
        for dtype in (np.float32, np.float64):
            for at_end in (True, False):
                check_gemm(dtype, at_end)
                check_dense(dtype, at_end)
                check_augment(dtype, at_end)
                check_conv(dtype, at_end)
                check_pool(dtype, at_end)
        print("stayed inside")
