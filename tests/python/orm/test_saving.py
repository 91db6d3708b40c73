"""Single rows: saved, changed, read again, deleted."""

from __future__ import annotations

import array
import copy
import datetime as dt
import pickle
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from howdah import Col, NoRow, Range, Table, Vector
from tests.python.orm.schema import Company, Person, Post, PostLabel, Spot, Status

if TYPE_CHECKING:
    from tests.python.conftest import Sql


async def test_new_row_is_inserted_and_filled_in(db: howdah.AsyncDatabase, sql: Sql) -> None:
    eve = Person(name="Eve", email="eve@x", tags=["a"], meta={"k": [1]}, money=Decimal("1.23"))
    assert await db.save(eve) is eve
    assert (eve.id, eve.initial, eve.status, eve.money) == (5, "E", Status.active, Decimal("1.23"))
    assert eve.made.tzinfo is not None
    assert sql("SELECT name, tags, meta, money FROM person WHERE id = 5") == [
        ("Eve", ["a"], {"k": [1]}, Decimal("1.23"))
    ]


async def test_error_of_a_row_that_breaks_a_constraint_shows_no_values_of_it(db: howdah.AsyncDatabase) -> None:
    for wrong in (Person(name="s3cret", email="s3cret@x", score=-1.0), Person(name="s3cret", email="ada@x")):
        with pytest.raises(howdah.IntegrityError) as caught:
            await db.save(wrong)
        assert "s3cret" not in str(caught.value)
        assert "@x" not in str(caught.value)
        assert "@x" in (caught.value.detail or "")


class Rounded(Table):
    """Has columns that the server rounds to, and one that a caller may change from outside."""

    id: Col[int] = howdah.identity()
    money: Col[Decimal] = howdah.col(default=Decimal(0), precision=10, scale=2)
    at: Col[dt.datetime | None] = howdah.col(default=None, type="timestamptz(0)")
    each: Col[list[Decimal] | None] = howdah.col(default=None, type="numeric(6,2)[]")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("money", Decimal("1.005")),
        ("at", dt.datetime(2020, 1, 1, 0, 0, 0, 500_000, tzinfo=dt.UTC)),
        ("each", [Decimal("1.25"), Decimal("1.255")]),
    ],
)
async def test_value_that_its_column_would_round_is_refused(
    db: howdah.AsyncDatabase, sql: Sql, name: str, value: Any
) -> None:
    await db.create_tables(Rounded)
    row = await db.save(Rounded())
    before = getattr(row, name)
    setattr(row, name, value)
    for wrong in (row, Rounded(**{name: value})):
        with pytest.raises(howdah.DataError, match=f'column "{name}": expected .*; round it first'):
            await db.save(wrong)
    setattr(row, name, before)
    await db.save(row)
    assert sql(f"SELECT count(*), count({name}) FROM rounded") == [(1, int(name == "money"))]


@pytest.mark.usefixtures("vectors")
async def test_buffer_that_is_changed_after_it_was_saved_as_a_vector_is_saved_again(db: howdah.AsyncDatabase) -> None:
    given: Any = array.array("f", [1, 2, 0.5])
    row = await db.save(Spot(place=given))
    given[0] = 9
    assert row.place == Vector([1, 2, 0.5])
    row.place = given
    await db.save(row)
    found = await db.get(Spot, row.id)
    assert found.place == Vector([9, 2, 0.5])
    assert type(found.place) is Vector


@pytest.mark.parametrize("kind", ["deep", "a circle"])
async def test_value_of_too_deep_json_is_an_error_however_it_is_written(
    db: howdah.AsyncDatabase, sql: Sql, kind: str
) -> None:
    deep: Any = []
    inner = deep
    for _ in range(100_000):
        inner.append([])
        inner = inner[0]
    if kind == "a circle":
        deep = {"k": []}
        deep["k"].append(deep)
    ada = await db.get(Person, 1)
    ada.meta = deep
    new = [Person(name="N", email="n", meta=deep), Person(name="M", email="m", meta=deep)]
    for verb in (
        lambda: db.save(ada),
        lambda: db.save(new[0]),
        lambda: db.insert_many(Person, new),
        lambda: db.insert_many(Person, [{"name": "N", "email": "n", "meta": deep}]),
        lambda: db.find(Person).update(Person.meta.set(deep)),
    ):
        with pytest.raises(howdah.DataError):
            await verb()
    assert sql("SELECT count(*) FROM person") == [(4,)]


async def test_row_with_everything_comes_back_the_same(db: howdah.AsyncDatabase) -> None:
    acme = await db.get(Company, 1)
    eve = Person(
        name="Eve",
        email="eve@x",
        age=5,
        score=0.1,
        money=Decimal("99.99"),
        status=Status.banned,
        tags=["x", "y"],
        meta={"deep": {"list": [1, None, "z"]}},
        born=dt.date(1999, 12, 31),
        seats=Range(1, 9),
        company=acme,
    )
    await db.save(eve)
    found = await db.get(Person, eve.id)
    assert found == eve
    assert found is not eve
    assert found.asdict() == eve.asdict()
    assert found.status is Status.banned


