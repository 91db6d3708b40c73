"""Statements of every kind, by name; `snapshots.sql` has the SQL of each."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import howdah as pg
from howdah import Range
from tests.python.orm.schema import Company, Label, Person, Post, PostLabel, Spot, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah import Database, Expr

    Make = Callable[[Database], Any]

CONDITIONS: dict[str, Callable[[], Expr[bool]]] = {
    "equal": lambda: Person.name == "Ada",
    "equal to none": lambda: Person.age == None,  # noqa: E711
    "not equal to none": lambda: Person.age != None,  # noqa: E711
    "greater": lambda: Person.age > 25,
    "two columns": lambda: Person.id >= Person.age,
    "distinct from": lambda: Person.age.is_distinct_from(None),
    "between": lambda: Person.age.between(10, 40),
    "in values": lambda: Person.id.in_([1, 2]),
    "not in values": lambda: Person.name.not_in(["Ada"]),
    "in subquery": lambda: Person.id.in_(Post.find(Post.views > 10).select(Post.author.id)),
    "not in subquery": lambda: Person.id.not_in(Post.find().select(Post.author.id)),
    "enum": lambda: Person.status == Status.banned,
    "enums": lambda: Person.status.in_([Status.banned, Status.active]),
    "and, or, not": lambda: (Person.age > 25) & ~((Person.name == "Bob") | (Person.name == "Cyd")),
    "or in and": lambda: ((Person.age > 1) | (Person.age < 9)) & (Person.score > 0.0),
    "and_ and or_": lambda: pg.or_(pg.and_(Person.age > 1, Person.score > 2.0), Person.name == "x"),
    "like": lambda: Person.name.like("A%"),
    "ilike": lambda: Person.email.ilike("%@X"),
    "not like": lambda: ~Person.name.like("A%"),
    "regex": lambda: Person.name.regex("^a", ignore_case=True),
    "starts with": lambda: Person.name.startswith("Dan_"),
    "collation": lambda: Person.name.collate("C") < "b",
    "arithmetic": lambda: (Person.id + 1) * 2 - Person.id / 2 % 3 > 1,
    "values first": lambda: 10 - Person.id > 2 * Person.id,
    "arrays contain": lambda: Person.tags.contains(["math"]),
    "arrays are contained": lambda: Person.tags.contained_by(["math", "poetry"]),
    "arrays overlap": lambda: Person.tags.overlaps(["poetry"]),
    "array has": lambda: Person.tags.has("math"),
    "array element": lambda: Person.tags.item(0) == "math",
    "json path": lambda: Person.meta.path("plan", "tier", as_=str) == "gold",
    "json path of a number": lambda: Person.meta.path("n", 0, as_=int) > 0,
    "json contains": lambda: Person.meta.contains({"plan": {"tier": "gold"}}),
    "json has a key": lambda: Person.meta.has_key("plan"),
    "json has keys": lambda: Person.meta.has_any_key("n", "m") & Person.meta.has_all_keys("n", "plan"),
    "json path exists": lambda: Person.meta.json_path_exists("$.n[*] ? (@ > 1)"),
    "range contains a value": lambda: Person.seats.contains(4),
    "range contains a range": lambda: Person.seats.contains(Range(2, 3)),
    "ranges overlap": lambda: Person.seats.overlaps(Range(4, 6)),
    "range is adjacent": lambda: Person.seats.adjacent(Range(9, 12)) | Person.seats.before(Range(20, 30)),
    "date parts": lambda: pg.extract("year", Person.born) == 1815.0,
    "date arithmetic": lambda: Person.made > pg.now() - dt.timedelta(days=1),
    "date truncated": lambda: pg.date_trunc("day", Person.made) <= pg.now(),
    "time zone": lambda: pg.extract("hour", Person.made.at_time_zone("UTC")) >= 0.0,
    "cast": lambda: Person.id.cast(str) == "1",
    "cast to a named type": lambda: Person.score.cast("numeric(10,2)") > 1,
    "coalesce": lambda: pg.coalesce(Person.age, 0) < 18,
    "nullif": lambda: pg.nullif(Person.name, "Bob").is_null(),
    "case": lambda: pg.case((Person.age < 18, "minor"), (Person.age < 40, "adult"), otherwise="old") == "adult",
    "greatest and least": lambda: pg.greatest(Person.id, 2) == pg.least(Person.id, 3),
    "function": lambda: pg.func("abs", Person.score, as_=float) > 1.0,
    "function of a schema": lambda: pg.func("pg_catalog.length", Person.name, as_=int) == 3,
    "text functions": lambda: pg.lower(Person.name) + "!" == pg.concat(pg.lower(Person.name), "!"),
    "full text": lambda: pg.to_tsvector(Person.name, config="english").matches("ada or bob"),
    "full text with a query": lambda: (
        pg.to_tsvector(Person.name).matches(pg.to_tsquery("ada & !bob")) & (pg.length(Person.name) > 0)
    ),
    "vector distances": lambda: Person.id.in_(
        Spot.find(
            Spot.place.l2_distance([1.0, 0.0, 0.0]) < 1.0,
            Spot.place.cosine_distance([1.0, 0.0, 0.0]) < 1.0,
            Spot.place.inner_product([1.0, 0.0, 0.0]) < 1.0,
            Spot.place.l1_distance([1.0, 0.0, 0.0]) < 1.0,
        ).select(Spot.id)
    ),
    "reference": lambda: Person.company.name == "Acme",
    "reference of a reference": lambda: Person.boss.company.name.like("A%"),
    "reference's key": lambda: Person.company.id == 1,
    "exists": lambda: pg.exists(Post.find(Post.author.id == Person.id, Post.views > 10)),
    "not exists": lambda: ~Post.find(Post.author.id == Person.id).exists_(),
    "exists of a union": lambda: (
        Post.find(Post.author.id == Person.id).intersect(Post.find(Post.views > 10)).order_by(Post.id).exists_()
    ),
    "correlated subquery": lambda: (
        Post.find(Post.author.id == Person.id).select(pg.max(Post.views)).scalar() > Person.id
    ),
}


@dataclass
class Card:
    """A shape of one's own."""

    name: str
    age: int | None


