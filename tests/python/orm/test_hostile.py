"""Hostile strings, as values, names, JSON keys and types, change no statement."""

from __future__ import annotations

import types
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import howdah
import howdah as pg
from howdah import Col, Table, col
from tests.python.orm.schema import Person, Post

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql

ATTACKS = [
    "'; DROP TABLE person; --",
    '"; DROP TABLE person; --',
    "$1",
    "$1::int",
    "%s",
    "{0}",
    "\\'; --",
    "E'\\x27'",
    "/* */",
    "$$; DROP TABLE person; $$",
    "a'b\"c`d",
    "\u2019; --",
    "t0",
    "NULL",
    "1 OR 1=1",
    "x' OR 'x'='x",
    "\ufeff",
    "\u202e",
    "{}",
    "a,b",
    "a.b.c",
    "SELECT",
    "*",
]
# PostgreSQL's text has no NUL, and UTF-8 no lone surrogates.
TEXT = st.sampled_from(ATTACKS) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30
)
NAMES = st.sampled_from(ATTACKS) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=15
)
FIXTURES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def shared(server: Any) -> Iterator[howdah.Database]:
    """Give one database for all examples."""
    # Types are made and rolled back, which what is prepared does not survive.
    with howdah.Database(server.url, statement_cache_size=0) as database:
        database.execute("DROP SCHEMA IF EXISTS hostile CASCADE; CREATE SCHEMA hostile")
        database.execute("CREATE TABLE hostile.note (id bigserial PRIMARY KEY, body text, meta jsonb, tags text[])")
        yield database
        database.execute("DROP SCHEMA hostile CASCADE")


class Note(Table):
    """Has text in every form."""

    __table__ = "hostile.note"
    id: Col[int] = pg.identity()
    body: Col[str]
    meta: Col[dict[str, Any]] = col(default_factory=dict)
    tags: Col[list[str]] = col(default_factory=list)


def conditions(value: str) -> list[Any]:
    """Give conditions that find what holds a value."""
    return [
        Note.body == value,
        Note.body.in_([value]),
        Note.body.between(value, value),
        Note.body.startswith(value),
        ~(Note.body != value),
        Note.tags.has(value),
        Note.tags.contains([value]),
        Note.tags.item(0) == value,
        Note.meta.path(value, "in", as_=str) == value,
        Note.meta.contains({value: {"in": value}}),
        Note.meta.has_key(value),
        Note.meta.has_all_keys(value),
        pg.coalesce(Note.body, value) == value,
        pg.concat(Note.body, value) == value + value,
        pg.case((Note.body == value, value), otherwise="no") == value,
        pg.func("replace", Note.body, value, value, as_=str) == value,
        pg.array(Note.body, value).has(value),
    ]


@FIXTURES
@given(value=TEXT)
def test_value_changes_no_statement_and_comes_back(shared: howdah.Database, value: str) -> None:
    tame = [shared.find(Note, one).sql()[0] for one in conditions("tame")]
    with shared.transaction() as transaction:
        rows: list[dict[str, Any]] = [{"body": value, "meta": {value: {"in": value}}, "tags": [value, "other"]}]
        keys = shared.insert_many(Note, rows)
        note = shared.save(Note(body="other"))
        note.body, note.meta, note.tags = value, {value: {"in": value}}, [value, "other"]
        shared.save(note)
        for known, condition in zip(tame, conditions(value), strict=True):
            query = shared.find(Note, condition)
            assert query.sql()[0] == known
            found = query.order_by(Note.id).to_list()
            assert [one.id for one in found] == [*keys, note.id], known
            assert {(one.body, tuple(one.tags), str(one.meta)) for one in found} == {
                (value, (value, "other"), str({value: {"in": value}}))
            }
        assert shared.find_one(Note, {"body": value}) is not None
        transaction.rollback()
    assert shared.find(Note).count() == 0


