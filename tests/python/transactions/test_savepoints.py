"""Nested blocks: savepoints, three levels deep."""

# ruff: noqa: PT012, TRY301  (what raises may be the end of a block, or the midst of it)
from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable

    Sql = Callable[..., Any]


@pytest.fixture
def table(one: howdah.AsyncDatabase, sql: Sql) -> howdah.AsyncDatabase:
    """Give a database of one connection with an empty table `t`."""
    sql("CREATE TABLE t (a int)")
    return one


def rows(sql: Sql) -> list[int]:
    return [a for (a,) in sql("SELECT a FROM t ORDER BY a")]


class Undo(Exception):  # noqa: N818
    """Leaves a block."""


async def level(database: howdah.AsyncDatabase, depth: int, undone: tuple[bool, ...], how: str) -> None:
    """Open a block at a depth and store a row before and after the next one; leave it as is said."""
    try:
        async with database.transaction() as tx:
            await database.execute("INSERT INTO t VALUES ($1)", 10 * depth)
            if depth + 1 < len(undone):
                await level(database, depth + 1, undone, how)
            await database.execute("INSERT INTO t VALUES ($1)", 10 * depth + 1)
            if undone[depth]:
                if how == "rollback":
                    await tx.rollback()
                elif how == "server error":
                    await database.execute("SELECT 1 / 0")
                else:
                    raise Undo
    except (Undo, howdah.DataError):
        assert undone[depth]


@pytest.mark.parametrize("how", ["exception", "rollback", "server error"])
@pytest.mark.parametrize("undone", list(itertools.product([False, True], repeat=3)), ids=str)
async def test_each_level_is_kept_or_undone_with_those_inside(
    table: howdah.AsyncDatabase, sql: Sql, undone: tuple[bool, ...], how: str
) -> None:
    await level(table, 0, undone, how)
    kept = [depth for depth in range(3) if not any(undone[: depth + 1])]
    assert rows(sql) == sorted(n for depth in kept for n in (10 * depth, 10 * depth + 1))
    assert table.stats().opened == 1


async def test_blocks_side_by_side_in_a_block_are_undone_alone(table: howdah.AsyncDatabase, sql: Sql) -> None:
    async with table.transaction():
        for n in range(6):
            try:
                async with table.transaction():
                    await table.execute("INSERT INTO t VALUES ($1)", n)
                    if n % 2:
                        raise Undo
            except Undo:
                pass
    assert rows(sql) == [0, 2, 4]


async def test_rollback_of_the_outer_undoes_the_inner_which_takes_no_more_statements(
    table: howdah.AsyncDatabase, sql: Sql
) -> None:
    async with table.transaction() as outer:
        await table.execute("INSERT INTO t VALUES (1)")
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (2)")
            await outer.rollback()
            with pytest.raises(howdah.InterfaceError, match="rolled back"):
                await table.execute("INSERT INTO t VALUES (3)")
        with pytest.raises(howdah.InterfaceError, match="rolled back"):
            await table.execute("INSERT INTO t VALUES (4)")
    assert rows(sql) == []
    assert await table.fetch_value("SELECT 1") == 1


async def test_failed_statement_swallowed_in_the_inner_block_raises_at_its_end_and_spares_the_outer(
    table: howdah.AsyncDatabase, sql: Sql
) -> None:
    async with table.transaction():
        await table.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(howdah.DatabaseError):
            async with table.transaction():
                await table.execute("INSERT INTO t VALUES (2)")
                with pytest.raises(howdah.DataError):
                    await table.execute("SELECT 1 / 0")
        await table.execute("INSERT INTO t VALUES (3)")
    assert rows(sql) == [1, 3]


@pytest.mark.parametrize("settings", [{"isolation": "serializable"}, {"readonly": True}, {"deferrable": True}], ids=str)
async def test_settings_of_an_inner_block_are_refused(
    table: howdah.AsyncDatabase, sql: Sql, settings: dict[str, Any]
) -> None:
    async with table.transaction():
        await table.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(howdah.InterfaceError, match="is a savepoint"):
            async with table.transaction(**settings):
                pytest.fail("it began")
        await table.execute("INSERT INTO t VALUES (2)")
    assert rows(sql) == [1, 2]


async def test_savepoints_of_the_caller_s_own_go_along(table: howdah.AsyncDatabase, sql: Sql) -> None:
    async with table.transaction():
        await table.execute("SAVEPOINT mine")
        await table.execute("INSERT INTO t VALUES (1)")
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (2)")
        await table.execute("ROLLBACK TO SAVEPOINT mine")
        await table.execute("INSERT INTO t VALUES (3)")
    assert rows(sql) == [3]
