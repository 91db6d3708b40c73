"""Queries with several clauses: counting, unions, groups, subqueries and writes together give the right rows."""

from __future__ import annotations

import datetime as dt
import functools
import gc
import operator
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from howdah import Col, InterfaceError, Table
from tests.python.orm.schema import Company, Label, Person, Post, PostLabel

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah import Expr
    from tests.python.conftest import Sql


class Note(Table):
    """Has no key."""

    text: Col[str]
    n: Col[int]


NOTES = [{"text": "a", "n": 1}, {"text": "a", "n": 1}, {"text": "b", "n": 2}]


async def test_named_expression_is_used_again(db: howdah.AsyncDatabase) -> None:
    number = howdah.count().as_("number")
    query = db.find(Post).group_by(Post.author.name).select(Post.author.name, number)
    assert await query.order_by(number.desc(), Post.author.name).limit(2).to_list() == [("Ada", 2), ("Bob", 1)]
    assert await query.having(number > 1).to_list() == [("Ada", 2)]
    doubled = (Post.views * 2).as_("doubled")
    assert await db.find(Post, doubled > 50).select(doubled, doubled + 1).to_list() == [(200, 201)]
    assert await db.find(Post).select(doubled).order_by(-doubled).limit(1).to_list() == [(200,)]
    assert await db.find(Post, Post.id == 1).returning(doubled).update(Post.views.set(doubled)) == [(400,)]
    # By a parameter of their own, the server cannot tell that they are one.
    level = howdah.coalesce(Person.age, 0).as_("level")
    leveled = db.find(Person).group_by(level).select(level, howdah.count())
    assert await leveled.order_by(level).limit(1).to_list() == [(0, 1)]


def counted(db: howdah.AsyncDatabase) -> dict[str, Any]:
    """Give queries whose rows are made fewer, or more, by what is selected."""
    early, late = db.find(Post, Post.id < 3), db.find(Post, Post.id > 2)
    ones, twos = db.find(Note, Note.n == 1), db.find(Note, Note.n == 2)
    tags: Any = howdah.func("unnest", Person.tags, as_=str)
    return {
        "except": early.except_(late),
        "intersect": early.intersect(late),
        "union, ordered": early.union(late).order_by(Post.id),
        "union, left out": early.union(early).offset(2),
        "distinct, left out": db.find(Person).select(Person.score).distinct().offset(2),
        "distinct, all left out": db.find(Person).select(Person.score).distinct().offset(4),
        "distinct, ordered": db.find(Person).distinct().order_by(Person.name).limit(3),
        "distinct of a shape": db.find(Person).to(Score).distinct(),
        "distinct on": db.find(Person).distinct(Person.score).order_by(Person.score, Person.id),
        "aggregate of nothing": db.find(Post, Post.id < 0).select(howdah.count()),
        "aggregate, limited": db.find(Post).select(howdah.count()).limit(0),
        "groups": db.find(Post).group_by(Post.author.id).having(howdah.count() > 1).select(Post.author.id),
        "no groups": db.find(Post).group_by(Post.author.id).having(howdah.count() > 9).select(Post.author.id),
        "rows of arrays": db.find(Person).select(tags),
        "rows of no arrays": db.find(Person, Person.id == 3).select(tags),
        "no key, except": ones.except_(twos),
        "no key, intersect": ones.intersect(twos),
        "no key, distinct": db.find(Note).distinct(),
        "no key, distinct on": db.find(Note).distinct(Note.n).limit(1),
        "no key, limited": db.find(Note).limit(2),
        "limited to nothing": db.find(Post).limit(0),
    }


@dataclass
class Score:
    """A shape whose rows are fewer than those of its table."""

    score: float


async def test_rows_are_counted_and_asked_for_as_they_are_given(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Note)
    await db.insert_many(Note, NOTES)
    for name, query in counted(db).items():
        rows = await query.to_list()
        behind = getattr(query, "behind", query)
        assert (name, await query.count()) == (name, len(rows))
        assert (name, await query.exists()) == (name, bool(rows))
        there = db.find(Company, Company.id == 1, behind.exists_())
        assert (name, await there.count()) == (name, int(bool(rows)))


@pytest.mark.parametrize(
    "step",
    [
        lambda query: query.where(Post.id > 1),
        lambda query: query.distinct(),
        lambda query: query.group_by(Post.id),
        lambda query: query.having(howdah.count() > 1),
        lambda query: query.join(Post.author),
        lambda query: query.for_update(),
        lambda query: query.select(Post.title),
    ],
)
def test_step_after_a_union_is_refused(step: Callable[[Any], Any]) -> None:
    for query in (Post.find().union_all(Post.find()), Post.find().select(Post.id).except_(Post.find().select(Post.id))):
        with pytest.raises(howdah.InterfaceError, match=r"\(\) comes before (union all|except), .*subquery\(\)"):
            step(query)


