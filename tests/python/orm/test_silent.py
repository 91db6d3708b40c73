"""Mistakes that would be ignored, or would match no row, are errors that say what to do."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pydantic
import pytest

import howdah
import howdah as pg
from howdah import Col, Many, NoField, Ref, Table, col
from tests.python.orm.schema import Company, Person, Post, Spot
from tests.python.versions import wants

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.python.conftest import Sql


class Guest(Table):
    id: Col[int] = pg.identity()
    name: Col[str]


class Visit(Table):
    id: Col[int] = pg.identity()
    place: Ref[Place] = pg.ref()
    sponsor: Ref[Guest] = pg.ref()
    guest: Ref[Guest] = pg.ref()


class Place(Table):
    id: Col[int] = pg.identity()
    name: Col[str]
    anybody: Many[Guest] = pg.many(via="place", through="Visit")
    guests: Many[Guest] = pg.many(via="place", through="Visit", target="guest")
    nobody: Many[Guest] = pg.many(via="place", through="Visit", target="host")


class Hidden(Table):
    """Has columns of the names that subqueries and CTEs once used themselves."""

    id: Col[int] = pg.identity()
    recursive: Col[str] = col(default="r")
    cte: Col[str] = col(default="c")
    source: Col[str] = col(default="s")
    columns: Col[str] = col(default="k")
    first: Col[str] = col(default="f")


class Town(Table):
    id: Col[int] = pg.identity()
    name: Col[str] = col(type="citext")

    label: str

    @property
    def shout(self) -> str:
        """The name in capitals, which can be set."""
        return self.name.upper()

    @shout.setter
    def shout(self, name: str) -> None:
        self.name = name.lower()


async def test_many_through_with_two_references_takes_the_one_that_is_named(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Guest, Place, Visit)
    rich, poor = await db.save(Guest(name="rich")), await db.save(Guest(name="poor"))
    inn = await db.save(Place(name="inn"))
    await db.save(Visit(place=inn, sponsor=rich, guest=poor))

    (loaded,) = await db.find(Place).load(Place.guests).to_list()

    assert [guest.name for guest in loaded.guests] == ["poor"]
    assert await db.find(Place).join(Place.guests).select(Place.guests.name).to_list() == [("poor",)]


async def test_many_through_with_two_references_and_no_name_is_refused(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Guest, Place, Visit)
    await db.save(Place(name="inn"))
    with pytest.raises(howdah.InterfaceError, match="Visit has several references to Guest: sponsor, guest; name one"):
        await db.find(Place).load(Place.anybody).to_list()
    with pytest.raises(howdah.InterfaceError, match="Visit has no reference 'host' to Guest"):
        await db.find(Place).load(Place.nobody).to_list()


def test_many_target_without_through_is_refused() -> None:
    with pytest.raises(howdah.InterfaceError, match="through="):
        pg.many(via="place", target="guest")


# What a value of any type may be.
NONE: Any = None


@dataclass
class Shape:
    name: str
    posts: list[Any] = field(default_factory=list)


LOADING_VERBS: list[Callable[[Any], Awaitable[Any]]] = [
    lambda query: query.to(Shape).to_list(),
    lambda query: query.select(Person.name).to_list(),
    lambda query: query.to_polars(),
    lambda query: query.select(Person.name).page(2),
    lambda query: query.returning().update(Person.score.set(1.0)),
]


@pytest.mark.parametrize("verb", LOADING_VERBS)
async def test_load_where_rows_are_no_objects_is_refused(db: howdah.AsyncDatabase, verb: Any) -> None:
    query = db.find(Person).order_by(Person.id).load(Person.posts)
    with pytest.raises(howdah.InterfaceError, match=r"load\(\) needs a query that returns objects; .* posts"):
        await verb(query)


class PostOut(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(from_attributes=True)
    title: str


class PersonOut(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(from_attributes=True)
    name: str
    posts: list[PostOut] = []
    company: Any = None


@pytest.mark.parametrize("validate", [PersonOut.model_validate, pydantic.TypeAdapter(PersonOut).validate_python])
async def test_pydantic_from_attributes_of_what_is_not_loaded_is_an_error(
    db: howdah.AsyncDatabase, validate: Any
) -> None:
    bare = await db.get(Person, 1)
    with pytest.raises(pydantic.ValidationError, match=r"Person\.posts is not loaded"):
        validate(bare)

    (loaded,) = await db.find(Person, Person.id == 1).load(Person.posts, Person.company).to_list()
    shown = validate(loaded)

    assert [post.title for post in shown.posts] == [post.title for post in loaded.posts]
    # Python's own questions are answered as ever.
    assert not hasattr(bare, "posts")
    assert getattr(bare, "posts", None) is None


async def test_subquery_columns_of_any_name_are_columns(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Hidden)
    await db.save(Hidden())
    columns = (Hidden.recursive, Hidden.cte, Hidden.source, Hidden.columns, Hidden.first)
    for rows in (
        pg.subquery(db.find(Hidden).select(*columns)),
        pg.cte("hidden_rows", db.find(Hidden).select(*columns)),
        pg.alias(pg.cte("hidden_rows", db.find(Hidden).select(*columns))),
    ):
        given: Any = rows
        query = db.find(given).select(given.recursive, given.cte, given.source, given.columns, given.first)
        assert await query.where(given.cte == "c").to_list() == [("r", "c", "s", "k", "f")]


def test_subquery_column_that_cannot_be_reached_is_refused() -> None:
    rows: Any = pg.subquery(Person.find().select(Person.name))
    with pytest.raises(NoField, match="there is no column 'nmae'; the columns are name"):
        _ = rows.nmae


def test_row_attribute_that_is_no_column_is_refused() -> None:
    person: Any = Person(name="Ann", email="a@x")
    with pytest.raises(NoField, match="Person has no column or relation 'nmae'; did you mean name"):
        person.nmae = "Bo"
    with pytest.raises(AttributeError):
        person.something_else = 1
    assert "nmae" not in vars(person)


def test_row_collection_cannot_be_set() -> None:
    company: Any = Company(name="acme")
    with pytest.raises(NoField, match=r"Company\.staff cannot be set: .* set Person\.company"):
        company.staff = []


def test_row_generated_column_cannot_be_set() -> None:
    person: Any = Person(name="Ann", email="a@x")
    with pytest.raises(NoField, match=r"Person\.initial cannot be set: the server computes it"):
        person.initial = "B"


def test_row_takes_columns_references_and_what_is_the_class_authors_own() -> None:
    person: Any = Person(name="Ann", email="a@x")
    person.name, person.company_id, person.company = "Bo", 1, None
    person._note = "private"
    assert (person.name, person.company_id, person._note) == ("Bo", None, "private")
    town: Any = Town(name="Ulm", label="x")
    town.shout = "BERN"
    town.label = "y"
    assert (town.name, town.label) == ("bern", "y")


def test_row_is_copied_and_pickled() -> None:
    person = Person(name="Ann", email="a@x")
    for twin in (copy.copy(person), copy.deepcopy(person), pickle.loads(pickle.dumps(person))):  # noqa: S301
        assert vars(twin) == vars(person)


async def test_save_of_a_row_of_another_database_is_refused(db: howdah.AsyncDatabase, sql: Sql, url: str) -> None:
    person = await db.get(Person, 1)
    sql("CREATE SCHEMA IF NOT EXISTS public")
    other = howdah.Database(url, application_name="other")
    elsewhere = howdah.Database("postgresql://127.0.0.1:1/nowhere")

    # The same database by another pool is the same database.
    person.score = 5.0
    other.save(person)
    for refused in (elsewhere.save, elsewhere.delete):
        with pytest.raises(howdah.InterfaceError, match=r"is a row of .*, not of .*nowhere"):
            refused(person)
    with pytest.raises(howdah.InterfaceError, match=r"Post\.author is a row of"):
        elsewhere.save(Post(title="t", author=person))
    with pytest.raises(howdah.InterfaceError, match=r"Post\.author is a row of"):
        elsewhere.insert_many(Post, [Post(title="t", author=person)])
    # A new row with the same values is for any database.
    with pytest.raises(howdah.OperationalError):
        elsewhere.save(Company(name="x"))
    other.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Person.age > NONE,
        lambda: Person.age >= NONE,
        lambda: Person.age < NONE,
        lambda: Person.age <= NONE,
        lambda: Person.age.between(NONE, 5),
        lambda: Person.age.between(1, NONE),
        lambda: Person.age + NONE,
        lambda: Person.age - NONE,
        lambda: Person.age * NONE,
        lambda: Person.age / NONE,
        lambda: Person.age % NONE,
        lambda: NONE + Person.age,
        lambda: NONE - Person.age,
        lambda: NONE * Person.age,
        lambda: Person.name.like(NONE),
        lambda: Person.name.ilike(NONE),
        lambda: Person.name.regex(NONE),
        lambda: Person.name.startswith(NONE),
        lambda: Person.tags.contains(NONE),
        lambda: Person.tags.has(NONE),
        lambda: Person.tags.overlaps(NONE),
        lambda: Spot.place.l2_distance(NONE),
        lambda: Person.name.matches(NONE),
    ],
)
def test_operation_with_none_is_refused(make: Any) -> None:
    with pytest.raises(howdah.InterfaceError, match="None is always NULL"):
        make()


async def test_among_values_none_stands_for_null(db: howdah.AsyncDatabase, sql: Sql) -> None:
    def ids(where: str) -> list[Any]:
        return [row[0] for row in sql(f"SELECT id FROM person WHERE {where} ORDER BY id")]

    async def found(condition: Any) -> list[Any]:
        return [row[0] for row in await db.find(Person, condition).order_by(Person.id).select(Person.id).to_list()]

    sql("UPDATE person SET age = NULL WHERE id = 2")
    (some,) = sql("SELECT age FROM person WHERE age IS NOT NULL ORDER BY id LIMIT 1")[0]
    among: Any = [some, None]

    assert await found(Person.age.in_(among)) == ids(f"age = {some} OR age IS NULL") != []
    assert await found(Person.age.not_in(among)) == ids(f"age <> {some} AND age IS NOT NULL") != []
    assert await found(Person.age.in_([None])) == ids("age IS NULL") != []
    assert await found(Person.age.not_in([None])) == ids("age IS NOT NULL") != []
    company: Any = Person.company
    assert await found(company.in_([None])) == ids("company_id IS NULL")


async def test_startswith_on_citext_ignores_case_as_its_equality_does(db: howdah.AsyncDatabase, sql: Sql) -> None:
    wants("citext", sql)
    await db.execute("CREATE EXTENSION IF NOT EXISTS citext")
    await db.create_tables(Town)
    await db.insert_many(
        Town, [{"name": name, "label": ""} for name in ("Ulm", "ulster", "Bern", "u%x", "u_y", "u\\z")]
    )

    async def found(prefix: str) -> list[str]:
        rows = await db.find(Town, Town.name.startswith(prefix)).order_by(Town.id).to_list()
        return [row.name for row in rows]

    assert await found("UL") == ["Ulm", "ulster"]
    assert await found("U%") == ["u%x"]
    assert await found("U_") == ["u_y"]
    assert await found("U\\") == ["u\\z"]
