"""The examples in the docstrings produce the shown results."""

from __future__ import annotations

import ast
import asyncio
import doctest
import importlib
import inspect
import pkgutil
import sys
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

MODULES = [info.name for info in pkgutil.iter_modules(howdah.__path__, "howdah.") if info.name != "howdah._core"]
# The examples of the other files there are about tables that the reader has to imagine.
MODULES += [
    f"howdah.{package}.{name}"
    for package in ("_async", "_sync")
    for name in ("database", "executor", "hooks", "listener", "session", "transaction")
]


class Parser(doctest.DocTestParser):
    """Reads examples that await as `python -m asyncio` does, where there is a loop already."""

    def parse(self, string: str, name: str = "<string>") -> list[str | doctest.Example]:
        """Give the examples and what stands between them."""
        parts = super().parse(string, name)
        for part in parts:
            if isinstance(part, doctest.Example) and ("await " in part.source or part.source.startswith("async ")):
                part.source = f"_awaited({part.source!r}, globals())\n"
        return parts


class Finder(doctest.DocTestFinder):
    """Finds the examples of a module's own classes, the public ones too, whose `__module__` is `howdah`."""

    def _from_module(self, module: ModuleType, object: Any) -> bool:  # noqa: A002  (the base class's name)
        if isinstance(object, type) and object.__module__ == "howdah":
            return object.__name__ in classes_of(module)
        found: bool = super()._from_module(module, object)  # type: ignore[misc]
        return found


@cache
def classes_of(module: ModuleType) -> set[str]:
    """The names of the classes that a module defines."""
    return {node.name for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)}


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Give the loop that awaits."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module_hold(name: str, db: howdah.Database, url: str, runner: asyncio.Runner) -> None:
    def awaited(source: str, names: dict[str, Any]) -> None:
        code = compile(source, "<example>", "single", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = FunctionType(code, names)()
        if inspect.iscoroutine(result):
            runner.run(result)

    module = importlib.import_module(name)
    names: dict[str, Any] = {"howdah": howdah, "psycopg": psycopg, "url": url, "db": db, "_awaited": awaited}
    if name.startswith("howdah._async."):
        names["db"] = howdah.AsyncDatabase(url)
    examples = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.FAIL_FAST)
    for test in Finder(parser=Parser()).find(module, extraglobs=names):
        examples.run(test)
    if names["db"] is not db:
        runner.run(names["db"].close())
    assert examples.summarize().failed == 0, "see the output for the example"


def test_examples_are_there() -> None:
    found = [test for name in MODULES for test in Finder().find(importlib.import_module(name))]
    names = {test.name for test in found if test.examples}
    assert "howdah.embedded.server" in names
    without = {"close", "stats", "lease", "location", "origin", "on_rollback"}
    without |= {"fetch_rows", "execute_statement", "open_cursor"}
    for public in (howdah.Database, howdah.AsyncDatabase, howdah.Transaction, howdah.AsyncTransaction):
        own, _, executor = public.__mro__[:3]
        for kind, more in ((own, set[str]()), (executor, {"transaction"})):
            methods = [name for name in vars(kind) if not name.startswith("_") and name not in without | more]
            module = sys.modules[next(one.__module__ for one in vars(kind).values() if isinstance(one, FunctionType))]
            assert {f"{module.__name__}.{kind.__name__}.{name}" for name in methods} <= names