async def test_rows_of_a_union_are_ordered_and_cut(db: howdah.AsyncDatabase) -> None:
    both = db.find(Post).select(Post.title).union_all(db.find(Label).select(Label.name))
    assert await both.order_by(Post.title).offset(1).limit(2).to_list() == [("Exile",), ("Numbers",)]
    rows: Any = howdah.subquery(getattr(both, "behind", both))
    assert await db.find(rows, rows.title.like("%e%")).select(howdah.count()).to_list() == [(5,)]


@pytest.mark.parametrize(
    "query",
    [
        lambda db: db.find(Note).having(howdah.count() > 100),
        lambda db: db.find(Note).group_by(Note.n),
        lambda db: db.find(Note).distinct(),
        lambda db: db.find(Note).union(db.find(Note)),
    ],
)
async def test_rows_that_are_not_a_tables_are_not_written(
    db: howdah.AsyncDatabase, query: Callable[[Any], Any]
) -> None:
    await db.create_tables(Note)
    await db.insert_many(Note, NOTES)
    for writing in (query(db), query(db).returning()):
        with pytest.raises(howdah.InterfaceError, match="delete\\(\\) needs the rows of a table"):
            await writing.delete()
        with pytest.raises(howdah.InterfaceError, match="update\\(\\) needs the rows of a table"):
            await writing.update(Note.n.set(0))
    assert await db.find(Note, Note.n > 0).count() == 3


async def test_column_of_another_table_is_not_set(db: howdah.AsyncDatabase) -> None:
    other = howdah.alias(Post)
    for assignment in (Post.author.name.set("x"), Person.name.set("x"), Label.id.set(1), other.title.set("x")):
        with pytest.raises(howdah.InterfaceError, match="is a column of another table or alias"):
            await db.find(Post).update(assignment)
    assert await db.find(Post, Post.title == "x").count() == 0
    # A reference's key is the table's own.
    assert await db.find(Post, Post.id == 4).update(Post.author.id.set(1), Post.title.set("y")) == 1


async def test_subquery_about_a_reference_finds_rows_to_write(db: howdah.AsyncDatabase) -> None:
    namesakes = Label.find(Label.name == howdah.lower(Post.author.company.name)).exists_()
    assert await db.find(Post, namesakes).delete() == 0
    await db.insert_many(Label, [{"name": "brit"}])
    assert await db.find(Post, namesakes).update(Post.views.set(0)) == 1
    assert await db.find(Post, namesakes).delete() == 1
    # References of the subquery's own table are joined there, and need no key of the one around.
    await db.create_tables(Note)
    await db.insert_many(Note, [{"text": "Ada", "n": 1}, {"text": "Zoe", "n": 1}])
    assert await db.find(Note, Post.find(Post.author.name == Note.text).exists_()).delete() == 1


async def test_groups_by_an_expression_with_a_value_are_found_again(db: howdah.AsyncDatabase) -> None:
    level: Callable[[], Expr[int]] = lambda: howdah.coalesce(Person.age, 0)  # noqa: E731
    query = db.find(Person).group_by(level())
    assert await query.order_by(level()).select(howdah.count()).to_list() == [(1,), (1,), (1,), (1,)]
    assert await query.having(level() > 20).order_by(-level()).select(level() + 1).to_list() == [(51,), (37,)]
    only = howdah.count().filter(level() > 1)
    assert await query.order_by(only, level()).select(only).to_list() == [(0,), (1,), (1,), (1,)]
    rolled = db.find(Person).group_by(howdah.rollup(level())).select(level(), howdah.count())
    groups: list[Any] = await rolled.to_list()
    assert (None, 4) in groups


async def test_distinct_on_an_expression_with_a_value_is_ordered_by_it(db: howdah.AsyncDatabase) -> None:
    tens: Callable[[], Expr[int]] = lambda: howdah.coalesce(Person.age, 0) / 20  # noqa: E731
    query = db.find(Person).distinct(tens()).order_by(tens(), -Person.id)
    assert await query.select(Person.name).to_list() == [("Cyd",), ("Ada",), ("Dan_%",)]
    assert await query.select(tens(), Person.name).to_list() == [(0, "Cyd"), (1, "Ada"), (2, "Dan_%")]
    assert await query.count() == 3
    key = tens()
    grouped = db.find(Person).group_by(key).distinct(tens()).order_by(tens()).select(key, howdah.count())
    assert await grouped.to_list() == [(0, 2), (1, 1), (2, 1)]


async def test_reference_is_a_key_to_group_order_and_part_by(db: howdah.AsyncDatabase) -> None:
    author: Any = Post.author
    query = db.find(Post).order_by(author, -Post.views).select(Post.title)
    assert await query.distinct(author).to_list() == [("Engines",), ("School",), ("Exile",)]
    number = howdah.row_number().over(partition_by=[author], order_by=[author, Post.id])
    assert await query.select(number).to_list() == [(1,), (2,), (1,), (1,)]
    titles = howdah.array_agg(Post.title).order_by(author, Post.id)
    assert await db.find(Post).select(titles).to_list() == [(["Engines", "Numbers", "School", "Exile"],)]
    rolled = db.find(Post).group_by(howdah.rollup(author)).select(howdah.count()).order_by(howdah.count())
    assert await rolled.to_list() == [(1,), (1,), (2,), (4,)]
    with pytest.raises(howdah.InterfaceError, match="a key is an expression"):
        query.distinct("title")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_filters_of_an_aggregate_hold_together(db: howdah.AsyncDatabase) -> None:
    grown = howdah.count().filter(Person.age > 18)
    assert await db.find(Person).select(grown, grown.filter(Person.age < 40)).to_list() == [(2, 1)]


