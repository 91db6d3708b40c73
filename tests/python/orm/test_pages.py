"""Pages by keyset: every row once, in order, whatever the keys, and while rows come and go."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.orm.schema import Person, Post, PostLabel

if TYPE_CHECKING:
    from collections.abc import Callable


async def all_pages(query: Any, size: int) -> list[Any]:
    """Give the rows of all pages."""
    found: list[Any] = []
    after: str | None = None
    while True:
        page = await query.page(size, after=after)
        assert len(page.items) <= size
        found.extend(page.items)
        after = page.next
        if after is None:
            return found
        assert len(page.items) == size


ORDERS: dict[str, Callable[[Any], Any]] = {
    "none": lambda query: query,
    "descending": lambda query: query.order_by(-Person.score),
    "two ways": lambda query: query.order_by(-Person.score, Person.name),
    "nulls last": lambda query: query.order_by(Person.age),
    "nulls first": lambda query: query.order_by(-Person.age),
    "nulls put first": lambda query: query.order_by(Person.age.asc().nulls_first(), -Person.id),
    "nulls put last": lambda query: query.order_by(Person.born.desc().nulls_last()),
    "decimal": lambda query: query.order_by(Person.money.desc()),
    "enum": lambda query: query.order_by(Person.status, Person.name),
    "time": lambda query: query.order_by(-Person.made, Person.id),
    "reference": lambda query: query.order_by(Person.company.name, -Person.id),
    "expression": lambda query: query.order_by(-howdah.length(Person.name), Person.id),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 3, 100])
async def test_pages_have_every_row_once_and_in_order(db: howdah.AsyncDatabase, order: str, size: int) -> None:
    people = [{"name": f"n{n % 7}", "email": f"{n}", "age": n % 5 or None, "score": float(n % 3)} for n in range(20)]
    await db.insert_many(Person, people)
    query = ORDERS[order](db.find(Person))
    found = await all_pages(query, size)
    assert len({one.id for one in found}) == len(found) == 24
    # The primary key decides where the order leaves a choice, in the direction of the last key.
    keys = query.behind.ordering()[2] if hasattr(query, "behind") else query.ordering()[2]
    if not keys:
        assert [one.id for one in found] == list(range(1, 25))
    whole = await query.to_list()
    values = [one.score for one in whole]
    if order in {"descending", "two ways"}:
        assert [one.score for one in found] == values


async def test_page_is_found_by_the_keys_not_by_the_number_of_rows(db: howdah.AsyncDatabase) -> None:
    query = db.find(Post).order_by(-Post.views)
    first = await query.page(2)
    assert [one.views for one in first.items] == [100, 20]
    # Rows that come before the cursor meanwhile move nothing.
    await db.insert_many(Post, [{"title": "new", "views": 1000, "author_id": 1}])
    await db.find(Post, Post.views == 100).delete()
    second = await query.page(2, after=first.next)
    assert ([one.views for one in second.items], second.next) == ([7, 5], None)


async def test_page_of_tuples_and_shapes_keeps_its_columns(db: howdah.AsyncDatabase) -> None:
    query = db.find(Post).order_by(Post.views)
    page = await query.select(Post.title).page(2)
    assert page.items == [("School",), ("Exile",)]
    rest = await query.select(Post.title).page(9, after=page.next)
    assert rest.items == [("Numbers",), ("Engines",)]
    assert next(vars(one) for one in (await query.load(Post.author).page(1)).items)["title"] == "School"


async def test_page_by_a_composite_key(db: howdah.AsyncDatabase) -> None:
    rows = await all_pages(db.find(PostLabel), 1)
    assert [(vars(one)["post_id"], vars(one)["label_id"]) for one in rows] == [(1, 1), (1, 2), (3, 2)]


async def test_cursor_of_another_query_is_refused(db: howdah.AsyncDatabase) -> None:
    by_views = await db.find(Post).order_by(-Post.views).page(1)
    for other in (
        db.find(Post).order_by(Post.views),
        db.find(Post).order_by(-Post.title),
        db.find(Person).order_by(Person.id),
    ):
        with pytest.raises(howdah.InterfaceError, match="after="):
            await other.page(1, after=by_views.next)


FORGED = [
    "",
    "nonsense",
    "é",
    "bnVsbA",
    base64.urlsafe_b64encode(b"{}").decode(),
    base64.urlsafe_b64encode(json.dumps(["0", [1]]).encode()).decode(),
    "A" * 100_000,
]


@pytest.mark.parametrize("cursor", FORGED, ids=lambda one: one[:12])
async def test_cursor_that_is_none_is_refused(db: howdah.AsyncDatabase, cursor: str) -> None:
    with pytest.raises(howdah.InterfaceError, match="after="):
        await db.find(Post).page(1, after=cursor)


@pytest.mark.parametrize("values", [[], [1, 2], [{"a": 1}], [["t", "x"]], [["?", 1]], [[1]]], ids=str)
async def test_cursor_with_other_values_is_refused(db: howdah.AsyncDatabase, values: list[Any]) -> None:
    page = await db.find(Post).page(1)
    assert page.next is not None
    mark = json.loads(base64.urlsafe_b64decode(page.next + "=" * (-len(page.next) % 4)))[0]
    forged = base64.urlsafe_b64encode(json.dumps([mark, values]).encode()).decode()
    with pytest.raises(howdah.InterfaceError, match="after="):
        await db.find(Post).page(1, after=forged)


async def test_what_has_no_pages_says_so(db: howdah.AsyncDatabase) -> None:
    for query in (
        db.find(Post).distinct(),
        db.find(Post).union(db.find(Post)),
        db.find(Post).group_by(Post.id),
    ):
        with pytest.raises(howdah.InterfaceError, match="page\\(\\) is for the rows of a table"):
            await query.page(1)
    with pytest.raises(howdah.InterfaceError, match="one row at least"):
        await db.find(Post).page(0)
    with pytest.raises(howdah.InterfaceError, match="cannot order by a dict"):
        await db.find(Person).order_by(Person.meta).page(1)
