"""Both databases behind one face, and what both must leave behind: nothing.

A test may be a coroutine function. With the fixture `face` it runs three times: under asyncio and under uvloop with an
AsyncDatabase, and with a Database behind the same verbs, where nothing that is awaited ever waits. Without it, it runs
under asyncio alone, or with `either_loop` under asyncio and under uvloop.
"""

# ruff: noqa: D102  (what the verbs do is told in howdah itself)
from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import itertools
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import psycopg
import pytest
import uvloop

import howdah
from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
    from pathlib import Path
    from types import TracebackType

    Open = Callable[..., howdah.AsyncDatabase]

T = TypeVar("T")

FACES = ["blocking", "asyncio", "uvloop"]
PATIENCE_S = 30.0

_serial = itertools.count(1)


class Blocking:
    """A Database with the verbs of an AsyncDatabase, each of which blocks."""

    def __init__(self, url: str, **options: Any) -> None:
        """Open a Database."""
        self.database = howdah.Database(url, **options)
        self.stats = self.database.stats

    async def close(self) -> None:
        self.database.close()

    async def execute(self, sql: str, /, *params: object) -> int:
        return self.database.execute(sql, *params)

    async def execute_many(self, sql: str, rows: Any, /) -> int:
        return self.database.execute_many(sql, rows)

    async def fetch(self, sql: str, /, *params: object, **options: Any) -> list[Any]:
        return self.database.fetch(sql, *params, **options)

    async def fetch_one(self, sql: str, /, *params: object, **options: Any) -> Any:
        return self.database.fetch_one(sql, *params, **options)

    async def fetch_value(self, sql: str, /, *params: object) -> Any:
        return self.database.fetch_value(sql, *params)

    async def stream(self, sql: str, /, *params: object, **options: Any) -> AsyncGenerator[Any]:
        rows = self.database.stream(sql, *params, **options)
        with contextlib.closing(rows):
            for row in rows:
                yield row

    async def load(self, table: str, data: Any, /, **options: Any) -> howdah.LoadReport:
        return self.database.load(table, data, **options)

    def read(self, source: str, /, *params: object, **options: Any) -> BlockingRead:
        return BlockingRead(self.database, source, params, options)

    def transaction(self, **options: Any) -> BlockingTransaction:
        return BlockingTransaction(self.database.transaction(**options))

    def session(self) -> BlockingSession:
        return BlockingSession(self.database.session())

    def pipeline(self, **options: Any) -> BlockingPipeline:
        return BlockingPipeline(self.database.pipeline(**options))

    async def run_transaction(self, body: Callable[[], Coroutine[Any, Any, Any]], /, **options: Any) -> Any:
        return self.database.run_transaction(lambda: finish(body()), **options)

    @contextlib.asynccontextmanager
    async def listen(self, *channels: str) -> AsyncIterator[AsyncIterator[howdah.Notification]]:
        with self.database.listen(*channels) as notifications:

            async def each() -> AsyncIterator[howdah.Notification]:
                for notification in notifications:
                    yield notification

            yield each()


class BlockingRead:
    """A read that begins when it is asked for rows, as that of an AsyncDatabase."""

    def __init__(self, database: howdah.Database, source: str, params: tuple[object, ...], options: Any) -> None:
        """Prepare it."""
        self.begin = lambda: database.read(source, *params, **options)

    async def to_arrow(self) -> Any:
        read: Any = self.begin
        return read().to_arrow()


class BlockingVerbs:
    """The verbs of a session or a transaction that blocks, as coroutine functions."""

    def __init__(self, verbs: Any) -> None:
        """Wrap it."""
        self.verbs = verbs

    def __getattr__(self, name: str) -> Any:
        """Give a verb."""

        async def verb(*arguments: Any, **options: Any) -> Any:
            return getattr(self.verbs, name)(*arguments, **options)

        return verb


