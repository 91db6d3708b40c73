"""Declarations of tables, and refusals."""

from __future__ import annotations

import datetime as dt
import ipaddress
import types
import uuid
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Optional

import pytest

import howdah
import howdah as pg
from howdah import Col, InterfaceError, Interval, Many, Range, Ref, Table, Vector, col
from howdah._sync import bulk_insert
from tests.python.versions import wants

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql


class Kind(StrEnum):
    big = "BIG"
    small = "it's small"


class Everything(Table):
    """Has a column of every Python type, some of them declared by the type alone."""

    registry: ClassVar[dict[str, int]] = {}

    id: Col[int] = pg.identity()
    flag: bool
    whole: int = 7
    real: float | None = None
    text: Optional[str] = None  # noqa: UP045  (the older way)
    data: Col[bytes] = col(default=b"\0\xff")
    number: Col[Decimal] = col(default=Decimal("1.10"), precision=6, scale=3)
    any_number: Col[Decimal] = col(default=Decimal("1e-30"))
    stamp: Col[dt.datetime] = col(default_factory=lambda: dt.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC))
    naive: Col[dt.datetime] = col(default=dt.datetime(2020, 1, 2), type="timestamp")  # noqa: DTZ001  (that is the point)
    day: Col[dt.date] = col(default=dt.date(2020, 2, 29))
    hour: Col[dt.time] = col(default=dt.time(1, 2, 3, 4))
    delta: Col[dt.timedelta] = col(default=dt.timedelta(days=1, microseconds=5))
    span: Col[Interval] = col(default=Interval(months=1, days=2, microseconds=3))
    key: Col[uuid.UUID] = col(default_factory=lambda: uuid.UUID(int=5))
    kind: Col[Kind] = col(default=Kind.small)
    kinds: Col[list[Kind]] = col(default_factory=lambda: [Kind.big, Kind.small])
    json: Col[dict[str, Any]] = col(default_factory=dict)
    list_json: Col[list[dict[str, Any]]] = col(default_factory=list)
    anything: Col[Any] = col(default=None)
    numbers: Col[list[int]] = col(default_factory=lambda: [1, 2])
    days: Col[list[dt.date]] = col(default_factory=list)
    address: Col[ipaddress.IPv4Address] = col(default=ipaddress.IPv4Address("10.0.0.1"))
    network: Col[ipaddress.IPv4Network] = col(default=ipaddress.IPv4Network("10.0.0.0/8"))
    numbers_range: Col[Range[int]] = col(default=Range(1, 5))
    days_range: Col[Range[dt.date]] = col(default=Range(dt.date(2020, 1, 1)))
    times_range: Col[Range[dt.datetime] | None] = col(default=None)
    near: Col[Vector] = col(default=Vector([1, 2]), dim=2)
    short: Col[str] = col(default="x", type="varchar(5)")
    small: Col[int] = col(default=3, type="smallint")


