"""The plugin in separate runs of pytest: with pytest-asyncio, with anyio, and with neither."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.python.conftest import Sql

    Run = Callable[..., str]

RIDERS = """
import asyncio
import howdah
import pytest
from howdah import Col, Table

class Rider(Table):
    id: Col[int] = howdah.identity()
    name: Col[str] = howdah.col(unique=True)
"""
# pytest-asyncio warns of what it will do otherwise some day.
INI = "filterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
# Each of two tests does the same, and finds nothing of the other's.
TWICE = """
@pytest.mark.parametrize("time", [1, 2])
{mark}
async def test_rows(howdah_db, time):
    await Rider(name="Hannibal").save()
    async with howdah.pg_transaction():
        await Rider(name="Hanno").save()
    assert await Rider.find().count() == 2
"""


@pytest.fixture
def run(tmp_path: Path, howdah_url: str) -> Run:
    """Give what runs pytest on a file, with the plugin's database in this test's schema, and gives its last lines."""

    def running(
        text: str,
        *arguments: str,
        ini: str = "",
        environment: Mapping[str, str] | None = None,
        where: str | None = f"--howdah-url={howdah_url}",
    ) -> str:
        (tmp_path / "test_riders.py").write_text(RIDERS + text)
        (tmp_path / "pytest.ini").write_text(f"[pytest]\n{INI}{ini}\n")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments]
        if where is not None:
            command.append(where)
        inherited = {name: value for name, value in os.environ.items() if name != "HOWDAH_TEST_URL"}
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**inherited, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return running


def passed(told: str) -> str:
    """Give the line of a run that counts, without the time that it took."""
    lines = [line for line in told.splitlines() if " in " in line and ("passed" in line or "failed" in line)]
    assert lines, told
    return lines[-1].partition(" in ")[0].strip("= ")


@pytest.mark.parametrize(
    ("mark", "ini", "arguments"),
    [
        ("@pytest.mark.asyncio", "asyncio_mode = strict", ["-p", "no:anyio"]),
        ("", "asyncio_mode = auto", ["-p", "no:anyio"]),
        ('@pytest.mark.asyncio(loop_scope="session")', "asyncio_mode = strict", []),
        ("@pytest.mark.anyio", "asyncio_mode = strict", []),
        ("@pytest.mark.anyio", "", ["-p", "no:asyncio", "-W", "ignore::pytest.PytestConfigWarning"]),
    ],
    ids=["asyncio-strict", "asyncio-auto", "asyncio-session", "anyio-beside-asyncio", "anyio"],
)
def test_tests_of_a_plugin_for_asyncio_are_rolled_back(
    run: Run, sql: Sql, mark: str, ini: str, arguments: list[str]
) -> None:
    backend = '@pytest.fixture(scope="session")\ndef anyio_backend():\n    return "asyncio"\n'
    told = run(backend + TWICE.format(mark=mark), *arguments, ini=ini)
    assert passed(told) == "2 passed", told
    assert sql("SELECT count(*) FROM rider") == [(0,)]


def test_fixtures_of_other_loops_share_the_transaction(run: Run, sql: Sql) -> None:
    told = run(
        """
        import pytest_asyncio

        @pytest_asyncio.fixture(loop_scope="session")
        async def hannibal(howdah_db):
            yield await Rider(name="Hannibal").save()
            assert await Rider.find().count() == 2

        @pytest.mark.asyncio
        async def test_both(hannibal):
            await Rider(name="Hanno").save()
            assert [rider.name for rider in await Rider.find().order_by(Rider.id).to_list()] == ["Hannibal", "Hanno"]

        def test_without_a_plugin(howdah_db):
            asyncio.run(Rider(name="Hanno").save())
            assert asyncio.run(Rider.count()) == 1
        """.replace("\n        ", "\n")
    )
    assert passed(told) == "2 passed", told
    assert sql("SELECT count(*) FROM rider") == [(0,)]


def test_a_test_that_fails_is_rolled_back(run: Run, sql: Sql) -> None:
    told = run(
        """
        def test_assertion(howdah_db):
            asyncio.run(Rider(name="Hannibal").save())
            assert False

        def test_error(howdah_db):
            asyncio.run(Rider(name="Hannibal").save())
            asyncio.run(Rider(name="Hannibal").save())

        def test_open_transaction(howdah_db):
            async def body():
                async with howdah.pg_transaction():
                    await Rider(name="Hannibal").save()
                    raise KeyError
            asyncio.run(body())

        def test_lost_connection(howdah_db):
            asyncio.run(Rider(name="Hannibal").save())
            asyncio.run(howdah_db.execute("SELECT pg_terminate_backend(pg_backend_pid())"))

        def test_after(howdah_db):
            assert asyncio.run(Rider.count()) == 0
        """.replace("\n        ", "\n")
    )
    # Whoever loses the connection hears of it once more at the end.
    assert passed(told) == "4 failed, 1 passed, 1 error", told
    assert "UniqueViolation" in told
    assert sql("SELECT count(*) FROM rider") == [(0,)]


def test_a_task_that_outlives_its_test_changes_nothing(run: Run, sql: Sql) -> None:
    told = run(
        """
        async def late(db):
            await asyncio.sleep(0)
            return await db.execute("INSERT INTO rider (name) VALUES ('late')")

        databases = []

        def test_first(howdah_db):
            databases.append(howdah_db)

        def test_second(howdah_db):
            with pytest.raises(howdah.InterfaceError, match="has ended"):
                asyncio.run(late(databases[0]))
            assert asyncio.run(Rider.count()) == 0
        """.replace("\n        ", "\n")
    )
    assert passed(told) == "2 passed", told
    assert sql("SELECT count(*) FROM rider") == [(0,)]


def test_the_default_database_is_the_test_s_and_then_what_it_was(run: Run, howdah_url: str) -> None:
    told = run(
        f"""
        from howdah.default import database

        before = howdah.init({howdah_url!r})

        def test_inside(howdah_db):
            assert database() is howdah_db
            assert howdah.init("postgresql://nowhere", max_size=3) is howdah_db
            assert database() is howdah_db

        def test_outside():
            assert database() is before
            assert howdah.init({howdah_url!r}) is not before
        """.replace("\n        ", "\n")
    )
    assert passed(told) == "2 passed", told


def test_the_url_is_taken_from_option_then_ini_then_environment(run: Run, howdah_url: str) -> None:
    test = """
        def test_rider(howdah_db):
            asyncio.run(Rider(name="Hannibal").save())
        """.replace("\n        ", "\n")
    nowhere = "postgresql://localhost:1/nowhere"
    ini, wrong_ini = (f"howdah_url = {url.replace('%', '%%')}" for url in (howdah_url, nowhere))
    given, wrong = ({"HOWDAH_TEST_URL": url} for url in (howdah_url, nowhere))
    assert passed(run(test, ini=wrong_ini, environment=wrong)) == "1 passed"
    assert passed(run(test, where=None, ini=ini.replace("%%", "%"), environment=wrong)) == "1 passed"
    assert passed(run(test, where=None, environment=given)) == "1 passed"
    assert "localhost" in run(test, where=None, environment=wrong)


def test_a_private_server_is_started_where_no_url_is_given(run: Run) -> None:
    told = run(
        """
        @pytest.fixture(scope="session", autouse=True)
        def tables(howdah_url):
            with howdah.Database(howdah_url) as db:
                db.create_tables(Rider)

        @pytest.mark.parametrize("time", [1, 2])
        def test_rider(howdah_db, time):
            asyncio.run(Rider(name="Hannibal").save())
            assert asyncio.run(Rider.count()) == 1
        """.replace("\n        ", "\n"),
        where=None,
    )
    assert passed(told) == "2 passed", told


def test_howdah_needs_no_pytest() -> None:
    program = "import sys; sys.modules['pytest'] = None; import howdah, howdah.rollback_database; print('imported')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "imported\n"