@FIXTURES
@given(table=NAMES, first=NAMES, second=NAMES, label=NAMES, value=TEXT)
def test_names_stay_names(  # noqa: PLR0917  (what an example is made of)
    shared: howdah.Database, table: str, first: str, second: str, label: str, value: str
) -> None:
    assume(first != second)
    assume(all(len(one.encode()) < 60 for one in (table, first, second, label)))
    kind: Any = types.new_class("Kind", (StrEnum,), {}, lambda space: space.update({"one": label}))
    kind.__enum_name__ = 'hostile."the kind"'
    body: dict[str, Any] = {
        "__annotations__": {"id": Col[int], "a": Col[str], "b": Col[int], "kind": Col[kind]},
        "__table__": ("hostile", table),
        "__module__": __name__,
        "id": col(primary_key=True, name=first),
        "a": col(default=value, name=second),
        "b": col(default=1, name="b" + first + second),
        "kind": col(default=kind.one, name="k" + first + second),
    }
    odd: Any = types.new_class("Odd", (Table,), {}, lambda space: space.update(body))
    assume(table != "note")
    with shared.transaction() as transaction:
        shared.create_tables(odd)
        row = shared.save(odd(id=1))
        row.b = 2
        shared.save(row)
        assert shared.insert_many(odd, [{"id": 2, "a": "x"}]) == [2]
        report = shared.upsert(odd, [{"id": 2, "a": value}], on=[odd.id], update=[odd.a, odd.b.set(odd.b + 1)])
        assert (report.inserted, report.updated) == (0, 1)
        found = shared.find(odd, odd.b == 2, odd.kind == kind.one).order_by(odd.id).to_list()
        assert [(one.id, one.a, one.b, one.kind) for one in found] == [(1, value, 2, kind.one), (2, value, 2, kind.one)]
        named = pg.cte(label, shared.find(odd).select(odd.id.as_(first), pg.count().over().as_(second)))
        assert shared.find(named).order_by(named[first]).to_list() == [(1, 2), (2, 2)]
        inner = pg.subquery(shared.find(odd).select(odd.a.as_(second)))
        assert shared.find(inner).select(inner[second]).distinct().to_list() == [(value,)]
        assert shared.find(odd).order_by(-odd.b).page(1).next is not None
        assert shared.find(odd, odd.id == 1).returning(odd.a).delete() == [(value,)]
        transaction.rollback()


@FIXTURES
@given(name=NAMES)
def test_what_names_no_function_type_or_collation_is_refused_or_quoted(shared: howdah.Database, name: str) -> None:
    assume(not name.isidentifier())
    for condition in (
        Note.body.cast(name) == "x",
        pg.func(name, Note.body, as_=str) == "x",
        Note.body.collate(name) == "x",
        pg.value("x", name) == Note.body,
    ):
        try:
            shared.find(Note, condition).to_list()
        except howdah.Error:
            continue
    assert shared.fetch_value("SELECT count(*) FROM hostile.note") == 0


@pytest.mark.parametrize("name", ["int; DROP TABLE person", "int)::int", "int--", "a'b", "int /*", '"a', "(int)", ""])
async def test_type_that_is_none_is_refused(db: howdah.AsyncDatabase, name: str) -> None:
    with pytest.raises(howdah.Error, match="type"):
        await db.find(Person, Person.name.cast(name) == "x").to_list()


@pytest.mark.parametrize("field", ["year; --", "'year'", "year FROM now()) --", ""])
async def test_field_that_is_none_is_refused(db: howdah.AsyncDatabase, field: Any) -> None:
    for expression in (pg.extract(field, Person.made), pg.date_trunc(field, Person.made)):
        with pytest.raises(howdah.Error):
            await db.find(Person).select(expression).to_list()


@pytest.mark.parametrize(
    "given", [{"name; --": 1}, {"": 1}, {"__table__": 1}, {"__class__": 1}, {"id\0": 1}, {"posts": 1}]
)
async def test_filter_by_no_column_is_refused(db: howdah.AsyncDatabase, given: dict[str, Any]) -> None:
    with pytest.raises(howdah.InterfaceError, match="no column"):
        await db.find_one(Person, given)


async def test_nul_is_refused_by_name(db: howdah.AsyncDatabase, sql: Sql) -> None:
    with pytest.raises(howdah.DataError, match="NUL"):
        await db.find(Person, Person.name == "a\0b").to_list()
    with pytest.raises(howdah.DataError, match="NUL"):
        await db.insert_many(Post, [{"title": "a\0b", "author_id": 1}])
    with pytest.raises(howdah.DataError, match="NUL"):
        await db.save(Post(title="a\0b", author=await db.get(Person, 1)))
    assert sql("SELECT count(*) FROM post") == [(4,)]
