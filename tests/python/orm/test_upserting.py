"""Upserts of table rows: keys, updates of existing rows, and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import howdah
import howdah as pg
from howdah import Col, InterfaceError, Table, col
from tests.python.orm.few import FEW, Parted, people
from tests.python.orm.schema import Company, Person, Post

if TYPE_CHECKING:
    from tests.python.conftest import Sql

pytestmark = pytest.mark.usefixtures("few")


@pytest.mark.parametrize("count", [3, FEW + 1])
async def test_upsert_inserts_and_updates(db: howdah.AsyncDatabase, count: int, sql: Sql) -> None:
    rows = [{"name": "New", "email": "ada@x", "age": 1, "money": 2}, *people(count - 1)]
    report = await db.upsert(Person, rows, on=[Person.email])
    assert (report.rows, report.inserted, report.updated) == (count, count - 1, 1)
    # What the rows do not give stays.
    assert sql("SELECT name, age, score, status::text FROM person WHERE id = 1") == [("New", 1, 9.5, "active")]
    report = await db.upsert(
        Person,
        rows,
        on=[Person.email],
        update=[Person.name, Person.age.set(pg.coalesce(Person.age, 0) + pg.coalesce(pg.excluded(Person.age), 0))],
    )
    assert (report.inserted, report.updated) == (0, count)
    assert sql("SELECT name, age FROM person WHERE id = 1") == [("New", 2)]
    report = await db.upsert(Person, rows, on=[Person.email], update=[])
    assert (report.inserted, report.updated) == (0, 0)


@pytest.mark.parametrize("count", [2, FEW + 1])
async def test_upsert_of_rows_with_different_keys_is_refused_where_the_default_would_replace_what_is_stored(
    db: howdah.AsyncDatabase, count: int, sql: Sql
) -> None:
    stored = "SELECT id, name, age, score FROM person ORDER BY id"
    before = sql(stored)
    rows: list[dict[str, Any]] = [*people(count - 1), {"name": "New", "email": "ada@x", "score": 1.0}]
    says = r'Person, row {}: no value for "{}", which other rows have; .* once for each set of keys'
    with pytest.raises(InterfaceError, match=says.format(count - 1, "age")):
        await db.upsert(Person, rows, on=[Person.email])
    with pytest.raises(InterfaceError, match=says.format(0, "score")):
        await db.upsert(Person, rows, on=[Person.email], update=[Person.name, Person.score])
    bigger = pg.coalesce(pg.excluded(Person.age), 0) + 1
    with pytest.raises(InterfaceError, match=says.format(count - 1, "age")):
        await db.upsert(Person, rows, on=[Person.email], update=[Person.age.set(bigger)])
    assert sql(stored) == before


@pytest.mark.parametrize("count", [2, FEW + 1])
async def test_upsert_of_rows_with_different_keys_gives_new_ones_the_default_of_what_is_not_updated(
    db: howdah.AsyncDatabase, count: int, sql: Sql
) -> None:
    rows: list[dict[str, Any]] = [
        *({"name": f"n{at}", "email": f"{at}@", "score": 3.0} for at in range(count - 1)),
        {"name": "New", "email": "ada@x"},
    ]
    update: list[Any] = [Person.name, Person.tags.set(["excluded", "score"])]
    report = await db.upsert(Person, rows, on=[Person.email], update=update)
    assert (report.inserted, report.updated) == (count - 1, 1)
    assert sql("SELECT name, age, score FROM person WHERE id = 1") == [("New", 36, 9.5)]
    report = await db.upsert(Person, [*rows, {"name": "Zoe", "email": "zoe@x"}], on=[Person.email], update=[])
    assert (report.inserted, report.updated) == (1, 0)
    assert sql("SELECT score FROM person WHERE email IN ('0@', 'zoe@x') ORDER BY 1") == [(0.0,), (3.0,)]


async def test_last_of_several_rows_with_one_key_wins(db: howdah.AsyncDatabase, sql: Sql) -> None:
    rows = [{"name": f"v{at}", "email": "same"} for at in range(5)]
    report = await db.upsert(Person, rows, on=[Person.email])
    assert (report.inserted, report.updated) == (1, 0)
    assert sql("SELECT name FROM person WHERE email = 'same'") == [("v4",)]
    frame = pl.DataFrame({"name": ["w"], "email": ["same"]})
    report = await db.upsert(Person, frame, on=[Person.email])
    assert (report.inserted, report.updated) == (0, 1)
    assert sql("SELECT name FROM person WHERE email = 'same'") == [("w",)]


class Member(Table):
    """Has unique columns that may be NULL, or have a default."""

    __constraints__ = (pg.unique("name", "tenant"),)

    id: Col[int] = pg.identity()
    email: Col[str | None] = col(default=None, unique=True)
    name: Col[str | None] = col(default=None)
    tenant: Col[int] = col(default=7)


@pytest.mark.parametrize("count", [3, FEW + 1])
async def test_upsert_of_rows_whose_key_is_null_stores_each(db: howdah.AsyncDatabase, count: int, sql: Sql) -> None:
    await db.create_tables(Member)
    rows: list[dict[str, Any]] = [{"name": f"n{at}", "email": None} for at in range(count)]
    twice = [{"name": "a", "email": "same"}, {"name": "b", "email": "same"}]
    report = await db.upsert(Member, [*rows, *twice], on=[Member.email])
    assert (report.inserted, report.updated) == (count + 1, 0)
    frame = pl.DataFrame([{"name": f"m{at}", "email": None if at else "x"} for at in range(count)])
    report = await db.upsert(Member, frame, on=[Member.email])
    assert (report.inserted, report.updated) == (count, 0)
    # The class's default is None.
    report = await db.upsert(Member, [{"name": f"o{at}"} for at in range(count)], on=[Member.email])
    assert (report.inserted, report.updated) == (count, 0)
    assert sql("SELECT count(*), count(DISTINCT name) FROM member") == [(3 * count + 1, 3 * count + 1)]
    assert sql("SELECT name FROM member WHERE email = 'same'") == [("b",)]


@pytest.mark.parametrize("count", [3, FEW + 1])
async def test_upsert_where_nulls_are_the_same_takes_the_last(db: howdah.AsyncDatabase, count: int, sql: Sql) -> None:
    await db.create_tables(Member)
    sql("ALTER TABLE member DROP CONSTRAINT member_email_key, ADD UNIQUE NULLS NOT DISTINCT (email)")
    rows = [{"name": f"n{at}", "email": None} for at in range(count)]
    assert (await db.upsert(Member, rows, on=[Member.email])).inserted == 1
    assert (await db.upsert(Member, pl.DataFrame(rows), on=[Member.email])).updated == 1
    assert (await db.upsert(Member, rows, on=[Member.email])).updated == 1
    assert sql("SELECT name, email FROM member") == [(f"n{count - 1}", None)]


@pytest.mark.parametrize("count", [3, FEW + 1])
async def test_upsert_takes_the_default_of_a_key_that_the_rows_lack(
    db: howdah.AsyncDatabase, count: int, sql: Sql
) -> None:
    await db.create_tables(Member)
    rows = [{"name": f"n{at // 2}", "email": f"{at}@"} for at in range(count)]
    distinct = (count + 1) // 2
    for given in (rows, pl.DataFrame(rows)):
        report = await db.upsert(Member, given, on=[Member.name, Member.tenant])
        assert report.rows == distinct
    assert sql("SELECT count(*), min(tenant) FROM member") == [(distinct, 7)]
    assert sql("SELECT email FROM member WHERE name = 'n0'") == [("1@",)]
    rows = [{"email": f"x{at}"} for at in range(count)]
    # A NULL beside it makes each row one of its own.
    assert (await db.upsert(Member, rows, on=[Member.name, Member.tenant])).inserted == count


@pytest.mark.parametrize("count", [3, FEW + 1])
async def test_upsert_into_partitions_and_views_counts_what_was_there(
    db: howdah.AsyncDatabase, count: int, sql: Sql
) -> None:
    sql("CREATE TABLE parted (id bigint PRIMARY KEY, n bigint) PARTITION BY RANGE (id)")
    sql("CREATE TABLE parted_all PARTITION OF parted FOR VALUES FROM (0) TO (1000000)")
    rows = [{"id": at, "n": at} for at in range(count)]
    report = await db.upsert(Parted, rows[:2], on=[Parted.id])
    assert (report.inserted, report.updated) == (2, 0)
    report = await db.upsert(Parted, rows, on=[Parted.id])
    assert (report.inserted, report.updated) == (count - 2, 2)
    sql("ALTER TABLE parted RENAME TO behind; CREATE VIEW parted AS SELECT * FROM behind")
    report = await db.upsert(Parted, [*rows, {"id": count, "n": 0}], on=[Parted.id])
    assert (report.inserted, report.updated) == (1, count)


@pytest.mark.parametrize(
    ("on", "update", "says"),
    [
        ([Company.id], [Person.name.set("x")], "update= takes columns of Company; got 'name' of Person"),
        ([Company.id], [Person.name], "update= takes columns of Company; got 'name' of Person"),
        ([Company.id], [Person.company.name.set("x")], "'name' of Company under another name, or by a reference"),
        ([Person.id], None, "on= takes columns of Company; got 'id' of Person"),
    ],
)
async def test_upsert_of_columns_of_another_table_is_refused(
    db: howdah.AsyncDatabase, on: list[Any], update: list[Any] | None, says: str, sql: Sql
) -> None:
    with pytest.raises(InterfaceError, match=says):
        await db.upsert(Company, [{"id": 1, "name": "new"}], on=on, update=update)
    assert sql("SELECT name FROM company WHERE id = 1") == [("Acme",)]


async def test_upsert_without_its_key_is_refused(db: howdah.AsyncDatabase) -> None:
    with pytest.raises(InterfaceError, match="on= needs id, which the rows do not have"):
        await db.upsert(Company, [{"name": "x"}], on=[Company.id])
    with pytest.raises(InterfaceError, match="needs the columns"):
        await db.upsert(Company, [{"name": "x"}], on=[])
    with pytest.raises(InterfaceError, match="take columns"):
        await db.upsert(Company, [{"name": "x"}], on=[pg.lower(Company.name)])
    with pytest.raises(howdah.ProgrammingError, match="no unique"):
        await db.upsert(Post, [{"title": "x", "author_id": 1}], on=[Post.title])
