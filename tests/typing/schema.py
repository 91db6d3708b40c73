"""The tables that the other files here ask for."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import howdah as pg
from howdah import Col, Many, One, Range, Ref, Table, Vector


class Status(StrEnum):
    active = "active"
    banned = "banned"


class Company(Table):
    id: Col[int] = pg.identity()
    name: Col[str]
    users: Many[User] = pg.many(via="company")


class User(Table):
    id: Col[int] = pg.identity()
    email: Col[str] = pg.col(unique=True)
    name: Col[str] = pg.col(index=True)
    age: Col[int | None] = pg.col(default=None, check="age >= 0")
    score: Col[int] = pg.col(default=0)
    balance: Col[Decimal] = pg.col(default=Decimal(0), precision=12, scale=2)
    status: Col[Status] = pg.col(default=Status.active)
    tags: Col[list[str]] = pg.col(default_factory=list, index="gin")
    meta: Col[dict[str, Any]] = pg.col(default_factory=dict)
    embedding: Col[Vector | None] = pg.col(default=None, dim=3)
    seen: Col[Range[dt.datetime] | None] = pg.col(default=None)
    token: Col[uuid.UUID] = pg.server_default("gen_random_uuid()")
    active: Col[bool] = pg.col(default=True)
    name_lower: Col[str] = pg.generated("lower(name)")
    created_at: Col[dt.datetime] = pg.server_default("now()")
    company: Ref[Company] = pg.ref(default=None)
    posts: Many[Post] = pg.many(via="author")
    profile: One[Profile] = pg.one(via="user")


class Profile(Table):
    id: Col[int] = pg.identity()
    bio: Col[str]
    user: Ref[User] = pg.ref(unique=True, on_delete="cascade")


class Post(Table):
    id: Col[int] = pg.identity()
    title: Col[str]
    views: Col[int] = pg.col(default=0)
    author: Ref[User] = pg.ref(on_delete="cascade")


class Book(Table):
    """Its constructor takes the author, or the author's key; there may be no editor."""

    id: Col[int] = pg.identity()
    title: Col[str]
    price: Col[Decimal] = pg.col(default=Decimal(0))
    reduced: Col[Decimal | None] = pg.col(default=None)
    copies: Col[int] = pg.col(default=1)
    sold: Col[int | None] = pg.col(default=None)
    weight: Col[float] = pg.col(default=0.0)
    printed: Col[dt.date | None] = pg.col(default=None)
    author: Ref[User] = pg.ref(default=pg.EITHER)
    author_id: Col[int] = pg.col(default=pg.EITHER)
    editor: Ref[User | None] = pg.ref(default=None)
    editor_id: Col[int | None] = pg.col(default=None)


class Loan(Table):
    """Its constructor takes the key alone."""

    id: Col[int] = pg.identity()
    book: Ref[Book] = pg.ref(init=False)
    book_id: Col[int]


class Review(Table):
    """Its constructor takes the book alone; its key is known all the same."""

    id: Col[int] = pg.identity()
    book: Ref[Book]
    book_id: Col[int] = pg.col(init=False)


class Plain(Table):
    """Its annotations are those of its objects alone."""

    code: Col[str] = pg.col(primary_key=True)
    size: int
    note: str | None = None


@dataclass(slots=True)
class Shape:
    id: int
    name: str
