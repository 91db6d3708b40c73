"""What the tests of the ORM share: tables with rows, on both faces.

A test here may be a coroutine function. It runs twice: under asyncio with an AsyncDatabase, and with a Database behind
the same verbs, where nothing that is awaited ever waits.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, cast

import pytest

import howdah
from howdah._async import bulk_insert as async_bulk_insert
from howdah._sync import bulk_insert
from tests.python.orm.faces import Blocking, finish
from tests.python.orm.few import FEW
from tests.python.orm.schema import fill, has_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

RUNNERS: dict[str, Callable[[Coroutine[Any, Any, Any]], Any]] = {"blocking": finish, "asyncio": asyncio.run}


@pytest.fixture(params=list(RUNNERS))
def face(request: pytest.FixtureRequest) -> str:
    """Tell which face is tested."""
    return cast("str", request.param)


@pytest.fixture
def filled(url: str) -> str:
    """Give the URL of a schema with tables and rows."""
    with howdah.Database(url) as database:
        fill(database)
    return url


@pytest.fixture
def vectors(filled: str) -> None:
    """Skip a test of vectors where the server has none."""
    with howdah.Database(filled) as database:
        if not has_vectors(database):
            pytest.skip("this PostgreSQL has no pgvector")


@pytest.fixture
def db(face: str, filled: str) -> Iterator[howdah.AsyncDatabase]:
    """Give a database of either face, with tables and rows."""
    database: Any = Blocking(howdah.Database(filled)) if face == "blocking" else howdah.AsyncDatabase(filled)
    yield database
    RUNNERS[face](database.close())


@pytest.fixture
def default(filled: str) -> Iterator[howdah.AsyncDatabase]:
    """Give the default database, which the verbs of classes use, with tables and rows."""
    database = howdah.init(filled)
    yield database
    asyncio.run(database.close())


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    RUNNERS[str(pyfuncitem.funcargs.get("face", "asyncio"))](test(**arguments))
    return True


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let COPY begin with fewer rows than it does."""
    monkeypatch.setattr(async_bulk_insert, "MAX_UNNEST_ROWS", FEW)
    monkeypatch.setattr(bulk_insert, "MAX_UNNEST_ROWS", FEW)