def _staff() -> Any:
    chiefs = Person.find(Person.boss.id == None).select(Person.id, Person.name, pg.value(0).as_("depth"))  # noqa: E711
    return pg.cte(
        "staff",
        chiefs,
        recursive=lambda staff: (
            Person.find().join(staff, on=Person.boss.id == staff.id).select(Person.id, Person.name, staff.depth + 1)
        ),
    )


def _totals() -> Any:
    return pg.cte(
        "totals", Post.find().group_by(Post.author.id).select(Post.author.id, pg.sum(Post.views).as_("views"))
    )


def _lateral(db: Database) -> Any:
    last = pg.subquery(
        Post.find(Post.author.id == Person.id).order_by(-Post.views).limit(1).select(Post.title, Post.views)
    )
    return db.find(Person).join(last, how="left", lateral=True).select(Person.name, last.title).order_by(Person.id)


def _aliased(db: Database) -> Any:
    boss = pg.alias(Person)
    return db.find(Person).join(boss, on=boss.id == Person.boss.id).where(boss.age > Person.age).order_by(Person.id)


def _with_totals(db: Database) -> Any:
    totals = _totals()
    return (
        db.find(Person)
        .join(totals, on=totals.author_id == Person.id)
        .select(Person.name, totals.views)
        .order_by(totals.views)
    )


def _from_subquery(db: Database) -> Any:
    rows = pg.subquery(Post.find().select(Post.author.id.as_("who"), (Post.views + 1).as_("seen")))
    return db.find(rows).where(rows.seen > 6).select(rows.who, pg.sum(rows.seen)).group_by(rows.who).order_by(rows.who)


def _series(db: Database) -> Any:
    days = pg.table_function("generate_series", 1, 3, columns={"n": int})
    return db.find(days).select(days.n, days.n * 2).order_by(-days.n)