class BlockingSession(BlockingVerbs):
    """A Session with the methods of an AsyncSession."""

    async def __aenter__(self) -> Self:
        """Begin it."""
        self.verbs.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.verbs.__exit__(kind, error, trace)

    @property
    def pid(self) -> int:
        return cast("int", self.verbs.pid)

    def parameter(self, name: str) -> str | None:
        return cast("str | None", self.verbs.parameter(name))

    def find(self, *arguments: Any) -> BlockingQuery:
        return BlockingQuery(self.verbs.find(*arguments))

    async def stream(self, sql: str, /, *params: object, **options: Any) -> AsyncGenerator[Any]:
        with contextlib.closing(self.verbs.stream(sql, *params, **options)) as rows:
            for row in rows:
                yield row

    def read(self, source: str, /, *params: object, **options: Any) -> BlockingRead:
        return BlockingRead(self.verbs, source, params, options)

    def transaction(self, **options: Any) -> BlockingTransaction:
        return BlockingTransaction(self.verbs.transaction(**options))

    def pipeline(self, **options: Any) -> BlockingPipeline:
        return BlockingPipeline(self.verbs.pipeline(**options))


class BlockingPipeline:
    """A Pipeline with the methods of an AsyncPipeline."""

    def __init__(self, pipeline: howdah.Pipeline) -> None:
        """Wrap one."""
        self.pipeline = pipeline

    async def __aenter__(self) -> Self:
        """Begin it."""
        self.pipeline.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.pipeline.__exit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:
        """Give a verb."""

        def verb(*arguments: Any, **options: Any) -> BlockingResult:
            return BlockingResult(getattr(self.pipeline, name)(*arguments, **options))

        return verb


class BlockingResult:
    """A PipelineResult that can be awaited."""

    def __init__(self, result: howdah.PipelineResult[Any]) -> None:
        """Wrap one."""
        self.done = result.done
        self.result = result.result

    def __await__(self) -> Generator[None, None, Any]:
        """Wait for it."""
        yield from ()
        return self.result()


class BlockingQuery(BlockingVerbs):
    """A Query with the methods of an AsyncQuery."""

    def order_by(self, *keys: Any) -> BlockingQuery:
        return BlockingQuery(self.verbs.order_by(*keys))


class BlockingTransaction:
    """A Transaction with the methods of an AsyncTransaction."""

    def __init__(self, transaction: howdah.Transaction) -> None:
        """Wrap one."""
        self.transaction = transaction

    async def __aenter__(self) -> Self:
        """Begin it."""
        self.transaction.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.transaction.__exit__(kind, error, trace)

    async def rollback(self) -> None:
        self.transaction.rollback()

    async def execute(self, sql: str, /, *params: object) -> int:
        return self.transaction.execute(sql, *params)

    def pipeline(self, **options: Any) -> BlockingPipeline:
        return BlockingPipeline(self.transaction.pipeline(**options))


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)
    finally:
        coroutine.close()
    pytest.fail("a blocking verb was awaited for longer")


def awaited(coroutine: Coroutine[Any, Any, T], new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None) -> T:
    """Run a coroutine under asyncio; whatever a loop would only log fails the test."""
    told: list[dict[str, Any]] = []

    async def listening() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        return await coroutine

    with asyncio.Runner(loop_factory=new_loop) as runner:
        result = runner.run(listening())
        gc.collect()
    assert told == []
    return result


RUNNERS: dict[str, Callable[[Coroutine[Any, Any, Any]], Any]] = {
    "blocking": finish,
    "asyncio": awaited,
    "uvloop": lambda coroutine: awaited(coroutine, uvloop.new_event_loop),
}
# For tests that call `awaited` under either loop.
loops = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> str:
    """Tell which face is tested."""
    return cast("str", request.param)


@pytest.fixture(params=FACES[1:])
def loop_kind(request: pytest.FixtureRequest) -> str:
    """Tell which loop a test without a face runs under."""
    return cast("str", request.param)


# For a test of asyncio's face alone: it runs under each kind of loop.
either_loop = pytest.mark.usefixtures("loop_kind")


@pytest.fixture
def app() -> str:
    """Give the name by which the server knows this test's sessions."""
    return f"test_app_{next(_serial)}"


@pytest.fixture
def opened(face: str, url: str, app: str, sessions: Callable[[], int]) -> Iterator[Open]:
    """Give what opens databases of this face; at the end they are closed, and have left no session behind."""
    yield from opening(face, url, app, sessions)


@pytest.fixture
def opened_async(url: str, app: str, sessions: Callable[[], int]) -> Iterator[Open]:
    """Give the like for asyncio alone."""
    yield from opening("asyncio", url, app, sessions)


