"""The tables that the tests of the ORM share, and their rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import howdah as pg
from howdah import Col, Many, One, Range, Ref, Table, Vector, col

if TYPE_CHECKING:
    import howdah


class Status(StrEnum):
    """An enum of the server's."""

    active = "active"
    banned = "banned"


class Company(Table):
    """What people work for."""

    id: Col[int] = pg.identity()
    name: Col[str] = col(unique=True)
    staff: Many[Person] = pg.many(via="company")


class Person(Table):
    """Has a column of almost every kind."""

    __constraints__ = (pg.check("score >= 0", name="person_score"),)

    id: Col[int] = pg.identity()
    name: Col[str]
    email: Col[str] = col(unique=True)
    age: Col[int | None] = col(default=None)
    score: Col[float] = col(default=0.0)
    money: Col[Decimal] = col(default=Decimal(0), precision=12, scale=2)
    status: Col[Status] = col(default=Status.active)
    tags: Col[list[str]] = col(default_factory=list, index="gin")
    meta: Col[dict[str, Any]] = col(default_factory=dict)
    born: Col[dt.date | None] = col(default=None, name="date_of_birth")
    seats: Col[Range[int] | None] = col(default=None)
    initial: Col[str] = pg.generated('left("name", 1)')
    made: Col[dt.datetime] = pg.server_default("now()")
    company: Ref[Company | None] = pg.ref(default=None, on_delete="set null")
    boss: Ref[Person | None] = pg.ref(default=None)
    profile: One[Profile] = pg.one(via="person")
    posts: Many[Post] = pg.many(via="author")
    reports: Many[Person] = pg.many(via="boss")


class Profile(Table):
    """Every person has one at most."""

    id: Col[int] = pg.identity()
    bio: Col[str] = col(default="")
    person: Ref[Person] = pg.ref(unique=True, on_delete="cascade")


class Post(Table):
    """What people write."""

    id: Col[int] = pg.identity()
    title: Col[str]
    views: Col[int] = col(default=0)
    author: Ref[Person] = pg.ref(on_delete="cascade", index=True)
    labels: Many[Label] = pg.many(via="post", through="PostLabel")


class Label(Table):
    """What posts are about."""

    id: Col[int] = pg.identity()
    name: Col[str] = col(unique=True)
    posts: Many[Post] = pg.many(via="label", through="PostLabel")


class PostLabel(Table):
    """Stands between posts and labels; its key has two columns."""

    post: Ref[Post] = pg.ref(primary_key=True, on_delete="cascade")
    label: Ref[Label] = pg.ref(primary_key=True, on_delete="cascade")
    note: Col[str] = col(default="")


class Spot(Table):
    """Where something is, by pgvector."""

    id: Col[int] = pg.identity()
    place: Col[Vector | None] = col(default=None, dim=3)


TABLES = (PostLabel, Label, Post, Profile, Person, Company)

PEOPLE: list[dict[str, Any]] = [
    {
        "name": "Ada",
        "email": "ada@x",
        "age": 36,
        "score": 9.5,
        "money": Decimal("10.50"),
        "tags": ["math", "poetry"],
        "meta": {"plan": {"tier": "gold"}, "n": [1, 2]},
        "born": dt.date(1815, 12, 10),
        "seats": Range(1, 5),
        "company_id": 1,
    },
    {
        "name": "Bob",
        "email": "bob@x",
        "age": 17,
        "score": 3.0,
        "money": Decimal("7.25"),
        "tags": ["math"],
        "meta": {"plan": {"tier": "free"}},
        "seats": Range(4, 9),
        "company_id": 1,
        "boss_id": 1,
    },
    {
        "name": "Cyd",
        "email": "cyd@x",
        "score": 3.0,
        "status": Status.banned,
        "meta": {"plan": None},
        "born": dt.date(2001, 2, 3),
        "company_id": 2,
        "boss_id": 1,
    },
    {"name": "Dan_%", "email": "dan@x", "age": 50, "tags": ["poetry"], "boss_id": 2},
]
POSTS: list[dict[str, Any]] = [
    {"title": "Engines", "views": 100, "author_id": 1},
    {"title": "Numbers", "views": 20, "author_id": 1},
    {"title": "School", "views": 5, "author_id": 2},
    {"title": "Exile", "views": 7, "author_id": 3},
]


# What spots need, which not every server has.
EXTENSION = "vector"


def has_vectors(db: howdah.Database) -> bool:
    """Tell whether the server has what spots need."""
    return bool(
        db.fetch_value(
            "SELECT pg_catalog.count(*) FROM pg_catalog.pg_available_extensions WHERE name OPERATOR(pg_catalog.=) $1",
            EXTENSION,
        )
    )


def fill(db: howdah.Database) -> None:
    """Make the tables, and put rows into them; spots only where the server can have them."""
    db.create_tables(*TABLES)
    assert db.insert_many(Company, [{"name": "Acme"}, {"name": "Brit"}]) == [1, 2]
    assert db.insert_many(Person, [{"company_id": None, "boss_id": None} | one for one in PEOPLE]) == [1, 2, 3, 4]
    assert db.insert_many(Profile, [{"bio": "first", "person_id": 1}, {"bio": "second", "person_id": 2}]) == [1, 2]
    assert db.insert_many(Post, POSTS) == [1, 2, 3, 4]
    assert db.insert_many(Label, [{"name": "steam"}, {"name": "school"}, {"name": "none"}]) == [1, 2, 3]
    between = [{"post_id": 1, "label_id": 1}, {"post_id": 1, "label_id": 2}, {"post_id": 3, "label_id": 2}]
    assert db.insert_many(PostLabel, between) == [(1, 1), (1, 2), (3, 2)]
    if has_vectors(db):
        db.execute(f"CREATE EXTENSION IF NOT EXISTS {EXTENSION}")
        db.create_tables(Spot)
        places = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
        assert db.insert_many(Spot, [{"place": place} for place in places]) == [1, 2, 3]
