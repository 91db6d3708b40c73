"""Objects that are garbage-collected, or cut short, cause no warnings and leave no state."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.python.pool.faces import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPTS = {
    "never closed": """
        db = howdah.Database(url, application_name=app)
        db.execute("SELECT 1")
    """,
    "never closed, asyncio": """
        db = howdah.AsyncDatabase(url, application_name=app)
        asyncio.run(db.fetch_value("SELECT 1"))
    """,
    "dropped": """
        db = howdah.Database(url, application_name=app)
        db.execute("SELECT 1")
        del db
        gc.collect()
    """,
    "dropped stream": """
        db = howdah.Database(url, max_size=1, acquire_timeout_s=5, application_name=app)
        rows = db.stream("SELECT generate_series(1, 10000) AS n", batch_rows=10)
        next(rows)
        del rows
        gc.collect()
        assert db.fetch_value("SELECT 7") == 7
    """,
    "dropped stream, asyncio": """
        async def main():
            db = howdah.AsyncDatabase(url, max_size=1, acquire_timeout_s=5, application_name=app)
            rows = db.stream("SELECT generate_series(1, 10000) AS n", batch_rows=10)
            await anext(rows)
            del rows
            gc.collect()
            assert await db.fetch_value("SELECT 7") == 7
        asyncio.run(main())
    """,
    "stream left open at the end of the loop": """
        async def main():
            global rows
            rows = db.stream("SELECT generate_series(1, 10000) AS n", batch_rows=10)
            await anext(rows)
        db = howdah.AsyncDatabase(url, max_size=1, acquire_timeout_s=5, application_name=app)
        asyncio.run(main())
        del rows
        assert asyncio.run(db.fetch_value("SELECT 7")) == 7
    """,
    "verbs never awaited are asyncio's affair": """
        async def main():
            async with howdah.AsyncDatabase(url, application_name=app) as db:
                db._core.execute("SELECT 1", (), None)
                await asyncio.sleep(0.05)
                assert await db.fetch_value("SELECT 7") == 7
        asyncio.run(main())
    """,
    "tasks in flight": """
        async def main():
            db = howdah.AsyncDatabase(url, max_size=2, application_name=app)
            tasks = [asyncio.create_task(db.execute("SELECT pg_sleep(60)")) for _ in range(5)]
            await asyncio.sleep(0.1)
        asyncio.run(main())
    """,
    "tasks in flight, uvloop": """
        import uvloop
        async def main():
            db = howdah.AsyncDatabase(url, max_size=2, application_name=app)
            tasks = [asyncio.create_task(db.execute("SELECT pg_sleep(60)")) for _ in range(5)]
            await asyncio.sleep(0.1)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    """,
    "failures nobody looks at": """
        async def main():
            async with howdah.AsyncDatabase(url, application_name=app) as db:
                task = asyncio.create_task(db.execute("SELECT pg_sleep(0.05)"))
                await asyncio.sleep(0)
                failing = db._core.execute("SELECT nonsense", (), None)
                del failing
                await task
        asyncio.run(main())
    """,
    "daemon thread in a statement": """
        import threading
        db = howdah.Database(url, application_name=app)
        threading.Thread(target=lambda: db.execute("SELECT pg_sleep(1)"), daemon=True).start()
        db.execute("SELECT pg_sleep(0.1)")
    """,
    "transaction left open": """
        db = howdah.Database(url, application_name=app)
        tx = db.transaction()
        tx.__enter__()
        db.execute("CREATE TABLE never (a int)")
    """,
}


@pytest.mark.parametrize("what", SCRIPTS)
def test_process_ends_without_a_word_and_without_a_session(
    url: str, app: str, sessions: Callable[..., int], what: str
) -> None:
    preamble = f"import asyncio, gc, howdah\nurl, app = {url!r}, {app!r}\n"
    script = preamble + textwrap.dedent(SCRIPTS[what])
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    eventually(lambda: sessions() == 0, within_s=5)
