"""Makes queries at random, each twice: as howdah's own, and as SQL that is written by hand, fully bracketed.

The SQL is made here alone, and shares nothing with what writes howdah's statements: every operator has brackets around
it, every value is a literal with its type, and every table has a name of its own.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import howdah as pg
from howdah import Col, Ref, Table, col

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from howdah import Database, Expr, Query


class Shop(Table):
    """Where things are sold."""

    id: Col[int] = pg.identity()
    name: Col[str]
    rank: Col[int | None] = col(default=None)


class Item(Table):
    """What is sold there."""

    id: Col[int] = pg.identity()
    title: Col[str | None] = col(default=None)
    price: Col[float | None] = col(default=None)
    stock: Col[int] = col(default=0)
    tags: Col[list[str]] = col(default_factory=list)
    meta: Col[dict[str, Any]] = col(default_factory=dict)
    sold: Col[bool | None] = col(default=None)
    shop: Ref[Shop | None] = pg.ref(default=None)


WORDS = ["", "a", "b", "ab", "A_", "it's", "%", 'q"', "\\", "é"]


def fill(db: Database, random: Random) -> None:
    """Make the tables, and rows with many NULLs and many that are alike."""
    db.create_tables(Shop, Item)
    shops = [{"name": random.choice(WORDS), "rank": random.choice([None, 1, 2, 3])} for _ in range(6)]
    db.insert_many(Shop, shops)
    items = [
        {
            "title": random.choice([*WORDS, None]),
            "price": random.choice([None, 0.0, 0.5, 1.5, 2.0, -3.0]),
            "stock": random.choice([-2, -1, 0, 1, 2, 3, 7]),
            "tags": random.sample(WORDS, random.randrange(3)),
            "meta": random.choice([{}, {"k": random.choice(WORDS)}, {"k": {"n": random.randrange(4)}}]),
            "sold": random.choice([None, True, False]),
            "shop_id": random.choice([None, 1, 2, 3, 4, 5, 6]),
        }
        for _ in range(60)
    ]
    db.insert_many(Item, items)


@dataclass
class Pair:
    """An expression both ways."""

    own: Any
    sql: str


@dataclass
class Scope:
    """The tables that an expression may use: their columns by type."""

    ints: list[Pair]
    floats: list[Pair]
    texts: list[Pair]
    bools: list[Pair]


def text(value: str) -> str:
    """Write a text as a literal."""
    return "E'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'::text"


class Maker:
    """Makes expressions and queries of one seed."""

    def __init__(self, db: Database, random: Random) -> None:
        """Take where the queries are asked, and what chooses."""
        self.db = db
        self.random = random
        self._names = (f"x{at}" for at in itertools.count())

    # Scopes
    def item(self, name: str, place: Any = Item, shop: str | None = None) -> Scope:
        """Give an item's columns, those of its shop too if that has a name."""
        own = Scope(
            [Pair(place.id, f"{name}.id"), Pair(place.stock, f"{name}.stock"), Pair(place.shop.id, f"{name}.shop_id")],
            [Pair(place.price, f"{name}.price")],
            [Pair(place.title, f"{name}.title")],
            [Pair(place.sold, f"{name}.sold")],
        )
        if shop is not None:
            own.ints.append(Pair(place.shop.rank, f"{shop}.rank"))
            own.texts.append(Pair(place.shop.name, f"{shop}.name"))
        return own

    # Expressions
    def number(self, scope: Scope, depth: int) -> Pair:
        """Make an integer."""
        if depth <= 0:
            return self.random.choice(scope.ints)
        ways: list[Callable[[], Pair]] = [
            lambda: self.random.choice(scope.ints),
            lambda: self._arithmetic(scope, depth),
            lambda: self._coalesced(self.number(scope, depth - 1), self.random.randrange(-3, 4), "bigint"),
            lambda: self._length(self.words(scope, depth - 1)),
            lambda: self._case(scope, depth),
        ]
        return self.random.choice(ways)()

    def _arithmetic(self, scope: Scope, depth: int) -> Pair:
        left = self.number(scope, depth - 1)
        how = self.random.choice("+-*%/")
        if how in "%/" or self.random.random() < 0.5:
            value = self.random.choice([1, 2, 3, -2])
            right = Pair(value, f"({value})::integer")
        else:
            right = self.number(scope, depth - 1)
        own: dict[str, Callable[[], Any]] = {
            "+": lambda: left.own + right.own,
            "-": lambda: left.own - right.own,
            "*": lambda: left.own * right.own,
            "%": lambda: left.own % right.own,
            "/": lambda: left.own / right.own,
        }
        return Pair(own[how](), f"({left.sql} {how} {right.sql})")

    def _coalesced(self, given: Pair, value: Any, kind: str) -> Pair:
        literal = text(value) if isinstance(value, str) else f"({value})::{kind}"
        return Pair(pg.coalesce(given.own, value), f"coalesce({given.sql}, {literal})")

    def _length(self, given: Pair) -> Pair:
        return Pair(pg.length(given.own).cast(int), f"(length({given.sql}))::bigint")

    def _case(self, scope: Scope, depth: int) -> Pair:
        when, then, other = self.truth(scope, depth - 1), self.number(scope, depth - 1), self.number(scope, depth - 1)
        own = pg.case((when.own, then.own), otherwise=other.own, as_=int)
        return Pair(own, f"(CASE WHEN {when.sql} THEN {then.sql} ELSE {other.sql} END)")

    def words(self, scope: Scope, depth: int) -> Pair:
        """Make a text."""
        given = self.random.choice(scope.texts)
        if depth <= 0:
            return given
        value = self.random.choice(WORDS)
        ways: list[Callable[[], Pair]] = [
            lambda: given,
            lambda: self._coalesced(self.words(scope, depth - 1), value, "text"),
            lambda: Pair(given.own + value, f"({given.sql} || {text(value)})"),
            lambda: Pair(pg.upper(given.own), f"upper({given.sql})"),
            lambda: Pair(pg.nullif(given.own, value), f"nullif({given.sql}, {text(value)})"),
        ]
        return self.random.choice(ways)()

    def truth(self, scope: Scope, depth: int) -> Pair:
        """Make a condition."""
        ways: list[Callable[[Scope, int], Pair]] = [self._compared, self._asked, self._among, self._matched]
        if depth > 0:
            ways += [self._joined, self._joined, self._negated, self._of_item]
        return self.random.choice(ways)(scope, depth)

    def _compared(self, scope: Scope, depth: int) -> Pair:
        how = self.random.choice(["=", "<>", "<", "<=", ">", ">="])
        kind = self.random.choice(["number", "words", "float"])
        if kind == "float":
            left, value = self.random.choice(scope.floats), self.random.choice([0.0, 0.5, 2.0])
            right = Pair(value, f"({value})::float8")
        elif kind == "words":
            left, right = self.words(scope, depth - 1), self._or_value(self.words(scope, depth - 1))
        else:
            left, right = self.number(scope, depth - 1), self.number(scope, depth - 1)
        own: dict[str, Callable[[], Any]] = {
            "=": lambda: left.own == right.own,
            "<>": lambda: left.own != right.own,
            "<": lambda: left.own < right.own,
            "<=": lambda: left.own <= right.own,
            ">": lambda: left.own > right.own,
            ">=": lambda: left.own >= right.own,
        }
        return Pair(own[how](), f"({left.sql} {how} {right.sql})")

    def _or_value(self, given: Pair) -> Pair:
        if self.random.random() < 0.5:
            return given
        value = self.random.choice(WORDS)
        return Pair(value, text(value))

    def _asked(self, scope: Scope, depth: int) -> Pair:
        flag, given = self.random.choice(scope.bools), self.number(scope, depth - 1)
        low, high = sorted(self.random.choices(range(-3, 8), k=2))
        ways = [
            Pair(flag.own == True, f"({flag.sql} = true)"),  # noqa: E712  (a condition)
            Pair(flag.own.is_null(), f"({flag.sql} IS NULL)"),
            Pair(given.own.is_not_null(), f"({given.sql} IS NOT NULL)"),
            Pair(given.own.between(low, high), f"({given.sql} BETWEEN {low} AND {high})"),
            Pair(given.own.is_distinct_from(low), f"({given.sql} IS DISTINCT FROM {low})"),
        ]
        return self.random.choice(ways)

    def _among(self, scope: Scope, depth: int) -> Pair:
        given = self.number(scope, depth - 1)
        if self.random.random() < 0.6:
            values = self.random.choices(range(-2, 8), k=self.random.randrange(4))
            array = f"ARRAY[{', '.join(map(str, values))}]::bigint[]"
            if self.random.random() < 0.5:
                return Pair(given.own.in_(values), f"({given.sql} = ANY ({array}))")
            return Pair(given.own.not_in(values), f"({given.sql} <> ALL ({array}))")
        limit = self.random.choice([1, 2, 3])
        name = next(self._names)
        own = Shop.find(Shop.rank <= limit).select(Shop.id)
        sql = f"SELECT {name}.id FROM shop AS {name} WHERE ({name}.rank <= {limit})"
        if self.random.random() < 0.5:
            return Pair(given.own.in_(own), f"({given.sql} IN ({sql}))")
        return Pair(given.own.not_in(own), f"({given.sql} NOT IN ({sql}))")

    def _matched(self, scope: Scope, depth: int) -> Pair:
        given, value = self.words(scope, depth - 1), self.random.choice(["%a%", "A%", "_", "%'s", "%\\%"])
        if self.random.random() < 0.5:
            return Pair(given.own.like(value), f"({given.sql} LIKE {text(value)})")
        return Pair(given.own.ilike(value), f"({given.sql} ILIKE {text(value)})")

    def _joined(self, scope: Scope, depth: int) -> Pair:
        left, right = self.truth(scope, depth - 1), self.truth(scope, depth - 1)
        if self.random.random() < 0.5:
            return Pair(left.own & right.own, f"({left.sql} AND {right.sql})")
        return Pair(left.own | right.own, f"({left.sql} OR {right.sql})")

    def _negated(self, scope: Scope, depth: int) -> Pair:
        given = self.truth(scope, depth - 1)
        return Pair(~given.own, f"(NOT {given.sql})")

    def _of_item(self, scope: Scope, depth: int) -> Pair:
        """Ask for another item with something in common."""
        other = pg.alias(Item)
        name = next(self._names)
        mine = self.number(scope, 0)
        inner = self.truth(self.item(name, other), depth - 2)
        own = pg.exists(self.db.find(other, other.stock == mine.own, inner.own))
        return Pair(own, f"EXISTS (SELECT 1 FROM item AS {name} WHERE ({name}.stock = {mine.sql}) AND {inner.sql})")

    # Queries
    def query(self) -> tuple[Query[Any], str, bool]:
        """Make a query; tell its SQL, and whether its rows have an order."""
        ways = [self._plain, self._plain, self._grouped, self._windowed, self._combined, self._named, self._arrays]
        return self.random.choice(ways)()

    def _from(self) -> tuple[Scope, str]:
        name, shop = next(self._names), next(self._names)
        scope = self.item(name, shop=shop)
        return scope, f"FROM item AS {name} LEFT JOIN shop AS {shop} ON ({shop}.id = {name}.shop_id)"

    def _plain(self) -> tuple[Query[Any], str, bool]:
        scope, source = self._from()
        where = self.truth(scope, 3)
        columns = [self.number(scope, 2), self.words(scope, 1), self.truth(scope, 1)]
        key = self.number(scope, 1)
        ident = scope.ints[0]
        way = self.random.choice(["ASC", "DESC", "ASC NULLS FIRST", "DESC NULLS LAST"])
        ordering = key.own.desc() if way.startswith("DESC") else key.own.asc()
        if "NULLS" in way:
            ordering = ordering.nulls_first() if way.endswith("FIRST") else ordering.nulls_last()
        query = self.db.find(Item, where.own).select(*(one.own for one in columns)).order_by(ordering, ident.own)
        sql = (
            f"SELECT {', '.join(one.sql for one in columns)} {source} WHERE {where.sql} "
            f"ORDER BY {key.sql} {way}, {ident.sql}"
        )
        if self.random.random() < 0.5:
            limit, offset = self.random.randrange(8), self.random.randrange(4)
            return query.limit(limit).offset(offset), f"{sql} LIMIT {limit} OFFSET {offset}", True
        return query, sql, True

    def _grouped(self) -> tuple[Query[Any], str, bool]:
        scope, source = self._from()
        key, value, where = self.number(scope, 1), self.number(scope, 1), self.truth(scope, 1)
        only = self.truth(scope, 1)
        query = (
            self.db.find(Item, where.own)
            .group_by(key.own)
            .having(pg.count() > 1)
            .select(
                key.own,
                pg.count(),
                pg.sum(value.own).cast(int),
                pg.min(value.own),
                pg.count(value.own).distinct(),
                pg.count().filter(only.own),
            )
        )
        sql = (
            f"SELECT k, count(*), (sum(v))::bigint, min(v), count(DISTINCT v), count(*) FILTER (WHERE o) "
            f"FROM (SELECT {key.sql} AS k, {value.sql} AS v, {only.sql} AS o {source} WHERE {where.sql}) AS g "
            "GROUP BY k HAVING (count(*) > 1)"
        )
        return query, sql, False

    def _windowed(self) -> tuple[Query[Any], str, bool]:
        scope, source = self._from()
        part, value, ident = self.random.choice(scope.ints), self.number(scope, 1), scope.ints[0]
        query = self.db.find(Item).select(
            ident.own,
            pg.row_number().over(partition_by=[part.own], order_by=[value.own.asc(), ident.own.asc()]),
            pg.lag(value.own).over(order_by=[ident.own.asc()]),
            pg.sum(value.own).over(order_by=[ident.own.asc()], frame=pg.rows_between(-2, 0)).cast(int),
        )
        sql = (
            f"SELECT {ident.sql}, row_number() OVER (PARTITION BY {part.sql} ORDER BY {value.sql}, {ident.sql}), "
            f"lag({value.sql}) OVER (ORDER BY {ident.sql}), (sum({value.sql}) OVER (ORDER BY {ident.sql} "
            f"ROWS BETWEEN 2 PRECEDING AND CURRENT ROW))::bigint {source}"
        )
        return query, sql, False

    def _combined(self) -> tuple[Query[Any], str, bool]:
        parts: list[tuple[Any, str]] = []
        for _ in range(2):
            scope, source = self._from()
            where, value = self.truth(scope, 2), self.number(scope, 1)
            own = self.db.find(Item, where.own).select(value.own, scope.texts[0].own)
            parts.append((own, f"(SELECT {value.sql}, {scope.texts[0].sql} {source} WHERE {where.sql})"))
        (left, first), (right, second) = parts
        how = self.random.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"])
        verbs = {"UNION": left.union, "UNION ALL": left.union_all, "INTERSECT": left.intersect, "EXCEPT": left.except_}
        return verbs[how](right), f"{first} {how} {second}", False

    def _named(self) -> tuple[Query[Any], str, bool]:
        scope, source = self._from()
        where, value = self.truth(scope, 2), self.number(scope, 1)
        found = self.db.find(Item, where.own).select(scope.ints[0].own.as_("id"), value.own.as_("value"))
        rows: Any = pg.cte("found", found) if self.random.random() < 0.5 else pg.subquery(found)
        limit = self.random.randrange(-2, 5)
        query = self.db.find(rows).join(Shop, on=Shop.id == rows.value).where(rows.value > limit)
        sql = (
            f"WITH found AS (SELECT {scope.ints[0].sql} AS id, {value.sql} AS value {source} WHERE {where.sql}) "
            "SELECT found.id, shop.name FROM found JOIN shop ON (shop.id = found.value) "
            f"WHERE (found.value > ({limit}))"
        )
        return query.select(rows.id, Shop.name), sql, False

    def _arrays(self) -> tuple[Query[Any], str, bool]:
        word, number = self.random.choice(WORDS), self.random.randrange(4)
        ways: list[tuple[Expr[bool], str]] = [
            (Item.tags.contains([word]), f"(i.tags @> ARRAY[{text(word)}])"),
            (Item.tags.overlaps([word, "a"]), f"(i.tags && ARRAY[{text(word)}, 'a'])"),
            (Item.tags.has(word), f"({text(word)} = ANY (i.tags))"),
            (Item.tags.item(0) == word, f"((i.tags)[1] = {text(word)})"),
            (Item.meta.path("k", as_=str) == word, f"((i.meta ->> 'k') = {text(word)})"),
            (Item.meta.path("k", "n", as_=int) > number, f"(((i.meta #>> '{{k,n}}')::bigint) > {number})"),
            (Item.meta.has_key("k"), "(i.meta ? 'k')"),
            (Item.meta.contains({"k": {"n": number}}), f'(i.meta @> \'{{"k": {{"n": {number}}}}}\'::jsonb)'),
        ]
        (one, first), (other, second) = self.random.sample(ways, 2)
        how = self.random.choice([("AND", one & other), ("OR", one | other), ("AND NOT", one & ~other)])
        return (
            self.db.find(Item, how[1]).select(Item.id),
            f"SELECT i.id FROM item AS i WHERE ({first} {how[0]} {second})",
            False,
        )
