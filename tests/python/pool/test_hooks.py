"""Hooks of a pool: on new, acquired and released connections."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

import howdah
from tests.python.pool.faces import awaited, either_loop, eventually, soon

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.pool.faces import Open

tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


def hook(face: str, work: Callable[[Any], Any]) -> Any:
    """Give a hook of a face that runs what `work` gives, which is the SQL to run."""
    if face == "blocking":

        def blocking(session: howdah.Session) -> None:
            session.execute(work(session))

        return blocking

    async def waiting(session: howdah.AsyncSession) -> None:
        await session.execute(work(session))

    return waiting


@pytest.mark.parametrize("kind", ["callable", "SQL"])
async def test_on_connect_sets_up_what_every_borrower_finds(opened: Open, face: str, kind: str) -> None:
    sql = "SET app.color = 'red'"
    calls: list[int] = []

    def work(session: Any) -> str:
        calls.append(session.pid)
        return sql

    database = opened(max_size=1, on_connect=sql if kind == "SQL" else hook(face, work))
    color = "SELECT current_setting('app.color', true)"
    assert [await database.fetch_value(color) for _ in range(3)] == ["red"] * 3
    # A caller's own is undone, and then what the hook has set is there again.
    await database.execute("SET app.color = 'blue'")
    assert await database.fetch_value(color) == "red"
    async with database.transaction():
        assert await database.fetch_value(color) == "red"
    assert [row["c"] async for row in database.stream("SELECT current_setting('app.color') AS c")] == ["red"]
    assert (await database.read("SELECT current_setting('app.color') AS c").to_arrow()).to_pylist() == [{"c": "red"}]
    assert database.stats().opened == 1
    assert len(calls) == (0 if kind == "SQL" else 2)


@pytest.mark.parametrize("kind", ["SQL", "plain function"])
async def test_hooks_may_be_sql_or_plain_functions_of_either_api(opened: Open, face: str, kind: str) -> None:
    witness = opened()
    await witness.execute("CREATE TABLE released (color text)")
    statements = {
        "on_connect": "SET app.color = 'red'",
        "on_acquire": "SET app.size = 'small'",
        "on_release": "INSERT INTO released VALUES (current_setting('app.color'))",
    }
    # A function that is not a coroutine function may give what has to be awaited.
    functions = {name: lambda session, sql=sql: session.execute(sql) for name, sql in statements.items()}
    hooks: dict[str, Any] = statements if kind == "SQL" else functions
    database = opened(max_size=1, **hooks)
    for _ in range(2):
        found = await database.fetch_one("SELECT current_setting('app.color') AS c, current_setting('app.size') AS s")
        assert found == {"c": "red", "s": "small"}
    await given_back(face, database)
    assert await witness.fetch_value("SELECT count(*) FROM released WHERE color = 'red'") == 2


async def test_on_acquire_runs_for_each_borrower_and_is_undone(opened: Open, face: str) -> None:
    database = opened(
        max_size=1, on_acquire=hook(face, lambda _: f"SELECT set_config('app.tenant', '{tenant.get()}', false)")
    )
    setting = "SELECT current_setting('app.tenant', true)"
    for name in ("ann", "bob"):
        tenant.set(name)
        assert await database.fetch_value(setting) == name
        async with database.transaction():
            assert await database.fetch_value(setting) == name
        async with database.session() as session:
            assert await session.fetch_value(setting) == name
        await database.execute("CREATE TABLE IF NOT EXISTS t AS SELECT current_setting('app.tenant') AS name")
        assert (await database.read(f"{setting} AS t").to_arrow()).to_pylist() == [{"t": name}]


@either_loop
async def test_tasks_at_once_have_their_own_context_in_on_acquire(opened_async: Open) -> None:
    async def set_tenant(session: howdah.AsyncSession) -> None:
        await session.fetch_value("SELECT set_config('app.tenant', $1, false)", tenant.get())

    database = opened_async(max_size=3, on_acquire=set_tenant)

    async def ask(name: str) -> bool:
        tenant.set(name)
        found = [await database.fetch_value("SELECT current_setting('app.tenant')") for _ in range(5)]
        return found == [name] * 5

    assert all(await asyncio.gather(*(ask(f"t{n}") for n in range(20))))


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_hooks_run_in_the_loop_of_the_borrower(url: str, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    seen: list[tuple[str, object]] = []

    def noted(name: str) -> Any:
        async def note(session: howdah.AsyncSession) -> None:
            await asyncio.sleep(0)
            seen.append((name, asyncio.get_running_loop()))
            assert await session.fetch_value("SELECT 1") == 1

        return note

    async def body() -> None:
        names = ("on_connect", "on_acquire", "on_release")
        async with howdah.AsyncDatabase(url, max_size=1, **{name: noted(name) for name in names}) as database:
            await database.fetch_value("SELECT 1")
            await database.load("pg_temp.t", [{"n": 1}], mode="create")
            await soon(lambda: [name for name, _ in seen].count("on_release") >= 2)
            loops = {found for _, found in seen}
            assert loops == {asyncio.get_running_loop()}

    awaited(body(), loop)
    assert [name for name, _ in seen][:3] == ["on_connect", "on_acquire", "on_release"]


async def given_back(face: str, database: howdah.AsyncDatabase) -> None:
    """Wait until every connection has come back, and its hook has run."""
    if face == "blocking":
        eventually(lambda: database.stats().busy == 0)
    else:
        await soon(lambda: database.stats().busy == 0)


async def test_on_release_runs_before_the_state_is_undone(opened: Open, face: str) -> None:
    witness = opened()
    await witness.execute("CREATE TABLE released (setting text)")
    setting = "current_setting('app.tenant', true)"
    database = opened(max_size=1, on_release=hook(face, lambda _: f"INSERT INTO released VALUES ({setting})"))
    await database.execute("SET app.tenant = 'ann'")
    assert await database.fetch_value(f"SELECT coalesce({setting}, '')") == ""
    await given_back(face, database)
    found = await witness.fetch("SELECT setting FROM released")
    assert [row["setting"] or None for row in found] == ["ann", None]


@pytest.mark.parametrize("name", ["on_connect", "on_acquire"])
async def test_failure_of_a_hook_is_the_borrowers_and_closes_the_connection(opened: Open, face: str, name: str) -> None:
    broken = True
    database = opened(max_size=1, **{name: hook(face, lambda _: "SELECT 1 / 0" if broken else "SELECT 1")})
    for _ in range(2):
        with pytest.raises(howdah.DataError):
            await database.fetch_value("SELECT 1")
        with pytest.raises(howdah.DataError):
            async with database.transaction():
                pytest.fail("it has begun")
    assert database.stats().closed == 4
    broken = False
    assert await database.fetch_value("SELECT 1") == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_failure_of_on_release_closes_the_connection(opened: Open, face: str) -> None:
    database = opened(max_size=1, on_release=hook(face, lambda _: "SELECT 1 / 0"))
    first = await database.fetch_value("SELECT pg_backend_pid()")
    assert await database.fetch_value("SELECT pg_backend_pid()") != first
    await given_back(face, database)


@either_loop
async def test_cancelled_borrower_of_a_slow_hook_leaves_nothing(opened_async: Open) -> None:
    begun = asyncio.Event()

    async def slow(session: howdah.AsyncSession) -> None:
        begun.set()
        await session.fetch_value("SELECT pg_sleep(60)")

    database = opened_async(max_size=1, on_acquire=slow)
    task = asyncio.create_task(database.fetch_value("SELECT 1"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await soon(lambda: database.stats().busy == 0)


@pytest.mark.parametrize("name", ["on_connect", "on_acquire", "on_release", "password"])
def test_hook_that_cannot_be_called_is_refused(url: str, name: str) -> None:
    for kind in (howdah.Database, howdah.AsyncDatabase):
        options: dict[str, Any] = {name: 17}
        with pytest.raises(howdah.InterfaceError, match=f"{name}=: expected a callable or"):
            kind(url, **options)
