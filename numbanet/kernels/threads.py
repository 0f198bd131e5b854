"""How the threads of a parallel loop wait for the next one.

GNU's OpenMP lets a thread that has nothing to do spin for some milliseconds before it sleeps. On a machine that has
other things to do as well, the spinning takes the processor from the very thread that it waits for, and training
becomes ten to a hundred times slower. So let it spin for about as long as falling asleep and waking up would take.
"""

from __future__ import annotations

import os
from importlib import import_module

SPINS = "3000"  # some 50 us, longer than what a step does between two parallel loops; libgomp's own default is 300,000
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")  # whoever has set one of these knows better


def wait_briefly() -> None:
    """Load the OpenMP layer with a short spin; has no effect where a program has loaded libgomp before.

    libgomp reads the environment once, when it is loaded. The variable is taken back right afterwards, so that
    neither child processes nor another library's OpenMP see it.
    """
    if any(name in os.environ for name in WAITING):
        return
    os.environ["GOMP_SPINCOUNT"] = SPINS
    try:
        import_module("numba.np.ufunc.omppool")
    except ImportError:
        return  # this build of Numba, or this machine, has no OpenMP; another threading layer will serve
    finally:
        del os.environ["GOMP_SPINCOUNT"]
