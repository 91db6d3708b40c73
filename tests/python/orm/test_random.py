"""A thousand random queries return the rows of the same queries written by hand."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.orm.random_queries import Maker, fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

QUERIES = 1000
SEED = 20261123


def in_order(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Put rows that have no order into one."""
    return sorted(rows, key=repr)


@pytest.fixture
def db(url: str) -> Iterator[howdah.Database]:
    """Give a database."""
    with howdah.Database(url) as database:
        yield database


def test_random_queries_give_the_rows_of_the_same_written_by_hand(db: howdah.Database) -> None:
    random = Random(SEED)  # noqa: S311  (it is to be the same each time)
    fill(db, random)
    maker = Maker(db, random)
    found_any = 0
    for number in range(QUERIES):
        query, sql, ordered = maker.query()
        text = query.sql()[0]
        rows = query.to_list()
        found_any += bool(rows)
        named = [{f"c{at}": value for at, value in enumerate(row)} for row in rows]
        aliases = ", ".join(f"c{at}" for at in range(len(query.selected())))
        whole = db.fetch(f"SELECT * FROM ({sql}) AS q ({aliases})")
        ours, theirs = [tuple(row.values()) for row in named], [tuple(row.values()) for row in whole]
        if not ordered:
            ours, theirs = in_order(ours), in_order(theirs)
        assert ours == theirs, f"query {number}\n{text}\n{sql}"
    # Most of them find something, or they would prove little.
    assert found_any > QUERIES // 2