QUERIES: dict[str, Make] = {
    "all rows": lambda db: db.find(Company),
    "ordered": lambda db: db.find(Post).order_by(-Post.views, Post.title.asc(), Post.id.desc().nulls_last()),
    "limited": lambda db: db.find(Post).order_by(Post.id).limit(2).offset(1),
    "distinct": lambda db: db.find(Person).distinct().select(Person.score).order_by(Person.score),
    "distinct on": lambda db: (
        db.find(Post).distinct(Post.author.id).order_by(Post.author.id, -Post.views).select(Post.author.id, Post.title)
    ),
    "selected": lambda db: db.find(Person).select(Person.name, (Person.score * 2.0).as_("twice")).order_by(Person.id),
    "through references": lambda db: (
        db.find(Post).select(Post.title, Post.author.name, Post.author.company.name.as_("company")).order_by(Post.id)
    ),
    "loaded references": lambda db: db.find(Post).load(Post.author.company, Post.author.boss).order_by(Post.id),
    "joined collection": lambda db: (
        db.find(Person).join(Person.posts).select(Person.name, Post.title).order_by(Post.id)
    ),
    "joined across": lambda db: (
        db.find(Post).join(Post.labels).select(Post.title, Label.name).order_by(Post.id, Label.id)
    ),
    "left joined": lambda db: (
        db.find(Person)
        .join(Post, on=Post.author.id == Person.id, how="left")
        .select(Person.id, Post.title)
        .order_by(Person.id, Post.id)
    ),
    "cross joined": lambda db: db.find(Company).join(Label, how="cross").select(Company.name, Label.name).limit(3),
    "full joined": lambda db: (
        db.find(Company)
        .join(Label, on=Company.id == Label.id, how="full")
        .select(Company.name, Label.name)
        .order_by(Label.id)
    ),
    "full joined, with a reference": lambda db: (
        db.find(Post)
        .join(Label, on=Post.id == Label.id, how="full")
        .select(Label.name, Post.author.name)
        .order_by(Post.id)
    ),
    "joined on a reference": lambda db: (
        db.find(Post).join(Company, on=Company.id == Post.author.company.id).select(Post.title).order_by(Post.id)
    ),
    "joined on a reference of its own": lambda db: (
        db.find(Company).join(Post, on=Post.author.company.id == Company.id, how="left").order_by(Company.id, Post.id)
    ),
    "lateral": _lateral,
    "aliased": _aliased,
    "grouped": lambda db: (
        db.find(Post)
        .group_by(Post.author.name)
        .having(pg.sum(Post.views) > 5)
        .select(Post.author.name, pg.count(), pg.sum(Post.views), pg.avg(Post.views))
        .order_by(Post.author.name)
    ),
    "grouped and ordered by an expression": lambda db: (
        db.find(Person).group_by(pg.coalesce(Person.age, 0)).select(pg.count()).order_by(pg.coalesce(Person.age, 0))
    ),
    "grouped by an expression": lambda db: (
        db.find(Person)
        .group_by(pg.coalesce(Person.age, 0) / 10)
        .select((pg.coalesce(Person.age, 0) / 10).as_("decade"), pg.count())
        .order_by(pg.count(), pg.min(Person.id))
    ),
    "rollup": lambda db: (
        db.find(Post)
        .group_by(pg.rollup(Post.author.id, Post.title))
        .select(Post.author.id, Post.title, pg.sum(Post.views))
        .order_by(Post.author.id, Post.title)
    ),
    "cube": lambda db: db.find(Post).group_by(pg.cube(Post.author.id)).select(Post.author.id, pg.count()),
    "grouping sets": lambda db: (
        db.find(Post).group_by(pg.grouping_sets([Post.author.id], [Post.title], [])).select(pg.count())
    ),
    "aggregates": lambda db: db.find(Person).select(
        pg.count(Person.age),
        pg.count(Person.score).distinct(),
        pg.count().filter(Person.age > 18),
        pg.array_agg(Person.name).order_by(Person.name),
        pg.string_agg(Person.name, ", ").order_by(-Person.id),
        pg.json_agg(Person.tags),
        pg.bool_and(Person.age > 1),
        pg.min(Person.born),
        pg.func("percentile_cont", 0.5, as_=float).within_group(Person.score),
    ),
    "windows": lambda db: (
        db.find(Post)
        .select(
            Post.title,
            pg.row_number().over(partition_by=[Post.author.id], order_by=[-Post.views]),
            pg.rank().over(order_by=[Post.views]),
            pg.lag(Post.title).over(order_by=[Post.id]),
            pg.lead(Post.title, 2).over(order_by=[Post.id]),
            pg.sum(Post.views).over(order_by=[Post.id], frame=pg.rows_between(None, 0)),
            pg.avg(Post.views).over(order_by=[Post.id], frame=pg.rows_between(-1, 1)),
            pg.ntile(2).over(order_by=[Post.id]),
            pg.first_value(Post.title).over(order_by=[Post.id]),
        )
        .order_by(Post.id)
    ),
    "cte": _with_totals,
    "recursive cte": lambda db: (
        (staff := _staff()) and db.find(staff).select(staff.id, staff.name, staff.depth).order_by(staff.id)
    ),
    "subquery": _from_subquery,
    "table function": _series,
    "scalar subquery": lambda db: (
        db.find(Person)
        .select(Person.name, Post.find(Post.author.id == Person.id).select(pg.count()).scalar().as_("posts"))
        .order_by(Person.id)
    ),
    "array subquery": lambda db: (
        db.find(Person)
        .select(Person.name, Post.find(Post.author.id == Person.id).order_by(Post.id).select(Post.title).array())
        .order_by(Person.id)
    ),
    "union": lambda db: (
        db.find(Person, Person.id == 1)
        .select(Person.name)
        .union(db.find(Post, Post.id == 1).select(Post.title))
        .order_by(Person.name)
    ),
    "union all of rows": lambda db: (
        db.find(Post, Post.id < 3).union_all(db.find(Post, Post.id < 2)).order_by(Post.id).limit(4)
    ),
    "intersect": lambda db: db.find(Post, Post.id < 3).intersect(db.find(Post, Post.id > 1)),
    "except": lambda db: db.find(Post, Post.id < 4).except_(db.find(Post, Post.id == 2)).order_by(Post.id),
    "locked": lambda db: db.find(Post).where(Post.author.name == "Ada").for_update(skip_locked=True),
    "locked without waiting": lambda db: db.find(Post).for_update(nowait=True, of=(Post,), strength="share"),
    "ranked text": lambda db: (
        db.find(Person)
        .order_by(-pg.ts_rank(pg.to_tsvector(Person.name), pg.plainto_tsquery("ada")), Person.id)
        .select(Person.id)
    ),
    "nearest": lambda db: (
        db.find(Spot, Spot.place.is_not_null()).order_by(Spot.place.l2_distance([0.9, 0.1, 0.0]), Spot.id).limit(2)
    ),
    "shape of one's own": lambda db: db.find(Person).order_by(Person.id).to(Card),
    "array made": lambda db: db.find(Post, Post.id == 1).select(pg.array(Post.title, "x"), pg.value("y")),
}

