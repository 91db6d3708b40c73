"""References as conditions and keys, and columns of subqueries by the selected expressions."""

from __future__ import annotations

from typing import Any

import pytest

import howdah as pg
from howdah import InterfaceError, NoField
from tests.python.orm.schema import Company, Person, Post


async def titles(db: pg.AsyncDatabase, condition: pg.Expr[bool]) -> list[str]:
    return [post.title for post in await db.find(Post, condition).order_by(Post.id).to_list()]


async def test_reference_is_compared_with_objects_none_and_references(db: pg.AsyncDatabase) -> None:
    ada = await db.get(Person, 1)
    everybody = await titles(db, Post.id > 0)
    hers = [post.title for post in await db.find(Post, Post.author.id == 1).order_by(Post.id).to_list()]
    others = [title for title in everybody if title not in hers]
    assert hers
    assert others
    assert await titles(db, Post.author == ada) == hers
    assert await titles(db, Post.author != ada) == others
    assert await titles(db, Post.author.in_([ada])) == hers
    assert await titles(db, Post.author.not_in([ada])) == others
    assert await titles(db, Post.author.in_(db.find(Person, Person.id == 1))) == hers
    assert await titles(db, Post.author.not_in(db.find(Person, Person.id == 1).select(Person.id))) == others
    with_boss = await db.find(Person, Person.boss != None).count()  # noqa: E711
    assert with_boss == await db.find(Person, Person.boss.is_not_null()).count() > 0
    assert await db.find(Person, Person.boss == None).count() == await db.find(Person, Person.boss.is_null()).count()  # noqa: E711
    assert await db.find(Person, Person.boss == Person.boss).count() == with_boss


async def test_reference_is_compared_with_another_place_of_its_table(db: pg.AsyncDatabase) -> None:
    boss = pg.alias(Person)
    query = db.find(Person).join(boss, on=Person.boss == boss).order_by(Person.id)
    wanted = db.find(Person, Person.boss.is_not_null()).order_by(Person.id).select(Person.name, Person.boss.name)
    assert await query.select(Person.name, boss.name).to_list() == await wanted.to_list()
    ada = await db.get(Person, 1)
    assert await query.where(boss == ada).count() == await db.find(Person, Person.boss == ada).count()
    posts = db.find(Post).join(Person, on=Post.author == Person).order_by(Person, Post)
    assert await posts.select(Person, Post).to_list() == await posts.select(Person.id, Post.id).to_list()
    joined = db.find(Person).join(Person.posts, how="left")
    lonely = await joined.where(Person.posts.is_null()).count()
    assert lonely == await joined.where(Post.id.is_null()).count()
    assert lonely == await joined.where(Post.is_null()).count()
    written = await joined.where(Post.is_not_null()).count()
    assert written == await db.find(Post).count()


async def test_reference_is_ordered_grouped_and_selected_by_its_key(db: pg.AsyncDatabase) -> None:
    query = db.find(Post).order_by(Post.author, Post.id)
    assert await query.select(Post.author).to_list() == await query.select(Post.author.id).to_list()
    groups = db.find(Post).select(Post.author, pg.count()).group_by(Post.author).order_by(Post.author)
    same = db.find(Post).select(Post.author.id, pg.count()).group_by(Post.author.id).order_by(Post.author.id)
    assert await groups.to_list() == await same.to_list()
    newest = db.find(Post).select(pg.max(Post.author), pg.array_agg(Post.author).distinct())
    keys = sorted({key for (key,) in await query.select(Post.author).to_list()}, key=str)
    assert await newest.one() == (keys[-1], keys)
    ranked = query.select(pg.row_number().over(partition_by=[Post.author], order_by=[Post.id]))
    assert {rank for (rank,) in await ranked.to_list()} == {1, 2}


def test_class_that_is_compared_as_if_it_were_a_reference_is_refused() -> None:
    condition: Any = Person == Person(name="Ann", email="a@x")
    assert not condition
    with pytest.raises(InterfaceError, match="a condition is an expression"):
        Person.find(condition)
    assert Person in {Person: 1}
    assert Person in [Company, Person]


async def test_subquery_column_is_taken_by_what_was_selected_as_it(db: pg.AsyncDatabase) -> None:
    views = pg.sum(Post.views).as_("views")
    totals = pg.subquery(
        db.find(Post).select(Post.author.id, Post.author.name, views, pg.max(Post.id)).group_by(
            Post.author.id, Post.author.name
        )
    )  # fmt: skip
    query = db.find(Person).join(totals, on=totals[Post.author.id] == Person.id).order_by(Person.id)
    taken = query.select(totals[Post.author.name], totals[views], totals[pg.max(Post.id)])
    named = query.select(totals.name, totals.views, totals["column4"])
    assert await taken.to_list() == await named.to_list() != []
    assert totals[Post.author].node == totals[Post.author.id].node == totals["author_id"].node
    # By the expression without its name, and by another name for the same rows.
    assert totals[pg.sum(Post.views)].node == totals[views].node
    other = pg.alias(totals)
    assert other[views].node != totals[views].node
    assert await query.join(other, on=other[Post.author.id] == Person.id).where(other[views] == totals[views]).count()


async def test_cte_column_is_taken_by_what_was_selected_as_it(db: pg.AsyncDatabase) -> None:
    chiefs = db.find(Person, Person.boss.is_null()).select(Person.id, Person.name)

    def reports(known: pg.Derived) -> Any:
        return db.find(Person).join(known, on=Person.boss.id == known[Person.id]).select(Person.id, Person.name)

    staff = pg.cte("staff", chiefs, recursive=reports)
    names = await db.find(staff).select(staff[Person.name]).order_by(staff[Person.id]).to_list()
    assert names == await db.find(Person).select(Person.name).order_by(Person.id).to_list()


@pytest.mark.parametrize("key", [Post.views, pg.count(), "viwes", 3, None], ids=repr)
def test_subquery_column_that_was_not_selected_is_refused(key: Any) -> None:
    rows = pg.subquery(Post.find().select(Post.id, Post.title))
    with pytest.raises(NoField, match="the columns are id, title"):
        _ = rows[key]
