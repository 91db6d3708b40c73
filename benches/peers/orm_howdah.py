"""howdah's tables, and what is done with them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import howdah as pg
from howdah import Col, Many, Ref, Table, col

from .bars import HOWDAH
from .orm_client import POOL_SIZE, Orm
from .orm_data import PEOPLE, POSTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .orm_data import Row


class Person(Table):
    """A person."""

    __table__ = PEOPLE

    id: Col[int] = pg.identity()
    name: Col[str]
    email: Col[str] = col(unique=True)
    age: Col[int] = col(type="integer")
    score: Col[float]
    active: Col[bool]
    created: Col[dt.datetime]
    meta: Col[dict[str, Any]]
    posts: Many[Post] = pg.many(via="author")


class Post(Table):
    """A post of a person."""

    __table__ = POSTS

    id: Col[int] = pg.identity()
    title: Col[str]
    views: Col[int] = col(type="integer")
    author: Ref[Person] = pg.ref()


class Howdah(Orm):
    """``AsyncDatabase`` and ``Table``."""

    name = HOWDAH

    async def enter(self, url: str) -> None:
        """Make the database."""
        self._database = pg.AsyncDatabase(url, min_size=POOL_SIZE, max_size=POOL_SIZE)

    async def leave(self) -> None:
        """Close the database."""
        await self._database.close()

    async def first_ten(self) -> list[Person]:
        """Return up to ten people."""
        return await self._database.find(Person).limit(10).to_list()

    async def get(self, key: int) -> Person:
        """Return the person with a key."""
        return await self._database.get(Person, key)

    async def save(self, row: Row) -> Person:
        """Make a person, store it, and return it with its key."""
        return await self._database.save(Person(**row))

    async def update(self, key: int, score: float) -> None:
        """Load a person, change its score, and store that."""
        person = await self._database.get(Person, key)
        person.score = score
        await self._database.save(person)

    async def insert_many(self, rows: list[Row]) -> list[int]:
        """Store people in one transaction, and return their keys in the same order."""
        return await self._database.insert_many(Person, rows)

    async def fetch(self) -> list[Person]:
        """Return all people."""
        return await self._database.find(Person).to_list()

    async def authors(self, below: int) -> list[Person]:
        """Return the people whose keys are below a number, each with its posts loaded."""
        return await self._database.find(Person, Person.id < below).load(Person.posts).to_list()

    async def posts_of(self, person: Any) -> Sequence[Post]:  # noqa: ANN401 (a Person)
        """Return the posts that are loaded of a person."""
        posts: list[Post] = person.posts
        return posts

    async def frame(self) -> Any:  # noqa: ANN401 (polars is an extra)
        """Return the people as a polars DataFrame, without the JSON."""
        query = self._database.find(Person).select(
            Person.id, Person.name, Person.email, Person.age, Person.score, Person.active, Person.created
        )
        return await query.to_polars()