@dataclass
class Birth:
    """Has a field by a column's name in the class, which is another one at the server."""

    name: str
    born: dt.date | None


async def test_renamed_column_has_its_name_of_the_class(db: howdah.AsyncDatabase) -> None:
    query = db.find(Person, Person.id == 1)
    ada = Birth("Ada", dt.date(1815, 12, 10))
    assert await query.to(Birth).to_list() == [ada]
    assert await query.select(Person.name, Person.born).to(Birth).to_list() == [ada]
    rows: Any = howdah.subquery(Person.find().select(Person.id, Person.born))
    assert await db.find(rows, rows.born == ada.born).select(rows.id).to_list() == [(1,)]


async def test_rows_of_a_composite_key_are_written_by_a_subquery(db: howdah.AsyncDatabase) -> None:
    about = Label.find(Label.id == PostLabel.label.id, Label.name == PostLabel.label.name).exists_()
    assert await db.find(PostLabel, about).order_by(PostLabel.post.id).limit(1).delete() == 1


class Job(Table):
    """Waits to be done."""

    id: Col[int] = howdah.identity()
    state: Col[str] = howdah.col(default="new")


@pytest.mark.parametrize("options", [{"skip_locked": True}, {}])
@pytest.mark.parametrize("verb", ["update", "delete"])
async def test_first_rows_of_a_queue_are_taken_and_no_others(
    db: howdah.AsyncDatabase, sql: Sql, options: Any, verb: str
) -> None:
    """Where the server believes that there are few rows, it looks for them anew beside each row of the table."""
    await db.create_tables(Job)
    await db.insert_many(Job, [{}])
    sql("ANALYZE job")
    await db.insert_many(Job, [{} for _ in range(9)])
    first = db.find(Job, Job.state == "new").order_by(Job.id).limit(2).for_update(**options)
    taken = first.returning(Job.id)
    for expected in ([(1,), (2,)], [(3,), (4,)]):
        found = await (taken.update(Job.state.set("run")) if verb == "update" else taken.delete())
        assert sorted(found) == expected
    assert sql("SELECT count(*) FROM job WHERE state = 'new'") == [(6,)]


class Found(Table):
    """Has the name of much."""

    id: Col[int] = howdah.identity()
    n: Col[int] = howdah.col(default=0)


async def test_limited_update_may_ask_a_table_of_any_name(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Found)
    await db.insert_many(Found, [{} for _ in range(5)])
    last = Found.find().select(howdah.max(Found.id)).scalar()
    assert await db.find(Found).order_by(Found.id).limit(1).update(Found.n.set(last * 100)) == 1
    assert await db.find(Found).order_by(Found.id).select(Found.n).first() == (500,)


async def test_any_number_of_conditions_may_be_put_together(db: howdah.AsyncDatabase) -> None:
    ages = [Person.age == at for at in range(20_000)]
    assert await db.find(Person, functools.reduce(operator.or_, ages)).count() == 3
    assert await db.find(Person, ~functools.reduce(operator.or_, ages)).count() == 0
    others = [Person.name != str(at) for at in range(700)]
    assert await db.find(Person, functools.reduce(operator.and_, others)).delete() == 4
    deep: Any = Person.id == 1
    for _ in range(30_000):
        deep = ~deep
    with pytest.raises(InterfaceError, match="expressions nested more than 2000 levels deep"):
        await db.find(Person, deep).count()


async def test_query_of_the_with_clause_may_stand_in_two_places(db: howdah.AsyncDatabase) -> None:
    named = howdah.cte("named", Person.find().select(Person.id, Person.boss.id.as_("boss"), Person.name))
    boss = howdah.alias(named)
    asked = db.find(named).join(boss, on=boss.id == named.boss).order_by(named.id).select(named.name, boss.name)
    assert await asked.to_list() == [("Bob", "Ada"), ("Cyd", "Ada"), ("Dan_%", "Bob")]
    assert asked.sql()[0].count("AS (") == 1
    rows = howdah.subquery(Person.find().select(Person.id))
    other = howdah.alias(rows)
    assert await db.find(rows).join(other, on=rows.id == other.id).count() == 4


async def test_search_for_cycles_passes_over_the_values_of_rows(db: howdah.AsyncDatabase) -> None:
    company = await db.get(Company, 1)
    assert gc.is_tracked(company)
    assert not any(map(gc.is_tracked, (vars(company), vars(company)["_loaded"])))
    # What is put into one later may close a circle.
    vars(company)["circle"] = [company]
    gone = weakref.ref(company)
    del company
    gc.collect()
    assert gone() is None