async def test_changed_row_updates_its_changed_columns_alone(db: howdah.AsyncDatabase, sql: Sql) -> None:
    ada = await db.get(Person, 1)
    sql("UPDATE person SET name = 'Augusta', age = 37 WHERE id = 1")
    ada.age = 38
    await db.save(ada)
    assert sql("SELECT name, age FROM person WHERE id = 1") == [("Augusta", 38)]
    ada.tags.append("new")
    ada.meta["plan"]["tier"] = "iron"
    await db.save(ada)
    assert sql("SELECT age, tags, meta->'plan'->>'tier' FROM person WHERE id = 1") == [
        (38, ["math", "poetry", "new"], "iron")
    ]


class Kept(howdah.Table):
    """Values that are equal to others, and not the same."""

    id: howdah.Col[int] = howdah.identity()
    meta: howdah.Col[Any] = howdah.col(type="json", default=None)
    amount: howdah.Col[Decimal | None] = howdah.col(default=None)
    share: howdah.Col[float | None] = howdah.col(default=None)
    blob: howdah.Col[Any] = howdah.col(type="bytea", default=None)


@pytest.mark.parametrize(
    ("name", "before", "after", "stored"),
    [
        ("meta", {"a": 1}, {"a": True}, '{"a": true}'),
        ("meta", {"a": [0]}, {"a": [0.0]}, '{"a": [0.0]}'),
        ("meta", {"a": 1, "b": 2}, {"b": 2, "a": 1}, '{"b": 2, "a": 1}'),
        ("meta", [1, 2], [1], "[1]"),
        ("amount", Decimal("1.0"), Decimal("1.00"), "1.00"),
        ("share", 0.0, -0.0, "-0"),
    ],
)
async def test_value_that_is_equal_but_not_the_same_is_written(  # noqa: PLR0917  (fixtures)
    db: howdah.AsyncDatabase, sql: Sql, name: str, before: Any, after: Any, stored: str
) -> None:
    await db.create_tables(Kept)
    row = await db.save(Kept(**{name: before}))
    setattr(row, name, after)
    await db.save(row)
    assert sql(f"SELECT {name}::text FROM kept") == [(stored,)]


@pytest.mark.parametrize("kind", [bytearray, lambda data: memoryview(bytearray(data))])
async def test_bytes_that_are_changed_in_place_are_written(
    db: howdah.AsyncDatabase, sql: Sql, kind: type[bytearray]
) -> None:
    await db.create_tables(Kept)
    row = await db.save(Kept(blob=kind(b"abc")))
    await db.save(row)
    before = sql("SELECT xmin::text FROM kept")
    await db.save(row)
    assert sql("SELECT xmin::text FROM kept") == before
    row.blob[0:1] = b"Z"
    await db.save(row)
    assert sql("SELECT blob FROM kept") == [(b"Zbc",)]


async def test_row_that_has_not_changed_sends_nothing(db: howdah.AsyncDatabase, sql: Sql) -> None:
    ada = await db.get(Person, 1)
    before = sql("SELECT xmin::text FROM person WHERE id = 1")
    acquired = db.stats().acquired
    await db.save(ada)
    ada.age = 36
    ada.meta = {"n": [1, 2], "plan": {"tier": "gold"}}
    await db.save(ada)
    assert db.stats().acquired == acquired
    assert sql("SELECT xmin::text FROM person WHERE id = 1") == before


async def test_generated_column_follows_an_update(db: howdah.AsyncDatabase) -> None:
    ada = await db.get(Person, 1)
    ada.name = "Zoe"
    await db.save(ada)
    assert ada.initial == "Z"
    assert (await db.get(Person, 1)).initial == "Z"


async def test_key_may_change_by_a_save(db: howdah.AsyncDatabase, sql: Sql) -> None:
    dan = await db.get(Person, 4)
    dan.id = 44
    await db.save(dan)
    assert sql("SELECT id FROM person WHERE name LIKE 'Dan%'") == [(44,)]
    dan.age = 51
    await db.save(dan)
    assert sql("SELECT age FROM person WHERE id = 44") == [(51,)]


async def test_row_deleted_meanwhile_raises(db: howdah.AsyncDatabase, sql: Sql) -> None:
    dan = await db.get(Person, 4)
    sql("DELETE FROM person WHERE id = 4")
    dan.age = 51
    for verb in (db.save, db.refresh, db.delete):
        with pytest.raises(NoRow, match="Person does not exist any more"):
            await verb(dan)
    with pytest.raises(NoRow, match="no Person with the key 4"):
        await db.get(Person, 4)


