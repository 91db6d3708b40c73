"""Memory grows by some MB for any number of rows, by at most twice a long row, and is released afterwards."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.python.conftest import Sql

PEAK = pathlib.Path(__file__).with_name("peak.py")
# What 300 rows of 1 MB, or notices of 200 MB, must stay far below.
FEW_MB = 120
LONG_MB = 256

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the figures are of /proc")


def measured(url: str, case: str) -> tuple[int, int, int]:
    """Give by how much memory grew at most and in the end, and how many notices came."""
    done = subprocess.run([sys.executable, PEAK, url, case], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    peak, after, count = map(int, done.stdout.split())
    return peak, after, count


@pytest.fixture(autouse=True)
def tables(sql: Sql) -> None:
    """Make the tables; long values are not compressed."""
    for name, declaration in (("t", "text"), ("j", "json"), ("a", "int[]"), ("b", "bytea")):
        sql(f"CREATE UNLOGGED TABLE {name} (n int, v {declaration}); ALTER TABLE {name} ALTER v SET STORAGE EXTERNAL")


@pytest.mark.parametrize("case", ["texts", "json", "lists", "create", "short then long", "frame", "texts of asyncio"])
def test_load_of_long_rows_keeps_few_of_them(url: str, sql: Sql, case: str) -> None:
    peak, _, _ = measured(url, case)
    assert peak < FEW_MB, peak
    table = {"json": "j", "lists": "a", "create": "made"}.get(case, "t")
    assert sql(f"SELECT count(*) FROM {table} WHERE octet_length(v::text) > 500000") == [(300,)]


@pytest.mark.parametrize("case", ["bytea in", "bytea in of asyncio"])
def test_long_row_takes_twice_its_size_on_its_way_in(url: str, sql: Sql, case: str) -> None:
    peak, after, _ = measured(url, case)
    assert peak < LONG_MB * 2.3, peak
    assert after < FEW_MB, after
    assert sql("SELECT octet_length(v) FROM b") == [(LONG_MB << 20,)]


@pytest.mark.parametrize("case", ["bytea out", "bytea read"])
def test_long_row_takes_twice_its_size_on_its_way_out(url: str, sql: Sql, case: str) -> None:
    sql(f"INSERT INTO b SELECT 1, decode(repeat('00', {LONG_MB << 20}), 'hex')")
    peak, after, _ = measured(url, case)
    assert peak < LONG_MB * 2.3, peak
    assert after < FEW_MB, after


@pytest.mark.parametrize("case", ["notices", "notices of a read", "notices of a load", "notices of asyncio"])
def test_notices_are_passed_on_as_they_come(url: str, sql: Sql, case: str) -> None:
    if case == "notices of a load":
        sql("CREATE TABLE loud (n int)")
        sql(
            "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN FOR n IN 1..20000 LOOP "
            "RAISE NOTICE '%', repeat('x', 10000); END LOOP; RETURN NEW; END $f$; "
            "CREATE TRIGGER shout BEFORE INSERT ON loud FOR EACH ROW EXECUTE FUNCTION shout()"
        )
    peak, _, count = measured(url, case)
    assert count == 20_000
    assert peak < FEW_MB, peak