# Those that need an extension which not every server has.
WITH_VECTORS = ("vector distances", "nearest")

# What writes; each is the statement of a query, run in a transaction that is rolled back.
WRITES: dict[str, Make] = {
    "update": lambda db: db.find(Post, Post.views < 10).update(Post.views.set(Post.views + 1), Post.title.set("x")),
    "update with a subquery": lambda db: db.find(Person).update(
        Person.score.set(
            pg.coalesce(Post.find(Post.author.id == Person.id).select(pg.sum(Post.views)).scalar(), 0).cast(float)
        )
    ),
    "update to null": lambda db: db.find(Person, Person.id == 1).update(Person.age.set(None)),
    "update by a reference": lambda db: db.find(Post, Post.author.name == "Ada").update(Post.views.set(0)),
    "update of the first": lambda db: db.find(Post).order_by(Post.views).limit(2).update(Post.views.set(0)),
    "update, returning": lambda db: (
        db.find(Post, Post.views < 10).returning(Post.id, Post.views).update(Post.views.set(Post.views * 2))
    ),
    "update, returning rows": lambda db: db.find(Post, Post.id == 1).returning().update(Post.views.set(1)),
    "delete": lambda db: db.find(Post, Post.views < 10).delete(),
    "delete by a subquery about a reference": lambda db: db.find(
        Post, Label.find(Label.id == Post.author.company.id).exists_()
    ).delete(),
    "delete by a composite key": lambda db: db.find(PostLabel, PostLabel.label.name == "school").delete(),
    "delete, returning": lambda db: db.find(Post, Post.id == 4).returning(Post.title).delete(),
}