async def test_deleted_row_can_be_saved_again(db: howdah.AsyncDatabase, sql: Sql) -> None:
    dan = await db.get(Person, 4)
    await db.delete(dan)
    assert sql("SELECT count(*) FROM person") == [(3,)]
    await db.save(dan)
    assert sql("SELECT name FROM person WHERE id = 4") == [("Dan_%",)]


async def test_refresh_takes_what_the_server_has(db: howdah.AsyncDatabase, sql: Sql) -> None:
    ada = await db.get(Person, 1)
    ada.name = "wrong"
    sql("UPDATE person SET age = 99 WHERE id = 1")
    assert await db.refresh(ada) is ada
    assert (ada.name, ada.age) == ("Ada", 99)


async def test_composite_key_finds_updates_and_deletes(db: howdah.AsyncDatabase, sql: Sql) -> None:
    row = await db.get(PostLabel, (1, 2))
    row.note = "seen"
    await db.save(row)
    assert sql("SELECT note FROM post_label WHERE post_id = 1 AND label_id = 2") == [("seen",)]
    await db.delete(row)
    assert sql("SELECT count(*) FROM post_label") == [(2,)]
    with pytest.raises(howdah.InterfaceError, match="primary key has 2 columns, got 1"):
        await db.get(PostLabel, 1)


class Line(howdah.Table):
    """Has no key."""

    text: howdah.Col[str]


async def test_get_of_a_table_without_a_key_is_refused(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Line)
    await db.insert_many(Line, [{"text": "a"}, {"text": "b"}])
    for key in ((), 1):
        with pytest.raises(howdah.InterfaceError, match="Line has no primary key to find the row by"):
            await db.get(Line, key)


async def test_reference_is_saved_by_its_key(db: howdah.AsyncDatabase, sql: Sql) -> None:
    fay = Person(name="Fay", email="fay@x")
    post = Post(title="Hello", author=fay)
    with pytest.raises(howdah.InterfaceError, match=r"Post\.author is not saved yet"):
        await db.save(post)
    await db.save(fay)
    await db.save(post)
    assert sql("SELECT author_id FROM post WHERE title = 'Hello'") == [(fay.id,)]
    assert post.author is fay
    post.author = await db.get(Person, 1)
    await db.save(post)
    assert sql("SELECT author_id FROM post WHERE title = 'Hello'") == [(1,)]


async def test_constraint_that_a_save_breaks_is_named(db: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.UniqueViolation) as unique:
        await db.save(Person(name="Ada", email="ada@x"))
    assert (unique.value.table, unique.value.constraint) == ("person", "person_email_key")
    with pytest.raises(howdah.CheckViolation) as check:
        await db.save(Person(name="Gil", email="gil@x", score=-1.0))
    assert check.value.constraint == "person_score"
    with pytest.raises(howdah.ForeignKeyViolation):
        await db.delete(await db.get(Person, 1))


async def test_value_of_another_type_is_refused(db: howdah.AsyncDatabase) -> None:
    wrong: Any = "thirty"
    with pytest.raises(howdah.ConversionError):
        await db.save(Person(name="Gil", email="gil@x", age=wrong))


def test_constructor_names_what_is_missing_and_what_is_no_column() -> None:
    given: dict[str, Any] = {"nam": "x"}
    with pytest.raises(TypeError, match=r"Person\(\): missing: name, email; no columns: nam"):
        Person(**given)
    generated: dict[str, Any] = {"name": "a", "email": "b", "initial": "c"}
    with pytest.raises(TypeError, match="initial is generated"):
        Person(**generated)


def test_rows_are_equal_by_their_keys() -> None:
    one, other, new = Company(name="a"), Company(name="b"), Company(name="c")
    vars(one)["id"] = vars(other)["id"] = 7
    assert one == other
    assert hash(one) == hash(other)
    assert new != one
    assert new == new  # noqa: PLR0124  (a row without a key is equal to itself alone)
    assert Company(name="c") != new
    with pytest.raises(TypeError, match="cannot be hashed"):
        hash(new)


async def test_row_is_copied_and_pickled(db: howdah.AsyncDatabase, sql: Sql) -> None:
    ada = await db.get(Person, 1)
    for twin in (copy.copy(ada), copy.deepcopy(ada), pickle.loads(pickle.dumps(ada))):  # noqa: S301  (our own)
        assert twin == ada
        assert twin.asdict() == ada.asdict()
    twin = copy.deepcopy(ada)
    twin.tags.append("own")
    assert ada.tags == ["math", "poetry"]
    await db.save(twin)
    assert sql("SELECT tags FROM person WHERE id = 1") == [(["math", "poetry", "own"],)]


def test_row_is_shown_by_its_columns() -> None:
    assert repr(Company(name="Acme")) == "Company(name='Acme')"
    assert Company(name="Acme").asdict() == {"name": "Acme"}


def test_value_that_is_not_there_says_why() -> None:
    with pytest.raises(howdah.NotLoaded, match="id"):
        _ = Company(name="Acme").id
