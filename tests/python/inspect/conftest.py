"""Fixtures of the tests of `howdah inspect`: separate databases, and tables created from source."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import howdah
from howdah.inspect.codegen import generate
from howdah.inspect.introspect import read
from howdah.inspect.planner import plan
from tests.python.versions import fitting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from howdah import embedded

HERE = Path(__file__).parent
_serial = itertools.count(1)


@pytest.fixture
def database(server: embedded.Server, admin: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Callable[[str], str]]:
    """Give what makes a database, runs in it what fits of a script, and gives its URL; each goes at the end."""
    names: list[str] = []

    def asked(query: str, *params: object) -> list[tuple[Any, ...]]:
        return admin.execute(query.encode(), params or None).fetchall()

    def make(script: str = "") -> str:
        name = f"inspected_{next(_serial)}"
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        names.append(name)
        base, _, _ = server.url.rpartition("/")
        url = f"{base}/{name}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(fitting(script, asked).encode())
        return url

    yield make
    for name in names:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def inspect() -> Callable[..., str]:
    """Give what inspects a database and gives the source."""

    def inspecting(where: str | howdah.Database, schemas: tuple[str, ...] = (), tables: tuple[str, ...] = ()) -> str:
        if isinstance(where, howdah.Database):
            return generate(plan(read(where, schemas, tables)))
        with howdah.Database(where) as db:
            return generate(plan(read(db, schemas, tables)))

    return inspecting


@pytest.fixture
def run() -> Iterator[Callable[[str], ModuleType]]:
    """Give what runs source as a module."""
    made: list[str] = []

    def running(source: str) -> ModuleType:
        module = ModuleType(f"reflected_{next(_serial)}")
        made.append(module.__name__)
        sys.modules[module.__name__] = module
        # It is what these tests are about.
        exec(compile(source, module.__name__, "exec"), vars(module))  # noqa: S102
        return module

    yield running
    for name in made:
        del sys.modules[name]


def tables(module: ModuleType) -> list[type[howdah.Table]]:
    """Give the tables that a module defines."""
    classes = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    return [one for one in classes if issubclass(one, howdah.Table)]


@pytest.fixture
def create(run: Callable[[str], ModuleType]) -> Callable[[str, str], None]:
    """Give what creates, in a database, the tables that source defines."""

    def creating(source: str, url: str) -> None:
        with howdah.Database(url) as db:
            db.create_tables(*tables(run(source)))

    return creating
