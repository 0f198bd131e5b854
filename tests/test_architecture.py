"""The house keeps its shape: imports run one way, and files stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "numbanet"
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 400

# What each part of the house may import of the others, at the top of a file or inside a function. Each may
# import itself, `errors` and `version`. The longest matching name counts.
ALLOWED: dict[str, set[str]] = {
    "numbanet": set(),
    "numbanet.errors": set(),
    "numbanet.version": set(),
    "numbanet.atomic": set(),
    "numbanet.kernels": set(),
    "numbanet.data": {"kernels.cpu.digits", "data"},
    "numbanet.data.augment": {"configurable", "inputs", "kernels.cpu.augment", "kernels.distortion"},
    "numbanet.data.mixing": {"configurable", "kernels.mixing"},
    "numbanet.configurable": set(),
    "numbanet.initializers": {"configurable"},
    "numbanet.schedules": {"configurable"},
    "numbanet.backend": {"kernels"},
    "numbanet.inputs": set(),
    "numbanet.bench": {"backend", "kernels"},
    "numbanet.arena": {"backend", "initializers"},
    "numbanet.layers": {
        "arena",
        "backend",
        "configurable",
        "initializers",
        "kernels.codes",
        "kernels.geometry",
        "kernels.heads",
    },
    "numbanet.losses": {"backend", "configurable", "initializers"},
    "numbanet.optimizers": {"arena", "backend", "configurable", "schedules"},
    "numbanet.fuse": {"configurable", "layers", "model"},
    "numbanet.generation": {"configurable", "layers", "model"},
    "numbanet.model": {
        "arena",
        "backend",
        "configurable",
        "data.augment",
        "data.mixing",
        "inputs",
        "kernels.codes",
        "layers",
    },
    "numbanet.plots": set(),
    "numbanet.summary": {"layers", "model"},
    "numbanet.twin": {"configurable", "layers", "model"},
    "numbanet.serialize": {"atomic", "backend", "configurable", "layers", "losses", "model"},
    "numbanet.training": {
        "atomic",
        "backend",
        "configurable",
        "data.augment",
        "data.batches",
        "data.dataset",
        "data.mixing",
        "inputs",
        "layers.base",
        "losses",
        "model",
        "optimizers",
        "serialize",
    },
    "numbanet.sklearn": {
        "configurable",
        "data.examples",
        "layers",
        "losses",
        "model",
        "optimizers",
        "schedules",
        "serialize",
        "training.callbacks",
        "zoo.units",
    },
    "numbanet.zoo": {
        "backend",
        "configurable",
        "data.dataset",
        "layers",
        "model",
        "optimizers",
        "schedules",
        "twin",
    },
    "numbanet.cli": {"*"},
    "numbanet.__main__": {"cli"},
}
# Methods that reach up, inside a function, because that is where users look for them; and lazy public names.
REACHES_UP = {
    ("numbanet.model", "fuse"),
    ("numbanet.model", "training"),
    ("numbanet.model", "serialize"),
    ("numbanet.model", "summary"),
    ("numbanet.model", "losses"),
    ("numbanet.model", "optimizers"),
}
ONLY_IN = {
    "numba": ("numbanet.kernels", "numbanet.backend", "numbanet.bench", "numbanet.cli"),
    "llvmlite": ("numbanet.kernels", "numbanet.cli"),
    "click": ("numbanet.cli",),
    "rich": ("numbanet.cli",),
    "matplotlib": ("numbanet.plots",),
    "sklearn": ("numbanet.sklearn",),
    "safetensors": ("numbanet.serialize", "numbanet.cli"),
    "pooch": ("numbanet.data",),
    "pickle": ("numbanet.data", "numbanet.kernels.ahead"),
    "tensorboard": ("numbanet.training.callbacks.tensorboard",),
    "tomli_w": ("numbanet.cli",),
    "torch": (),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, name: str, is_package: bool) -> Iterator[tuple[str, bool]]:
    """(module, at the top of the file) for each import; names imported from a package count as modules."""
    for node, top in walk(tree, True):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, top
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = name.split(".")[: None if is_package else -1]
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            for alias in node.names:
                candidate = f"{base}.{alias.name}"
                yield (candidate if is_module(candidate) else base), top
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "import_module"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value), top


def walk(node: ast.AST, top: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        inner = top and not typing_only and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
        yield child, inner
        yield from walk(child, inner)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def room(name: str) -> str:
    """The longest entry of ALLOWED that `name` stands in."""
    matching = [key for key in ALLOWED if name == key or (key != "numbanet" and name.startswith(f"{key}."))]
    assert matching, f"{name}: say in ALLOWED what it may import"
    return max(matching, key=len)


def forbidden(path: Path) -> list[str]:
    name, tree = module_name(path), ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for target, top in imports(tree, name, path.name == "__init__.py"):
        outside = target.split(".")[0]
        if outside in ONLY_IN and not name.startswith(ONLY_IN[outside] or "nowhere"):
            found.append(f"{name} imports {target}")
        if outside != "numbanet" or target in ("numbanet", "numbanet.errors", "numbanet.version"):
            continue
        own = room(name)
        inner = target.removeprefix("numbanet.")
        allowed = ALLOWED[own]
        if target == own or (target.startswith(f"{own}.") and own != "numbanet") or "*" in allowed:
            continue
        if any(inner == a or inner.startswith(f"{a}.") for a in allowed):
            continue
        if not top and (own == "numbanet" or (own, inner.split(".")[0]) in REACHES_UP):
            continue
        found.append(f"{name} imports {target}{'' if top else ' in a function'}")
    return found


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_run_one_way(path: Path) -> None:
    assert forbidden(path) == []


def test_the_rule_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that can fail: what each of these would break is found."""
    for where, code, message in (
        ("layers/bad.py", "from numbanet.model import Sequential", "imports numbanet.model"),
        ("layers/bad.py", "from numbanet import losses", "imports numbanet.losses"),
        ("layers/bad.py", "from ..kernels import cpu", "imports numbanet.kernels.cpu"),
        ("kernels/cpu/bad.py", "import numbanet.backend", "imports numbanet.backend"),
        ("training/bad.py", "def f():\n    import click", "imports click"),
        ("model.py", "from numbanet.training.fit import fit", "imports numbanet.training.fit"),
        ("model.py", "from numbanet.data import load", "imports numbanet.data"),
        ("data/bad.py", "from importlib import import_module\nimport_module('numbanet.model')", "numbanet.model"),
        ("model.py", "import pickle", "imports pickle"),
    ):
        monkeypatch.setitem(globals(), "ROOT", tmp_path)
        for path in FILES:
            copy = tmp_path / path.relative_to(PACKAGE.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()
        bad = tmp_path / "numbanet" / where
        bad.write_text(code)
        assert any(message in line for line in forbidden(bad)), (where, code)
        bad.write_text("")


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", [f for f in FILES if "cli" not in f.relative_to(PACKAGE).parts], ids=module_name)
def test_nothing_but_the_command_line_prints(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"] == []


def modules_after(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(' '.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import numbanet", {"numpy", "numba", "click", "rich"}),
        ("import numbanet.cli", {"numpy", "numba", "pooch", "matplotlib"}),
        ("import numbanet.plots", {"matplotlib", "click"}),
        ("import numbanet.kernels", {"numpy", "numba"}),
        ("import numbanet.data", {"numba", "pooch", "requests"}),
        ("import numbanet; numbanet.Sequential, numbanet.TrainStep, numbanet.zoo", {"numba", "click", "rich"}),
        ("import numbanet.kernels.cpu", {"click", "rich", "safetensors"}),
    ],
)
def test_what_an_import_brings_along(program: str, absent: set[str]) -> None:
    assert modules_after(program) & absent == set()


def test_every_room_exists() -> None:
    assert {room(module_name(path)) for path in FILES} == set(ALLOWED)
