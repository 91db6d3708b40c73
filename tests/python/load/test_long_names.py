"""Names of more than 63 bytes, which the server would cut, are refused by every method."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from howdah import Col, Table, col
from tests.python.pool.faces import awaited, loops

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

# As long as may be; what follows would be cut.
LONGEST = "é" * 31 + "t"
LONG = LONGEST + "_costs"
REFUSED = r"is over 63 bytes long"


@pytest.mark.parametrize("mode", ["append", "create", "replace", "truncate", "upsert"])
def test_load_into_a_table_whose_name_would_be_cut_leaves_the_other_alone(
    db: howdah.Database, sql: Sql, mode: Any
) -> None:
    sql(f"CREATE TABLE {LONGEST} (id int PRIMARY KEY); INSERT INTO {LONGEST} VALUES (1)")
    for name in (LONG, f'"{LONG}"', f"public.{LONG}", f"{LONG}.t"):
        with pytest.raises(howdah.ProgrammingError, match=REFUSED) as caught:
            db.load(name, [{"id": 2}], mode=mode, key="id" if mode == "upsert" else ())
        assert LONG in str(caught.value)
    assert sql(f"SELECT id FROM {LONGEST}") == [(1,)]


def test_read_of_a_table_whose_name_would_be_cut_is_refused(db: howdah.Database, sql: Sql) -> None:
    sql(f"CREATE TABLE {LONGEST} (id int)")
    assert db.read(LONGEST).to_arrow().num_rows == 0
    for name in (LONG, f'"{LONG}"', f'public."{LONG[:-1]} x"'):
        with pytest.raises(howdah.ProgrammingError, match=REFUSED):
            db.read(name)


@pytest.mark.parametrize("mode", ["append", "create", "replace", "truncate", "upsert"])
def test_load_of_a_column_whose_name_would_be_cut_is_refused(db: howdah.Database, sql: Sql, mode: Any) -> None:
    if mode != "create":
        sql(f"CREATE TABLE t (id int PRIMARY KEY, {LONGEST} int)")
    for rows, columns in (([{"id": 1, LONG: 2}], None), ([{"id": 1, "x": 2}], {"x": LONG})):
        with pytest.raises(howdah.ProgrammingError, match=f"column .* {REFUSED}"):
            db.load("t", rows, mode=mode, key="id" if mode == "upsert" else (), columns=columns)
    if mode == "upsert":
        with pytest.raises(howdah.ProgrammingError, match=f"column .* {REFUSED}"):
            db.load("t", [{"id": 1}], mode=mode, key=LONG)


def test_listening_on_a_channel_whose_name_would_be_cut_is_refused(db: howdah.Database, url: str) -> None:
    with pytest.raises(howdah.InterfaceError, match=f"channel .* {REFUSED}"), db.listen("news", LONG):
        pass
    with db.listen(LONGEST):
        pass

    async def listen() -> None:
        async with howdah.AsyncDatabase(url) as other:
            with pytest.raises(howdah.InterfaceError, match=f"channel .* {REFUSED}"):
                async with other.listen(LONG):
                    pass

    asyncio.run(listen())


class Plain(Table):
    """A table."""

    id: Col[int] = howdah.identity()
    name: Col[str] = col(default="")


def _table(**declared: Any) -> type[Table]:
    return type("Long", (Table,), {"__annotations__": {"id": Col[int]}, "id": howdah.identity(), **declared})


class Label(StrEnum):
    """An enum with a label that is too long."""

    short = "short"
    long = LONG


def _with_label() -> type[Table]:
    annotations = {"id": Col[int], "label": Col[Label]}
    return type("Labelled", (Table,), {"__annotations__": annotations, "id": howdah.identity()})


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: _table(__table__=LONG), "table"),
        (lambda: _table(__table__=f"{LONG}.t"), "table"),
        (lambda: _table(id=howdah.identity(name=LONG)), "column"),
        (lambda: _table(__constraints__=(howdah.check("id > 0", name=LONG),)), "constraint"),
        (lambda: _table(__indexes__=(howdah.index("id", name=LONG),)), "index"),
        (_with_label, "label"),
    ],
)
def test_tables_are_not_created_under_a_name_that_would_be_cut(
    db: howdah.Database, make: Callable[[], type[Table]], what: str
) -> None:
    with pytest.raises(howdah.InterfaceError, match=f"{what} .* {REFUSED}"):
        db.create_tables(make())


def test_queries_with_a_name_that_would_be_cut_are_refused(db: howdah.Database) -> None:
    db.create_tables(Plain)
    named = Plain.find().select(Plain.name.as_("x"))
    for query in (
        db.find(Plain).select(Plain.name.as_(LONG)),
        db.find(Plain, Plain.name.collate(LONG) == "x"),
        db.find(Plain, Plain.name.cast(LONG) == "x"),
        db.find(howdah.cte(LONG, named)),
        db.find(Plain).select(howdah.func(LONG, as_=int)),
        db.find(_table(__table__=LONG)),
        db.find(_table(id=howdah.identity(name=LONG))),
    ):
        with pytest.raises(howdah.InterfaceError, match=REFUSED):
            query.to_list()


@loops
def test_names_that_would_be_cut_are_refused_by_awaited_verbs(url: str, sql: Sql, new_loop: Any) -> None:
    sql(f"CREATE TABLE {LONGEST} (id int PRIMARY KEY); INSERT INTO {LONGEST} VALUES (1)")
    sql(f"CREATE TABLE t (id int PRIMARY KEY, {LONGEST} int)")

    async def refused(verb: Any) -> None:
        with pytest.raises((howdah.ProgrammingError, howdah.InterfaceError), match=REFUSED):
            await verb

    async def main() -> None:
        async with howdah.AsyncDatabase(url) as db:
            modes: list[Any] = ["append", "create", "replace", "truncate", "upsert"]
            for mode in modes:
                key = "id" if mode == "upsert" else ()
                await refused(db.load(LONG, [{"id": 2}], mode=mode, key=key))
                await refused(db.load("made" if mode == "create" else "t", [{"id": 1, LONG: 2}], mode=mode, key=key))
            await refused(db.load("t", [{"id": 1}], mode="upsert", key=LONG))
            await refused(db.read(LONG).to_arrow())
            await refused(db.create_tables(_table(__table__=LONG)))
            await refused(db.create_tables(_with_label()))
            await refused(db.find(_table(__table__=LONG)).to_list())

    awaited(main(), new_loop)
    assert sql(f"SELECT id FROM {LONGEST}") == [(1,)]
    assert sql("SELECT count(*), to_regclass('made') IS NULL FROM t") == [(0, True)]
