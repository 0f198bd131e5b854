"""The kernels of all targets and their oracle have the same names and the same arguments, and say what they do."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest

from numbanet.kernels import codes, cpu, reference

from .helpers import assert_succeeded, run_python

MODULES = [cpu, reference]


def functions(module: ModuleType) -> dict[str, Any]:
    """The public functions, without what the compiler wraps around them."""
    found = {name: getattr(module, name) for name in module.__all__}
    return {name: getattr(f, "py_func", f) for name, f in found.items() if callable(f)}


def test_the_same_names() -> None:
    assert sorted(cpu.__all__) == sorted(reference.__all__)
    assert len(functions(cpu)) > 30


@pytest.mark.parametrize("name", sorted(functions(reference)))
def test_the_same_arguments(name: str) -> None:
    mine, theirs = (list(inspect.signature(functions(module)[name]).parameters) for module in MODULES)
    assert mine == theirs


@pytest.mark.parametrize("module", MODULES, ids=["cpu", "reference"])
def test_documented(module: ModuleType) -> None:
    for name, function in functions(module).items():
        assert inspect.getdoc(function), f"{name} has no docstring"


@pytest.mark.parametrize("module", MODULES, ids=["cpu", "reference"])
def test_codes_are_those_of_all_targets(module: ModuleType) -> None:
    for name in ("ACTIVATIONS", "FUSED", "NEEDS_INPUT", *(n.upper() for n in codes.ACTIVATIONS)):
        assert getattr(module, name) == getattr(codes, name)


def test_importing_the_kernels_package_imports_no_compiler() -> None:

    code = "import sys, numbanet.kernels, numbanet.kernels.codes, numbanet.kernels.reference; sys.exit('numba' in sys.modules)"
    assert_succeeded(run_python(code))