def opening(face: str, url: str, app: str, sessions: Callable[[], int]) -> Iterator[Open]:
    databases: list[Any] = []

    def make(**options: Any) -> howdah.AsyncDatabase:
        kind: Any = Blocking if face == "blocking" else howdah.AsyncDatabase
        databases.append(kind(options.pop("url", url), **{"application_name": app} | options))
        return cast("howdah.AsyncDatabase", databases[-1])

    yield make
    for database in databases:
        RUNNERS[face](database.close())
        # One may be about to be opened for min_size.
        eventually(lambda: database.stats().size == 0)  # noqa: B023
        stats = database.stats()
        assert (stats.size, stats.idle, stats.busy, stats.waiting) == (0, 0, 0, 0)
        assert stats.opened == stats.closed
    eventually(lambda: sessions() == 0)


@pytest.fixture
def db(opened: Open) -> howdah.AsyncDatabase:
    """Give a database of either face."""
    return opened()


@pytest.fixture
def one(opened: Open) -> howdah.AsyncDatabase:
    """Give the like with a single connection, which goes to every caller in turn."""
    return opened(max_size=1, acquire_timeout_s=5.0)


@pytest.fixture
def sessions(admin: psycopg.Connection[Any], app: str) -> Callable[[], int]:
    """Give what counts this test's sessions at the server; with a condition, those that meet it."""

    def count(condition: str = "true") -> int:
        query = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND ({condition})"
        rows: list[Any] = admin.execute(query.encode(), [app]).fetchall()
        return int(rows[0][0])

    return count


@pytest.fixture
def kill(admin: psycopg.Connection[Any]) -> Callable[[int], None]:
    """Give what ends a session at the server, and waits until it is gone."""

    def end(pid: int) -> None:
        assert admin.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchall() == [(True,)]

    return end


def eventually(happened: Callable[[], object], within_s: float = PATIENCE_S) -> float:
    """Wait for something that comes true; give how long it took."""
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < within_s, "it never happened"
        time.sleep(0.01)
    return time.monotonic() - begun


async def soon(happened: Callable[[], object], within_s: float = PATIENCE_S) -> float:
    """Wait, and let the loop go on meanwhile."""
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < within_s, "it never happened"
        await asyncio.sleep(0.01)
    return time.monotonic() - begun


class Restarting:
    """A server that can go and come back at one address, with its data."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        self.folder = folder
        self.place = folder / "socket"
        self.url = f"postgresql://postgres@/postgres?host={self.place}"
        self.start()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (a int)")

    def start(self) -> None:
        # Its socket is in another folder each time, and the link in the same.
        self.server = embedded.server(self.folder / "data")
        home = psycopg.conninfo.conninfo_to_dict(self.server.url)["host"]
        self.place.unlink(missing_ok=True)
        self.place.symlink_to(str(home))

    def stop(self) -> None:
        self.server.stop()


@pytest.fixture
def restarting(tmp_path: Path) -> Iterator[Restarting]:
    """Give a server of this test's own."""
    # The server runs as another user, who may not enter pytest's folders.
    for folder in (tmp_path, *(one for one in tmp_path.parents if one.stat().st_mode & 0o777 == 0o700)):
        folder.chmod(0o755)
    server = Restarting(tmp_path)
    yield server
    server.stop()


async def pid_of(database: howdah.AsyncDatabase) -> int:
    """Tell which session answers."""
    pid: int = await database.fetch_value("SELECT pg_backend_pid()")
    return pid


def in_threads(*works: Callable[[], object]) -> None:
    """Run works at once, each on a thread of its own, and raise what one of them raises."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  (a fork's child has no use for it)

    with ThreadPoolExecutor(len(works)) as threads:
        for future in [threads.submit(work) for work in works]:
            future.result(timeout=60)


async def outcome(awaitable: Awaitable[object]) -> object:
    """Give what comes of it, an exception too."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001  (it is what is asked for)
        return error


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    kind = pyfuncitem.funcargs.get("face") or pyfuncitem.funcargs.get("loop_kind", "asyncio")
    RUNNERS[str(kind)](test(**arguments))
    return True
