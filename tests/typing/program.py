"""A program that uses everything there is for tables and queries, typed; the tests check its types, and run it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, assert_type

import howdah as pg

UTC = dt.UTC


class Mood(StrEnum):
    calm = "calm"
    musth = "musth"


class Stable(pg.Table):
    __constraints__ = (
        pg.unique("name", "town", name="stable_place"),
        pg.check("places > 0"),
        pg.constraint("EXCLUDE USING gist (open_on WITH &&)", name="one_at_a_time"),
    )
    __indexes__ = (pg.index("lower(name)", where="places > 1"),)

    id: pg.Col[int] = pg.identity()
    name: pg.Col[str]
    town: pg.Col[str]
    places: pg.Col[int] = pg.col(default=1)
    open_on: pg.Col[pg.Range[dt.date] | None] = pg.col(default=None)
    elephants: pg.Many[Elephant] = pg.many(via="stable")


class Elephant(pg.Table):
    id: pg.Col[int] = pg.identity()
    name: pg.Col[str] = pg.col(unique=True)
    age: pg.Col[int | None] = pg.col(default=None, check="age >= 0")
    weight: pg.Col[Decimal] = pg.col(default=Decimal(0), precision=8, scale=2)
    mood: pg.Col[Mood] = pg.col(default=Mood.calm)
    gentle: pg.Col[bool] = pg.col(default=True)
    tags: pg.Col[list[str]] = pg.col(default_factory=list, index="gin")
    meta: pg.Col[dict[str, Any]] = pg.col(default_factory=dict)
    shape: pg.Col[pg.Vector | None] = pg.col(default=None, dim=2)
    rests: pg.Col[pg.Interval | None] = pg.col(default=None)
    call_name: pg.Col[str] = pg.generated("upper(name)")
    seen_at: pg.Col[dt.datetime] = pg.server_default("now()")
    stable: pg.Ref[Stable] = pg.ref(default=None, on_delete="set null")
    howdah: pg.One[Howdah] = pg.one(via="elephant")


class Howdah(pg.Table):
    id: pg.Col[int] = pg.identity()
    seats: pg.Col[int]
    elephant: pg.Ref[Elephant] = pg.ref(unique=True, on_delete="cascade", default=pg.EITHER)
    elephant_id: pg.Col[int] = pg.col(default=pg.EITHER)
    made_by: pg.Ref[Elephant | None] = pg.ref(default=None)
    made_by_id: pg.Col[int | None] = pg.col(default=None)


class Visit(pg.Table):
    __constraints__ = (pg.foreign_key("stable_name", "town", table="stable", target_columns=("name", "town")),)

    day: pg.Col[dt.date] = pg.col(primary_key=True)
    guest: pg.Col[str] = pg.col(primary_key=True)
    stable_name: pg.Col[str]
    town: pg.Col[str]


class Named(NamedTuple):
    name: str
    age: int | None


async def rows(db: pg.AsyncDatabase) -> Elephant:
    """Store rows and find them again."""
    await db.create_tables(Visit, Howdah, Elephant, Stable)
    summer = pg.Range(dt.date(2026, 6, 1), dt.date(2026, 9, 1))
    stable = await Stable(name="North", town="Mysuru", places=3, open_on=summer).save()
    await Visit(day=dt.date(2026, 6, 2), guest="Ann", stable_name="North", town="Mysuru").save()
    airavata = await Elephant(name="Airavata", age=99, shape=pg.Vector([1, 0]), stable=stable).save()
    assert (airavata.call_name, airavata.seen_at.tzinfo is None) == ("AIRAVATA", False)
    await Howdah(seats=4, elephant=airavata).save()
    new = [
        {"name": "Hanno", "age": 7, "stable_id": stable.id},
        {"name": "Jumbo", "age": 24, "rests": pg.Interval(0, 1)},
    ]
    assert await Elephant.insert_many(new) == [airavata.id + 1, airavata.id + 2]
    found = await Elephant.find().load(Elephant.stable, Elephant.howdah).order_by(Elephant.id).to_list()
    assert [elephant.howdah.seats if elephant.howdah else 0 for elephant in found] == [4, 0, 0]
    loaded = await stable.fetch(Stable.elephants)
    assert [elephant.name for elephant in loaded.elephants] == ["Airavata", "Hanno"]
    oldest: pg.Ordering = Elephant.age.desc().nulls_last()
    page: pg.Page[Elephant] = await Elephant.find().order_by(oldest).page(2)
    assert page.next is not None
    assert [elephant.name for elephant in page.items] == ["Airavata", "Jumbo"]
    return airavata


async def references(db: pg.AsyncDatabase, airavata: Elephant) -> None:
    """Find rows by what they refer to, and by its key."""
    hanno = await Elephant.find(Elephant.name == "Hanno").one()
    second = await Howdah(seats=2, elephant_id=hanno.id, made_by=airavata).save()
    assert_type(second.elephant_id, int)
    assert (second.elephant_id, second.made_by_id) == (hanno.id, airavata.id)
    for condition in (
        Howdah.elephant == hanno,
        Howdah.elephant != airavata,
        Howdah.elephant_id == hanno.id,
        Howdah.elephant.in_([hanno]),
        Howdah.elephant.not_in([airavata]),
        Howdah.elephant.in_(db.find(Elephant, Elephant.name == "Hanno")),
        Howdah.made_by == airavata,
        Howdah.made_by != None,  # noqa: E711  (SQL's NULL)
        Howdah.made_by.is_not_null(),
        Howdah.elephant != Howdah.made_by,
        Howdah.made_by.name == "Airavata",
    ):
        assert await Howdah.find(condition).order_by(Howdah.elephant, Howdah.made_by).to_list() == [second]
    for condition in (Howdah.made_by == None, Howdah.made_by.is_null(), Howdah.elephant == airavata):  # noqa: E711
        assert await Howdah.find(condition).count() == 1
    makers = Howdah.find().order_by(-Howdah.elephant_id).select(Howdah.elephant.name, Howdah.made_by.name)
    assert_type(makers, pg.AsyncQuery[tuple[str, str | None]])
    assert await makers.to_list() == [("Hanno", "Airavata"), ("Airavata", None)]
    other = pg.alias(Elephant)
    named = Howdah.find().join(other, on=Howdah.elephant == other).where(other == hanno).select(other.name)
    assert await named.to_list() == [("Hanno",)]
    assert await Howdah.find().order_by(Howdah.id).select(Howdah.elephant).first() == (airavata.id,)
    stabled = Stable.find().join(Stable.elephants, how="left").where(Elephant.in_([hanno]), Stable.elephants == hanno)
    assert [stable.name for stable in await stabled.to_list()] == ["North"]
    await second.delete()


async def nothing(db: pg.AsyncDatabase) -> None:
    """Compute of no rows, and of numbers of two types."""
    none = Elephant.find(Elephant.name == "nobody")
    sums = none.select(pg.sum(Elephant.age), pg.avg(Elephant.age), pg.min(Elephant.name), pg.max(Elephant.weight))
    assert_type(await sums.one(), tuple[int | None, float | None, str | None, Decimal | None])
    assert await sums.one() == (None,) * 4
    lists = none.select(pg.array_agg(Elephant.id), pg.string_agg(Elephant.name, ","), pg.bool_and(Elephant.gentle))
    assert await lists.one() == (None,) * 3
    numbers = Elephant.find(Elephant.name == "Hanno").select(
        Elephant.weight * Elephant.id,
        Elephant.id * Elephant.weight,
        Elephant.id + Decimal("0.5"),
        Decimal(2) * Elephant.id,
        Elephant.weight + Elephant.age,
        Elephant.id * 1.5,
        Elephant.age + Elephant.id,
        Elephant.id - Elephant.age,
    )
    one = await numbers.one()
    assert_type(one, tuple[Decimal, Decimal, Decimal, Decimal, Decimal | None, float, int | None, int | None])
    assert [type(value) for value in one] == [Decimal] * 5 + [float, int, int]
    blocking_scalar = await db.find(Elephant).select(none.select(pg.max(Elephant.age)).scalar()).first()
    assert blocking_scalar == (None,)


async def changes() -> None:
    """Change rows where they are."""
    older: pg.Assign = Elephant.age.set(Elephant.age + pg.excluded(Elephant.age))
    report = await Elephant.upsert([{"name": "Hanno", "age": 1}], on=[Elephant.name], update=[older])
    assert (report.inserted, report.updated) == (0, 1)
    constraint = None
    try:
        async with pg.pg_transaction():
            await Elephant.find(Elephant.name == "Jumbo").update(Elephant.mood.set(Mood.musth))
            await Elephant(name="Jumbo").save()
    except pg.UniqueViolation as error:
        constraint = error.constraint
    assert constraint == "elephant_name_key"
    assert await Elephant.find(Elephant.mood == Mood.musth).count() == 0


async def expressions() -> None:
    """Compute of one row at a time."""
    young: pg.Expr[bool] = pg.and_(Elephant.age < 10, pg.or_(Elephant.gentle, Elephant.mood == Mood.calm))
    kind = pg.case((young, "young"), (Elephant.age < 50, "grown"), otherwise="old", as_=str)
    texts = (
        Elephant.find()
        .order_by(Elephant.id)
        .select(pg.lower(Elephant.name), pg.upper(Elephant.name), pg.length(Elephant.name), kind)
    )
    assert_type(texts, pg.AsyncQuery[tuple[str, str, int, Any]])
    assert await texts.first() == ("airavata", "AIRAVATA", 8, "old")
    called = pg.concat(Elephant.name, " of ", pg.coalesce(Elephant.stable.town, "nowhere"))
    assert await Elephant.find(Elephant.name == "Jumbo").select(called).one() == ("Jumbo of nowhere",)
    numbers = Elephant.find(Elephant.name == "Hanno").select(
        pg.greatest(Elephant.id, pg.value(1)),
        pg.least(Elephant.id, 0),
        pg.nullif(Elephant.name, "Hanno"),
        pg.func("abs", Elephant.id - 10, as_=int),
    )
    assert_type(numbers, pg.AsyncQuery[tuple[int, int, str | None, int]])
    assert (await numbers.one())[1:3] == (0, None)
    times = Elephant.find(Elephant.seen_at <= pg.now()).select(
        pg.date_trunc("year", Elephant.seen_at), pg.extract("month", Elephant.seen_at), pg.array(Elephant.id, 5)
    )
    assert_type(times, pg.AsyncQuery[tuple[dt.datetime, float, list[int]]])
    assert (await times.order_by(Elephant.id).limit(1).one())[2][1] == 5


async def searches() -> None:
    """Search text, and rows that others have."""
    document = pg.to_tsvector(Elephant.name, config="simple")
    for query in (
        pg.to_tsquery("hanno | jumbo", config="simple"),
        pg.websearch_to_tsquery("hanno or jumbo", config="simple"),
    ):
        best = Elephant.find(document.matches(query)).order_by(pg.ts_rank(document, query).desc(), Elephant.name)
        assert [elephant.name for elephant in await best.to_list()] == ["Hanno", "Jumbo"]
    plain = pg.plainto_tsquery("jumbo", config="simple")
    assert await Elephant.find(document.matches(plain)).count() == 1
    seated = pg.exists(Howdah.find(Howdah.elephant.id == Elephant.id))
    assert [elephant.name for elephant in await Elephant.find(seated).to_list()] == ["Airavata"]
    near = await Elephant.find(Elephant.shape.l2_distance([1, 1]) < 2).to(Named).to_list()
    assert near == [Named("Airavata", 99)]
    other = pg.alias(Elephant)
    pairs = Elephant.find().join(other, on=other.age < Elephant.age).select(Elephant.name, other.name)
    assert ("Jumbo", "Hanno") in await pairs.to_list()


async def groups() -> None:
    """Compute of many rows."""
    whole = Elephant.find().select(
        pg.sum(Elephant.age), pg.avg(Elephant.age), pg.min(Elephant.name), pg.max(Elephant.age)
    )
    assert_type(whole, pg.AsyncQuery[tuple[int | None, float | None, str | None, int | None]])
    assert await whole.one() == (131, 131 / 3, "Airavata", 99)
    lists = Elephant.find().select(
        pg.array_agg(Elephant.name).order_by(Elephant.name),
        pg.string_agg(Elephant.name, ", ").order_by(-Elephant.name),
        pg.bool_and(Elephant.gentle),
    )
    assert_type(lists, pg.AsyncQuery[tuple[list[str] | None, str | None, bool | None]])
    names = ["Airavata", "Hanno", "Jumbo"]
    assert await lists.one() == (names, "Jumbo, Hanno, Airavata", True)
    assert await Elephant.find().select(pg.json_agg(Elephant.age).order_by(Elephant.age)).one() == ([8, 24, 99],)
    assert await Elephant.find().select(pg.bool_or(Elephant.age > 90), pg.count()).one() == (True, 3)
    keys = Elephant.find().select(Elephant.mood, Elephant.gentle, pg.count().filter(Elephant.age > 10))
    sizes = [
        len(await keys.group_by(grouping).to_list())
        for grouping in (
            pg.rollup(Elephant.mood, Elephant.gentle),
            pg.cube(Elephant.mood, Elephant.gentle),
            pg.grouping_sets([Elephant.mood], [Elephant.gentle], []),
        )
    ]
    assert sizes == [3, 4, 3]


async def windows() -> None:
    """Compute of the rows around each."""
    by_age = [Elephant.age]
    ranks = Elephant.find().select(
        pg.row_number().over(order_by=by_age),
        pg.rank().over(order_by=by_age),
        pg.dense_rank().over(order_by=by_age),
        pg.percent_rank().over(order_by=by_age),
    )
    assert_type(ranks, pg.AsyncQuery[tuple[int, int, int, float]])
    assert await ranks.order_by(Elephant.age).to_list() == [(1, 1, 1, 0.0), (2, 2, 2, 0.5), (3, 3, 3, 1.0)]
    beside = Elephant.find().select(
        Elephant.name, pg.lag(Elephant.name).over(order_by=by_age), pg.lead(Elephant.name).over(order_by=by_age)
    )
    assert await beside.order_by(Elephant.age).first() == ("Hanno", None, "Jumbo")
    frames = Elephant.find().select(
        pg.ntile(2).over(order_by=by_age),
        pg.first_value(Elephant.name).over(order_by=by_age, frame=pg.rows_between(-1, 0)),
        pg.last_value(Elephant.name).over(order_by=by_age, frame=pg.rows_between(None, None)),
        pg.count().over(order_by=by_age, frame=pg.range_between(-20, 0)),
    )
    assert await frames.order_by(Elephant.age).to_list() == [
        (1, "Hanno", "Airavata", 1),
        (1, "Hanno", "Airavata", 2),
        (2, "Jumbo", "Airavata", 1),
    ]


async def derived() -> None:
    """Take rows from queries and functions."""
    ages = pg.subquery(Elephant.find(Elephant.age > 5).select(Elephant.id, Elephant.age), name="ages")
    assert await Elephant.find().join(ages, on=ages.id == Elephant.id).where(ages.age < 50).count() == 2
    young = Elephant.find().join(ages, on=ages[Elephant.id] == Elephant.id).where(ages[Elephant.age] < 50)
    named: pg.Derived = ages
    assert_type(young.select(named[Elephant.age]), pg.AsyncQuery[tuple[int | None]])
    assert await young.order_by(named[Elephant.age]).select(named[Elephant.age]).to_list() == [(8,), (24,)]
    total = pg.sum(Elephant.age).as_("total")
    totals = pg.subquery(
        Elephant.find()
        .select(Elephant.stable, Elephant.stable.name, total)
        .group_by(Elephant.stable, Elephant.stable.name)
    )
    stables = (
        Stable.find()
        .join(totals, on=totals[Elephant.stable.id] == Stable.id)
        .select(totals[total], totals[Elephant.stable.name])
    )
    assert_type(stables, pg.AsyncQuery[tuple[int | None, str]])
    assert await stables.to_list() == [(107, "North")]
    first = Elephant.find(Elephant.name == "Airavata").select(Elephant.id.as_("id"))
    chain = pg.cte(
        "chain",
        first,
        recursive=lambda rest: Elephant.find().join(rest, on=Elephant.id == rest.id + 1).select(Elephant.id.as_("id")),
    )
    assert await Elephant.find().join(chain, on=chain.id == Elephant.id).count() == 3
    series = pg.table_function("generate_series", 1, 3, columns={"n": int})
    assert await Elephant.find().join(series, how="cross").count() == 9


def blocking(db: pg.Database, elephant: Elephant) -> None:
    """Do it all without awaiting."""
    query: pg.Query[Elephant] = db.find(Elephant, Elephant.id == elephant.id)
    assert query.one() == elephant == db.get(Elephant, elephant.id)
    try:
        db.get(Elephant, 0)
    except pg.NoRow:
        assert "CREATE TABLE IF NOT EXISTS stable" in pg.ddl(Stable, Elephant)


async def main(url: str) -> None:
    """Run it all in an empty schema."""
    async with pg.init(url, max_size=2) as db:
        await db.execute("CREATE EXTENSION btree_gist")
        elephant = await rows(db)
        await references(db, elephant)
        await nothing(db)
        for step in (changes, expressions, searches, groups, windows, derived):
            await step()
    with pg.Database(url) as same:
        blocking(same, elephant)
