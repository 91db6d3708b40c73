"""No module of the package imports itself through other modules, at import, in functions or for type checkers."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

import howdah

ROOT = Path(howdah.__file__).parent
# Compiled: `import howdah` needs it, and it imports no module of the package while it is imported itself.
CORE = "howdah._core"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_of(path): path.read_text("utf-8") for path in sorted(ROOT.rglob("*.py"))}


def packages_of(module: str) -> set[str]:
    """The packages whose `__init__` runs before a module, without the root: it imports all others by design."""
    parts = module.split(".")
    return {".".join(parts[:end]) for end in range(2, len(parts))}


def imports_of(name: str, sources: dict[str, str]) -> set[str]:
    """The modules that a module imports: at the top, in functions, and in blocks for type checkers."""
    known = {*sources, CORE}
    found: set[str] = set()
    for node in ast.walk(ast.parse(sources[name])):
        if isinstance(node, ast.Import):
            found.update(one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            base = str(node.module)
            for one in node.names:
                found.add(f"{base}.{one.name}" if f"{base}.{one.name}" in known else base)
    found &= known
    implied = {package for module in found for package in packages_of(module)} - packages_of(f"{name}.x")
    return (found | implied) - {CORE}


def circle_in(sources: dict[str, str]) -> list[str]:
    """One import circle, or nothing."""
    try:
        graphlib.TopologicalSorter({name: imports_of(name, sources) for name in sources}).prepare()
    except graphlib.CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_package_has_no_import_circle() -> None:
    circle = circle_in(SOURCES)
    # Each is imported by the next one.
    assert not circle, " <- ".join(circle)


@pytest.mark.parametrize("name", SOURCES)
def test_module_imports_by_statement_alone(name: str) -> None:
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(ast.parse(SOURCES[name]))
        if isinstance(node, ast.Call)
    }
    assert not called & {"import_module", "__import__"}


@pytest.mark.parametrize(
    "source",
    [
        "from p.b import x",
        "import p.b",
        "from p import b",
        "def f():\n    from p.b import x",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b import x",
        "try:\n    import p.b\nexcept ImportError:\n    pass",
    ],
)
def test_circle_is_found_wherever_the_import_stands(source: str) -> None:
    sources = {"p": "", "p.a": source, "p.b": "from p.a import y"}
    assert circle_in(sources) in (["p.a", "p.b", "p.a"], ["p.b", "p.a", "p.b"])


def test_circle_by_a_package_is_found() -> None:
    by_name = {"p": "from p.a import x", "p.a": "from p import x"}
    assert circle_in(by_name)
    by_init = {"p": "", "p.q": "from p.a import x", "p.q.b": "", "p.a": "from p.q.b import y"}
    assert circle_in(by_init)


def test_modules_without_a_circle_have_none() -> None:
    sources = {"p": "from p.a import x", "p.a": "from p.q.b import y", "p.q": "", "p.q.b": "", "p.c": "from p import x"}
    assert circle_in(sources) == []
