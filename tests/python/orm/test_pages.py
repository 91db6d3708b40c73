"""Keyset pages: every row once, in order, for any keys, and while rows are inserted and deleted."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from howdah import Col, Table, col
from howdah.queries import pagination
from tests.python.orm.schema import Label, Person, Post, PostLabel

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
    base64.urlsafe_b64encode(b"[" * 200_000).decode(),
]


@pytest.mark.parametrize("cursor", FORGED, ids=lambda one: one[:12])
async def test_cursor_that_is_none_is_refused(db: howdah.AsyncDatabase, cursor: str) -> None:
    with pytest.raises(howdah.InterfaceError, match="after="):
        await db.find(Post).page(1, after=cursor)


@pytest.mark.parametrize(
    "values",
    [[], [1, 2], [{"a": 1}], [["t", "x"]], [["?", 1]], [[1]], ["x"], [1 << 70], [["d", "2020-01-01"]]],
    ids=str,
)
async def test_cursor_with_other_values_is_refused(db: howdah.AsyncDatabase, values: list[Any]) -> None:
    page = await db.find(Post).page(1)
    assert page.next is not None
    mark, _, left = json.loads(base64.urlsafe_b64decode(page.next + "=" * (-len(page.next) % 4)))
    for whole in ([mark, values, left], [mark, values], [mark, [1], 5]):
        forged = base64.urlsafe_b64encode(json.dumps(whole).encode()).decode()
        with pytest.raises(howdah.InterfaceError, match="after="):
            await db.find(Post).page(1, after=forged)


async def test_pages_may_be_ordered_by_what_is_said_of_json(db: howdah.AsyncDatabase) -> None:
    kind: Any = howdah.func("jsonb_typeof", Person.meta, as_=str)
    query = db.find(Person).order_by(kind, Person.id)
    first = await query.page(3)
    assert [one.id for one in (await query.page(3, after=first.next)).items] == [4]


async def test_what_has_no_pages_says_so(db: howdah.AsyncDatabase) -> None:
    for query in (
        db.find(Post).distinct(),
        db.find(Post).union(db.find(Post)),
        db.find(Post).group_by(Post.id),
        db.find(Post).having(howdah.count() > 1),
    ):
        with pytest.raises(howdah.InterfaceError, match="page\\(\\) needs the rows of a table"):
            await query.page(1)
    with pytest.raises(howdah.InterfaceError, match="expected a size of 1 or more"):
        await db.find(Post).page(0)
    with pytest.raises(howdah.InterfaceError, match="cannot order by JSON"):
        await db.find(Person).order_by(Person.meta).page(1)
    rows: Any = howdah.subquery(Post.find().select(Post.author.id, Post.title), name="written")
    with pytest.raises(howdah.InterfaceError, match="primary keys of all joined tables, and written has none"):
        await db.find(Person).join(rows, on=rows.author_id == Person.id).page(1)


JOINED: dict[str, Callable[[Any], Any]] = {
    "collection": lambda query: query.join(Person.posts).select(Person.name, Post.title),
    "rows of a collection": lambda query: query.join(Person.posts),
    "across": lambda query: query.join(Person.posts).join(Post.labels).select(Person.name, Label.name),
    "left": lambda query: query.join(Person.posts, on=Post.author.id == Person.id, how="left").select(
        Person.id, Post.id
    ),
    "full": lambda query: query.join(Label, on=Label.id == Person.age, how="full").select(Person.id, Label.id),
    "left, then full": lambda query: (
        query.join(Post, on=(Post.author.id == Person.id) & (Post.views > 6), how="left")
        .join(Label, on=Label.id == Post.id, how="full")
        .select(Person.id, Post.id, Label.id)
    ),
    "cross": lambda query: query.join(Label, how="cross").select(Person.id, Label.id),
    "reference": lambda query: query.join(Person.boss).select(Person.name, Person.boss.name),
    "reference for another condition": lambda query: query.join(
        Person.company, on=Person.company.id >= Person.company.id
    ).select(Person.id, Person.company.name),
}


@pytest.mark.parametrize("join", JOINED)
@pytest.mark.parametrize("order", ["none", "descending"])
async def test_pages_of_joined_tables_have_every_row_once(db: howdah.AsyncDatabase, join: str, order: str) -> None:
    query = JOINED[join](ORDERS[order](db.find(Person)))
    whole = [str(one) for one in await query.to_list()]
    for size in (1, 2, 100):
        found = [str(one) for one in await all_pages(query, size)]
        assert sorted(found) == sorted(whole)


async def test_reference_that_is_joined_adds_no_key(db: howdah.AsyncDatabase) -> None:
    query = db.find(Post).join(Post.author).order_by(Post.views)
    keys = pagination.keys_of(getattr(query, "behind", query))
    assert [node[2] for node in keys.nodes] == ["views", "id"]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_offset_is_the_first_pages_and_limit_that_of_all(db: howdah.AsyncDatabase, size: int) -> None:
    query = db.find(Post).order_by(-Post.views)
    for cut in (query.offset(1), query.limit(2), query.offset(1).limit(2), query.limit(0), query.offset(9)):
        assert [one.id for one in await all_pages(cut, size)] == [one.id for one in await cut.to_list()]


async def test_cursor_of_a_limit_is_no_cursor_without(db: howdah.AsyncDatabase) -> None:
    query = db.find(Post).order_by(-Post.views)
    for one, other in ((query, query.limit(3)), (query.limit(3), query)):
        page = await one.page(1)
        with pytest.raises(howdah.InterfaceError, match="after="):
            await other.page(1, after=page.next)


class Wait(Table):
    """Takes a while."""

    id: Col[int] = howdah.identity()
    long: Col[dt.timedelta | None] = col(default=None)


async def test_pages_are_ordered_by_intervals(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Wait)
    spans = [dt.timedelta(days=1), None, dt.timedelta(hours=30), dt.timedelta(microseconds=1), dt.timedelta(days=-1)]
    await db.insert_many(Wait, [{"long": one} for one in spans])
    for query in (db.find(Wait).order_by(Wait.long), db.find(Wait).order_by(-Wait.long).select(Wait.long)):
        assert [str(one) for one in await all_pages(query, 1)] == [str(one) for one in await query.to_list()]
