"""What the parity tests share: PyTorch, if it is there, and the comparison with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed: parity runs where it is, in CI apart from the rest"
)
torch.set_num_threads(1)

DTYPES = (np.float32, np.float64)


def tensor(array: Any, gradient: bool = False) -> Any:
    """A copy as a tensor; with `gradient`, a leaf whose gradient is wanted."""
    result = torch.tensor(np.asarray(array))
    return result.requires_grad_() if gradient else result


def assert_equal(ours: Any, theirs: Any, roundings: float, what: str = "") -> None:
    """The largest difference is at most `roundings` eps of the largest number (1 at least).

    Both sides round, in an order of their own: the figure counts the roundings of both.
    """
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else np.asarray(theirs)
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape, what
    scale = max(1.0, float(np.max(np.abs(theirs), initial=0)))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=roundings * np.finfo(theirs.dtype).eps * scale, err_msg=what)
