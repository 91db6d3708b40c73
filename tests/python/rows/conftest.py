"""What the row tests share: one test for both faces.

A test here may be a coroutine function. It runs twice: under asyncio with an AsyncDatabase, and with a Database behind
the same verbs, where nothing that is awaited ever waits. A file that has its own fixture `face` may add uvloop.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from typing import TYPE_CHECKING, Any, cast

import pytest
import uvloop

import howdah

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator

FACES = ["blocking", "asyncio"]


class Awaited:
    """A Database or a Transaction behind its twin's verbs: what they give is awaited, but is there already."""

    def __init__(self, blocking: howdah.Database | howdah.Transaction) -> None:
        """Stand before what blocks."""
        self._blocking = blocking

    def __getattr__(self, name: str) -> Any:
        """Give a verb."""
        verb = getattr(self._blocking, name)
        if name == "stats":
            return verb
        if name == "transaction":
            return functools.partial(_block, verb)
        if name == "stream":
            return functools.partial(_rows, verb)

        async def awaited(*params: object, **options: Any) -> Any:
            return verb(*params, **options)

        return awaited


@contextlib.asynccontextmanager
async def _block(verb: Callable[..., Any], **options: Any) -> AsyncIterator[Awaited]:
    with verb(**options) as entered:
        yield Awaited(entered)


async def _rows(verb: Callable[..., Any], *params: object, **options: Any) -> AsyncGenerator[Any]:
    with contextlib.closing(verb(*params, **options)) as rows:
        for row in rows:
            yield row


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        coroutine.close()
    pytest.fail("a blocking verb was awaited for longer")


def under_uvloop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine under uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


RUNNERS: dict[str, Callable[[Coroutine[Any, Any, Any]], Any]] = {
    "blocking": finish,
    "asyncio": asyncio.run,
    "uvloop": under_uvloop,
}


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> str:
    """Tell which face is tested."""
    return cast("str", request.param)


@pytest.fixture
def run(face: str) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Give what runs a coroutine to its end, for tests that are no coroutines themselves."""
    return RUNNERS[face]


@pytest.fixture
def opened(face: str) -> Iterator[Callable[..., howdah.AsyncDatabase]]:
    """Give what opens databases of this face; they are closed at the end."""
    databases: list[howdah.AsyncDatabase] = []

    def opening(url: str, **options: Any) -> howdah.AsyncDatabase:
        database: Any
        if face == "blocking":
            database = Awaited(howdah.Database(url, **options))
        else:
            database = howdah.AsyncDatabase(url, **options)
        databases.append(database)
        return cast("howdah.AsyncDatabase", database)

    yield opening
    for database in databases:
        RUNNERS[face](database.close())


@pytest.fixture
def db(opened: Callable[..., howdah.AsyncDatabase], url: str) -> howdah.AsyncDatabase:
    """Give a database of either face, whose unqualified names are this test's own."""
    return opened(url)


@pytest.fixture
def one(opened: Callable[..., howdah.AsyncDatabase], url: str) -> howdah.AsyncDatabase:
    """Give the like with a single connection, which keeps what a statement leaves in it for the next."""
    return opened(url, max_size=1, reset=None)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    RUNNERS[cast("str", pyfuncitem.funcargs["face"])](test(**arguments))
    return True
