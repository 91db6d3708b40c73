"""The SQL of every kind of expression and query, and that the server accepts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pytest

import howdah
from tests.python.orm.catalogue import CONDITIONS, QUERIES, WITH_VECTORS, WRITES
from tests.python.orm.schema import Person, Post, has_vectors
from tests.python.orm.snapshots import names, snapshots, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

M = TypeVar("M", bound="Callable[..., Any]")

SNAPSHOTS = snapshots()


@pytest.fixture
def tables(filled: str) -> Iterator[howdah.Database]:
    """Give a database with tables and rows."""
    with howdah.Database(filled) as database:
        yield database


def known(db: howdah.Database, statements: Mapping[str, M]) -> list[tuple[str, M]]:
    """Give the statements of the catalogue that the server can know."""
    return [(name, make) for name, make in statements.items() if name not in WITH_VECTORS or has_vectors(db)]


@pytest.mark.parametrize(("kind", "name"), names())
def test_statement_is_written_as_it_was(kind: str, name: str) -> None:
    assert written(howdah.Database("host=nowhere"), kind, name) == SNAPSHOTS[f"{kind}: {name}"]


def test_no_snapshot_is_of_what_is_no_more() -> None:
    assert list(SNAPSHOTS) == [f"{kind}: {name}" for kind, name in names()]


def test_every_condition_is_taken_by_the_server(tables: howdah.Database) -> None:
    for name, make in known(tables, CONDITIONS):
        found = tables.find(Person, make()).order_by(Person.id).to_list()
        others = tables.find(Person, ~make()).to_list()
        assert len(found) + len(others) <= 4, name
        assert tables.find(Person, make()).count() == len(found), name


def test_every_query_is_taken_by_the_server(tables: howdah.Database) -> None:
    for name, make in known(tables, QUERIES):
        query: Any = make(tables)
        rows = query.to_list()
        assert rows, name
        assert len(list(query.stream())) == len(rows), name
        if "lock" not in name and "loaded" not in name:
            assert query.count() == len(rows), name
            assert query.read().to_arrow().num_rows == len(rows), name


def test_every_write_is_taken_by_the_server(tables: howdah.Database) -> None:
    for name, make in WRITES.items():
        with tables.transaction() as transaction:
            done = make(tables)
            assert done, name
            transaction.rollback()
    assert tables.find(Post).count() == 4


def test_equal_shapes_give_the_same_text(tables: howdah.Database) -> None:
    def text(age: int, name: str, ids: list[int]) -> str:
        query = tables.find(Person, Person.age > age, Person.name == name, Person.id.in_(ids)).limit(age)
        return query.sql()[0]

    assert text(1, "a", [1]) == text(2**31, "b'; --", list(range(50)))