def test_every_type_comes_back_as_it_went(db: howdah.Database, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    wants("vector", sql)
    monkeypatch.setattr(bulk_insert, "MAX_UNNEST_ROWS", 1000)
    sql("CREATE EXTENSION IF NOT EXISTS vector")
    db.create_tables(Everything)
    row = Everything(
        flag=True, json={"a": [1, None]}, list_json=[{"b": 2}], anything=[1, "x"], days=[dt.date(2020, 1, 1)]
    )
    before = row.asdict()
    db.save(row)
    found = db.get(Everything, 1)
    after = found.asdict()
    assert after.pop("id") == 1
    # The server says ranges of days its own way, and numbers with all their places.
    assert after == before
    assert {name: type(value) for name, value in after.items()} == {name: type(value) for name, value in before.items()}
    for how in (2, 1500):
        keys = db.insert_many(Everything, [{"flag": False} for _ in range(how)])
        assert len(keys) == how
        other = db.get(Everything, keys[-1]).asdict()
        expected = Everything(flag=False).asdict() | {"id": keys[-1]}
        assert other == expected
    assert db.insert_many(Everything, [Everything(flag=True)]) == [1504]


def test_table_s_name_is_the_class_s_in_snake_case_or_its_own() -> None:
    class HTTPRequest(Table):
        id: Col[int] = pg.identity()

    class Named(Table):
        __table__ = "other.Named Thing"
        id: Col[int] = pg.identity()

    assert HTTPRequest.__table__ == "http_request"
    assert Named.find().sql()[0] == 'SELECT t0.id FROM other."Named Thing" AS t0'


def test_abstract_table_gives_its_columns_to_others(db: howdah.Database) -> None:
    class Base(Table, abstract=True):
        id: Col[int] = pg.identity()
        made: Col[dt.datetime] = pg.server_default("now()")

    class Leaf(Base):
        name: Col[str]

    class Other(Base):
        name: Col[int] = col(default=1)

    db.create_tables(Leaf, Other)
    leaf = db.save(Leaf(name="x"))
    assert [leaf.id, leaf.name, leaf.made.tzinfo is not None] == [1, "x", True]
    assert db.save(Other()).name == 1
    assert [one.attribute for one in Leaf.__schema__.columns] == ["id", "made", "name"]


# Mixins with several have one type for them all.
Constraints = tuple[Any, ...]


def test_constraints_and_indexes_of_all_bases_are_those_of_a_table(db: howdah.Database, sql: Sql) -> None:
    class Mailed(Table, abstract=True):
        __constraints__: ClassVar[Constraints] = (pg.unique("email"), pg.check("email <> ''", name="given"))
        __indexes__ = (pg.index("lower(email)"),)
        email: Col[str]

    class Slugged(Table, abstract=True):
        __constraints__: ClassVar[Constraints] = (pg.unique("slug"),)
        __indexes__ = (pg.index("slug text_pattern_ops"),)
        slug: Col[str]

    class Page(Mailed, Slugged):
        __constraints__ = (Mailed.__constraints__[0], pg.check("slug <> ''", name="given"), pg.check("id > 0"))
        __indexes__ = (pg.index("lower(slug)"),)
        id: Col[int] = pg.identity()

    class Sheet(Mailed, Slugged):
        id: Col[int] = pg.identity()

    db.create_tables(Page, Sheet)
    found = (
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'u')"
    )
    uniques = {"UNIQUE (email)", "UNIQUE (slug)"}
    assert {one for (one,) in sql(found, "sheet")} == {*uniques, "CHECK ((email <> ''::text))"}
    assert {one for (one,) in sql(found, "page")} == {*uniques, "CHECK ((slug <> ''::text))", "CHECK ((id > 0))"}
    indexes = "SELECT indexname::text FROM pg_indexes WHERE tablename = %s AND indexname LIKE '%%idx%%'"
    assert {one for (one,) in sql(indexes, "sheet")} == {"sheet_lower_idx", "sheet_slug_idx"}
    assert {one for (one,) in sql(indexes, "page")} == {"page_lower_idx", "page_slug_idx", "page_lower_idx1"}


def test_reference_whose_text_has_none_in_it_may_be_null() -> None:
    class Whole(Table):
        id: Col[int] = pg.identity()

    made = _make({
        "id": Col[int],
        "a": Ref["Whole | None"],
        "b": Ref[Optional["Whole"]],
        "c": Ref["Whole"],
    }, id=pg.identity())  # fmt: skip
    columns = made.__schema__.by_attribute
    assert [columns[f"{name}_id"].nullable for name in "abc"] == [True, True, False]
    assert all(columns[f"{name}_id"].reference.table is Whole for name in "abc")
    assert made(c_id=1).a_id is None


def test_number_that_the_server_never_gives_is_taken_from_you(db: howdah.Database) -> None:
    class Counted(Table):
        id: Col[int] = pg.identity()
        name: Col[str] = col(default="")

    db.create_tables(Counted)
    row = Counted(name="x")
    vars(row)["id"] = 40
    assert db.save(row).id == 40


class Node(Table):
    id: Col[int] = pg.identity()
    parent: Ref[Node | None] = pg.ref()
    children: Many[Node] = pg.many(via="parent")


def test_table_refers_to_itself(db: howdah.Database) -> None:
    db.create_tables(Node)
    root = db.save(Node(parent=None))
    for _ in range(3):
        db.save(Node(parent=root))
    found = db.find(Node, Node.id == root.id).load(Node.children.children).one()
    assert [child.id for child in found.children] == [2, 3, 4]
    assert [child.children for child in found.children] == [[], [], []]
    assert db.find(Node).load(Node.parent).order_by(-Node.id).first() is not None


def _make(annotations: dict[str, Any], **values: Any) -> Any:
    body = {"__annotations__": annotations, "__module__": __name__, **values}
    made: Any = types.new_class("Made", (Table,), {}, lambda space: space.update(body))
    # Types are read when they are wanted.
    assert all(column.type.name for column in made.__schema__.columns)
    return made


class Odd:
    """Is no SQL type."""


