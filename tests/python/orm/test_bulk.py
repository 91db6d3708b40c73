"""Many rows at once: inserted with their keys, streamed, and read as frames."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest

import howdah
import howdah as pg
from howdah import Col, InterfaceError, Table, col
from tests.python.orm.few import FEW, SIZES, Keyless, people
from tests.python.orm.schema import Company, Person, Post, PostLabel, Profile, Status

if TYPE_CHECKING:
    from tests.python.conftest import Sql


pytestmark = pytest.mark.usefixtures("few")


class Keyed(Table):
    """Has a key that is no number."""

    code: Col[str] = col(primary_key=True)
    n: Col[int] = col(default=0)


class Serial(Table):
    """Has a key that the server makes by a default."""

    id: Col[str] = pg.server_default("gen_random_uuid()::text", primary_key=True)
    n: Col[int] = col(default=0)


@pytest.mark.parametrize("count", SIZES)
async def test_keys_come_in_the_order_of_the_rows(db: howdah.AsyncDatabase, count: int, sql: Sql) -> None:
    rows = people(count)
    keys = await db.insert_many(Person, rows)
    assert keys == list(range(5, 5 + count))
    stored = sql("SELECT name, email, age, money, status::text, tags FROM person WHERE id > 4 ORDER BY id")
    assert stored == [(one["name"], one["email"], one["age"], one["money"], "active", []) for one in rows]


@pytest.mark.parametrize("count", SIZES)
async def test_objects_get_their_keys_and_all_that_the_server_fills(db: howdah.AsyncDatabase, count: int) -> None:
    rows = [Person(name=f"n{at}", email=f"{at}@", tags=["x"], status=Status.banned) for at in range(count)]
    keys = await db.insert_many(Person, rows)
    assert [one.id for one in rows] == keys
    assert {one.initial for one in rows} == {"n"}
    assert all(one.made.tzinfo is not None for one in rows)
    rows[0].age = 3
    await db.save(rows[0])
    assert (await db.get(Person, keys[0])).asdict() == rows[0].asdict()
    assert await db.find(Person, Person.status == Status.banned).count() == count + 1


@pytest.mark.parametrize("count", SIZES)
async def test_frame_is_inserted_and_its_keys_come_back(db: howdah.AsyncDatabase, count: int, sql: Sql) -> None:
    frame = pl.DataFrame(people(count)).with_columns(born=pl.lit(dt.date(2000, 1, 2)))
    assert await db.insert_many(Person, frame) == list(range(5, 5 + count))
    assert sql("SELECT count(*), min(date_of_birth), min(score) FROM person WHERE id > 4") == [
        (count, dt.date(2000, 1, 2), 0.0)
    ]
    table = pa.table({"name": ["Z"], "date_of_birth": [dt.date(2001, 1, 1)]})
    with pytest.raises(InterfaceError, match='has no column "email"'):
        await db.insert_many(Person, table)


@pytest.mark.parametrize("count", SIZES)
async def test_keys_of_every_kind_come_back(db: howdah.AsyncDatabase, count: int) -> None:
    await db.create_tables(Keyed, Serial)
    assert await db.insert_many(Keyed, [{"code": f"k{at}"} for at in range(count)]) == [f"k{at}" for at in range(count)]
    keys = await db.insert_many(Serial, [{"n": at} for at in range(count)])
    found = await db.find(Serial).select(Serial.id, Serial.n).order_by(Serial.n).to_list()
    assert found == list(zip(keys, range(count), strict=True))
    posts = await db.insert_many(Post, [{"title": "t", "author_id": 1} for _ in range(count)])
    pairs = [{"post_id": key, "label_id": 1} for key in posts]
    assert await db.insert_many(PostLabel, pairs) == [(key, 1) for key in posts]
    objects = [Serial(n=-at) for at in range(count)]
    keys = await db.insert_many(Serial, objects)
    assert [one.id for one in objects] == keys
    assert len(set(keys)) == count


@pytest.mark.parametrize("count", [2, FEW + 1])
async def test_references_are_given_as_objects_or_keys(db: howdah.AsyncDatabase, count: int, sql: Sql) -> None:
    ada = await db.get(Person, 1)
    rows: list[dict[str, Any]] = [{"title": "t", "author": ada} for _ in range(count)]
    await db.insert_many(Post, rows)
    await db.insert_many(Post, [Post(title="u", author=ada) for _ in range(count)])
    assert sql("SELECT count(*) FROM post WHERE author_id = 1") == [(2 + 2 * count,)]


@pytest.mark.parametrize("count", [1, FEW + 1])
async def test_frames_that_go_by_a_table_between_leave_the_statements_that_are_kept_alone(
    db: howdah.AsyncDatabase, count: int
) -> None:
    frame = pl.DataFrame({"name": [f"c{at}" for at in range(count)]})
    rows: list[dict[str, Any]] = [{"name": f"d{at}"} for at in range(count)]
    kept = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%howdah_staged%'"
    seen: list[Any] = []
    # In a transaction all use one connection.
    async with db.transaction():
        for _ in range(4):
            await db.upsert(Company, frame, on=[Company.name])
            await db.upsert(Company, rows, on=[Company.name])
            assert len(await db.insert_many(Profile, pl.DataFrame({"person_id": [3]}))) == 1
            with pytest.raises(howdah.UniqueViolation):
                await db.insert_many(Company, frame)
            await db.find(Profile, Profile.person.id == 3).delete()
            seen.append(await db.fetch_value(kept))
        assert seen[0] == seen[-1]
        assert await db.fetch_value("SELECT to_regclass('pg_temp.howdah_staged')") is None


@pytest.mark.parametrize("count", SIZES)
async def test_failure_stores_nothing(db: howdah.AsyncDatabase, count: int, sql: Sql) -> None:
    with pytest.raises(howdah.UniqueViolation):
        await db.insert_many(Person, [*people(count), {"name": "x", "email": "ada@x"}])
    with pytest.raises(howdah.ConversionError):
        await db.insert_many(Person, [*people(count), {"name": "x", "email": "y", "age": "old"}])
    assert sql("SELECT count(*) FROM person") == [(4,)]


async def test_no_rows_have_no_keys(db: howdah.AsyncDatabase) -> None:
    assert await db.insert_many(Person, []) == []
    assert await db.insert_many(Person, iter(())) == []
    report = await db.upsert(Person, [], on=[Person.email])
    assert (report.rows, report.inserted, report.updated) == (0, 0, 0)


async def test_rows_may_lack_what_has_a_default(db: howdah.AsyncDatabase, sql: Sql) -> None:
    await db.insert_many(
        Person, [{"name": "a", "email": "b", "score": 2.0}, {"name": "c", "email": "d", "tags": ["t"]}]
    )
    assert sql("SELECT score, tags FROM person WHERE id > 4 ORDER BY id") == [(2.0, []), (0.0, ["t"])]


class Pair(Table):
    """Has a key of two columns."""

    a: Col[int] = col(primary_key=True)
    b: Col[int] = col(primary_key=True)
    note: Col[str] = pg.server_default("'none'")


@pytest.mark.parametrize("count", [3, FEW + 1])
async def test_objects_whose_insert_is_undone_are_new_again(db: howdah.AsyncDatabase, count: int, sql: Sql) -> None:
    await db.create_tables(Pair)
    rows = [Pair(a=at, b=1) for at in range(count)]
    async with db.transaction() as transaction:
        assert await db.insert_many(Pair, rows) == [(at, 1) for at in range(count)]
        assert {row.note for row in rows} == {"none"}
        await transaction.rollback()
    assert "note" not in vars(rows[0])
    await db.save(rows[0])
    assert sql("SELECT a, b, note FROM pair") == [(0, 1, "none")]


@pytest.mark.parametrize("count", [3, FEW + 1])
async def test_objects_without_a_key_are_stored_once(db: howdah.AsyncDatabase, count: int, sql: Sql) -> None:
    await db.create_tables(Keyless)
    rows = [Keyless(n=at) for at in range(count)]
    assert await db.insert_many(Keyless, rows) == []
    assert {row.note for row in rows} == {"none"}
    given: dict[str, Any] = {"n": 1, "note": "x"}
    more = [Keyless(**given) for _ in range(count)]
    assert await db.insert_many(Keyless, more) == []
    await db.save(more[0])
    assert sql("SELECT count(*) FROM keyless") == [(2 * count,)]


@pytest.mark.parametrize("count", [1, FEW + 1])
async def test_object_takes_the_key_of_one_that_was_saved_after_it_was_made(
    db: howdah.AsyncDatabase, count: int, sql: Sql
) -> None:
    eve = Person(name="Eve", email="eve@x")
    posts = [Post(title="t", author=eve) for _ in range(count)]
    with pytest.raises(InterfaceError, match=r"Post\.author is not saved yet"):
        await db.insert_many(Post, posts)
    await db.save(eve)
    await db.insert_many(Post, posts)
    assert {vars(post)["author_id"] for post in posts} == {eve.id}
    assert sql("SELECT count(*) FROM post WHERE author_id = %s", eve.id) == [(count,)]


async def test_query_becomes_a_frame(db: howdah.AsyncDatabase) -> None:
    query = db.find(Person, Person.born.is_not_null()).order_by(Person.id)
    frame = await query.select(Person.name, Person.born, Person.money, Person.company.name.as_("company")).to_polars()
    assert frame.rows() == [
        ("Ada", dt.date(1815, 12, 10), Decimal("10.50"), "Acme"),
        ("Cyd", dt.date(2001, 2, 3), Decimal("0.00"), "Brit"),
    ]
    assert frame.columns == ["name", "date_of_birth", "money", "company"]
    # Whole rows have the class's names.
    table = await query.to_arrow()
    assert table.column_names[:10] == [
        *("id", "name", "email", "age", "score", "money", "status", "tags", "meta", "born"),
    ]
    assert [batch.num_rows async for batch in query.batches(batch_rows=1)] == [1, 1]
    pandas = await query.select(Person.name).to_pandas()
    assert pandas["name"].tolist() == ["Ada", "Cyd"]


async def test_read_and_load_take_tables_and_queries(db: howdah.AsyncDatabase, sql: Sql) -> None:
    frame = await db.read(Company).to_polars()
    assert frame.rows() == [(1, "Acme"), (2, "Brit")]
    table = await db.read(db.find(Post, Post.views > 10).select(Post.title)).to_arrow()
    assert table.column("title").to_pylist() == ["Engines", "Numbers"]
    report = await db.load(
        Person,
        [
            {
                "name": "L",
                "email": "l",
                "born": dt.date(2000, 1, 1),
                "score": 0,
                "money": 1,
                "status": "active",
                "tags": [],
                "meta": {},
            }
        ],
    )
    assert report.rows == 1
    assert sql("SELECT date_of_birth FROM person WHERE name = 'L'") == [(dt.date(2000, 1, 1),)]
    profiles = pl.DataFrame({"bio": ["x"], "person_id": [4]})
    assert (await db.load(Profile, profiles, mode="upsert", key="person_id")).inserted == 1
    with pytest.raises(InterfaceError, match="parameters can be given with SQL text only"):
        db.read(Company, 1)
    nothing: Any = 5
    with pytest.raises(InterfaceError, match="expected a table"):
        db.read(nothing)


async def test_stream_gives_objects_in_turn(db: howdah.AsyncDatabase) -> None:
    await db.insert_many(Company, [{"name": f"c{at}"} for at in range(2500)])
    seen = [one.id async for one in db.find(Company).order_by(Company.id).stream(batch_rows=100)]
    assert seen == list(range(1, 2503))
    stream = db.find(Company).order_by(Company.id).stream(batch_rows=10)
    async for one in stream:
        assert one.name == "Acme"
        break
    await stream.aclose()
    assert await db.find(Company).count() == 2502


class Ordered(Table):
    """Has a column with the name that howdah itself gives to one."""

    id: Col[int] = pg.identity()
    howdah_order: Col[int] = col(unique=True)
    other: Col[int] = col(default=0, name="howdah_order_")


@pytest.mark.parametrize("count", [3, FEW + 1])
async def test_column_named_as_that_of_the_order_is_a_column_like_others(db: howdah.AsyncDatabase, count: int) -> None:
    await db.create_tables(Ordered)
    rows = [{"howdah_order": -at, "other": at} for at in range(count)]
    keys = await db.insert_many(Ordered, rows)
    assert [(await db.get(Ordered, key)).other for key in keys] == [*range(count)]
    keys = await db.insert_many(Ordered, pl.DataFrame({"howdah_order": [count, count + 1]}))
    assert [(await db.get(Ordered, key)).howdah_order for key in keys] == [count, count + 1]
    again = [{"howdah_order": 0, "other": at} for at in range(count)]
    for given in (again, pl.DataFrame(again)):
        report = await db.upsert(Ordered, given, on=[Ordered.howdah_order])
        assert (report.inserted, report.updated) == (0, 1)
    found = await db.find_one(Ordered, Ordered.howdah_order == 0)
    assert found is not None
    assert found.other == count - 1


class Bare(Table):
    """Has nothing to be given."""

    id: Col[int] = pg.identity()


@pytest.mark.parametrize("count", SIZES)
async def test_rows_of_nothing_get_keys(db: howdah.AsyncDatabase, count: int) -> None:
    await db.create_tables(Bare)
    assert await db.insert_many(Bare, [{}] * count) == list(range(1, count + 1))
    rows = [Bare() for _ in range(count)]
    assert await db.insert_many(Bare, rows) == [row.id for row in rows] == list(range(count + 1, 2 * count + 1))
    assert (await db.save(Bare())).id == 2 * count + 1