class Level(IntEnum):
    low = 1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: _make({}), "has no columns"),
        (lambda: _make({"find": Col[int]}), 'cannot be named "find"'),
        (lambda: _make({"save": int}), 'cannot be named "save"'),
        (lambda: _make({"in_": int}), 'cannot be named "in_"'),
        (lambda: _make({"a": Col[Odd]}), "no SQL type is known"),
        (lambda: _make({"a": Col[Level]}), r"Made\.a: Level\.low is int, and the labels of an enum are text; make it"),
        (lambda: _make({"a": Col[list[Level] | None]}), "the labels of an enum are text"),
        (lambda: _make({"a": "Col[Nowhere]"}), "cannot be read"),
        (lambda: _make({}, a=col()), "has no annotation"),
        (lambda: _make({"a": Ref[Node]}, a=col(unique=True)), "use ref\\(\\) with Ref"),
        (lambda: _make({"a": Col[int]}, a=pg.ref()), "use ref"),
        (lambda: col(default=1, default_factory=int), "not both"),
        (lambda: col(default=[]), "default_factory"),
        (lambda: _make({"a": Col[list[int]]}, a=[]), r"Made\.a: a default is shared .* col\(default_factory=list\)"),
        (lambda: _make({"a": Col[dict[str, Any]]}, a={}), r"Made\.a: .* col\(default_factory=dict\)"),
        (lambda: col(scale=2), "precision"),
        (lambda: pg.ref(default=7), "its default can only be None or EITHER"),
        (lambda: _make({"a": "Ref[int]"}), "is not a table"),
    ],
)
def test_declaration_that_makes_no_sense_is_refused(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(InterfaceError, match=says):
        _looked_up(make())


def test_enum_of_numbers_is_stored_by_them_where_the_type_says_so(db: howdah.Database, sql: Sql) -> None:
    class Graded(Table):
        id: Col[int] = pg.identity()
        level: Col[Level] = col(type="integer")

    db.create_tables(Graded)
    db.save(Graded(level=Level.low))
    assert db.find(Graded, Graded.level == Level.low).one().level is Level.low
    assert sql("SELECT level FROM graded") == [(1,)]


def _looked_up(made: Any) -> list[Any]:
    """Look up what a reference refers to, which is done when it is wanted."""
    return [column.reference and column.reference.table for column in made.__schema__.columns]


def test_timedelta_has_no_months(db: howdah.Database, sql: Sql) -> None:
    class Wait(Table):
        id: Col[int] = pg.identity()
        length: Col[dt.timedelta]

    db.create_tables(Wait)
    db.insert_many(Wait, [{"length": dt.timedelta(hours=1)}, {"length": dt.timedelta(days=-2)}])
    assert [one.length for one in db.find(Wait).to_list()] == [dt.timedelta(hours=1), dt.timedelta(days=-2)]
    assert db.find(Wait).select(Wait.length, pg.sum(Wait.length).over()).to_list()[0] == (
        dt.timedelta(hours=1),
        dt.timedelta(hours=-47),
    )
    sql("UPDATE wait SET length = '1 month' WHERE id = 1")
    with pytest.raises(howdah.DataError, match="has months, which a timedelta cannot hold") as caught:
        db.get(Wait, 1)
    assert caught.value.column == "length"


def test_function_may_define_tables_that_name_each_other(db: howdah.Database) -> None:
    class Left(Table):
        id: Col[int] = pg.identity()
        rights: Many[Right] = pg.many(via="left")

    class Right(Table):
        id: Col[int] = pg.identity()
        left: Ref[Left] = pg.ref()

    db.create_tables(Right, Left)
    left = db.save(Left())
    db.save(Right(left=left))
    assert [right.id for right in db.find(Left).load(Left.rights).one().rights] == [1]


class Owner(Table):
    """Its columns have the names that a path might want for itself."""

    id: Col[int] = pg.identity()
    key: Col[str]
    source: Col[str] = col(default="s")
    schema: Col[str] = col(default="t")
    column: Col[str] = col(default="u")
    steps: Col[int] = col(default=3)
    owner: Col[str] = col(default="v")
    kind: Col[str] = col(default="w")
    type: Col[str] = col(default="x")
    node: Col[str] = col(default="y")


class Thing(Table):
    """Refers to it."""

    id: Col[int] = pg.identity()
    owner: Ref[Owner] = pg.ref()


def test_column_of_any_name_is_reached_through_a_reference(db: howdah.Database) -> None:
    db.create_tables(Thing, Owner)
    db.save(Thing(owner=db.save(Owner(key="k"))))
    owner = Thing.owner
    found = (
        db.find(Thing)
        .where(owner.key == "k", owner.source == "s", owner.schema == "t", owner.column == "u", owner.steps == 3)
        .where(owner.owner == "v", owner.kind == "w", owner.type == "x", owner.node == "y", owner.id == 1)
    )
    assert found.count() == 1
    other = pg.alias(Owner)
    assert db.find(Owner).join(other, on=other.key == Owner.key).where(other.source == "s").count() == 1
