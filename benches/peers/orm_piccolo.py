"""Piccolo's tables, by its asyncpg engine, and what is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from piccolo.columns import (
    JSONB,
    BigInt,
    BigSerial,
    Boolean,
    DoublePrecision,
    Integer,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table

from .bars import PICCOLO
from .orm_client import POOL_SIZE, Orm
from .orm_data import PEOPLE, POSTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .orm_data import Row

# asyncpg takes 32,767 parameters in one statement; a person has 7.
ROWS_PER_STATEMENT = 4_000


class Person(Table, tablename=PEOPLE):  # type: ignore[call-arg]
    """A person."""

    id = BigSerial(primary_key=True)
    name = Text()
    email = Varchar(unique=True)
    age = Integer()
    score = DoublePrecision()
    active = Boolean()
    created = Timestamptz()
    meta = JSONB()


class Post(Table, tablename=POSTS):  # type: ignore[call-arg]
    """A post of a person."""

    id = BigSerial(primary_key=True)
    title = Text()
    views = Integer()
    author_id = BigInt()


class Piccolo(Orm):
    """Piccolo, with its pool."""

    name = PICCOLO

    async def enter(self, url: str) -> None:
        """Make the pool."""
        self._engine = PostgresEngine(config={"dsn": url})
        for table in (Person, Post):
            table._meta.db = self._engine  # noqa: SLF001 (its documented place)
        await self._engine.start_connection_pool(min_size=POOL_SIZE, max_size=POOL_SIZE)

    async def leave(self) -> None:
        """Close the pool."""
        await self._engine.close_connection_pool()

    async def first_ten(self) -> list[Person]:
        """Return up to ten people."""
        return await Person.objects().limit(10)

    async def get(self, key: int) -> Person | None:
        """Return the person with a key."""
        return await Person.objects().output(load_json=True).where(Person.id == key).first()

    async def save(self, row: Row) -> Person:
        """Make a person, store it, and return it with its key."""
        person = Person(**row)
        await person.save()
        return person

    async def update(self, key: int, score: float) -> None:
        """Load a person, change its score, and store that."""
        person = await Person.objects().output(load_json=True).where(Person.id == key).first()
        person.score = score
        await person.save([Person.score])

    async def insert_many(self, rows: list[Row]) -> list[int]:
        """Store people in one transaction, and return their keys in the same order."""
        if len(rows) <= ROWS_PER_STATEMENT:
            return [found["id"] for found in await self._insert(rows)]
        keys: list[int] = []
        async with self._engine.transaction():
            for start in range(0, len(rows), ROWS_PER_STATEMENT):
                found = await self._insert(rows[start : start + ROWS_PER_STATEMENT])
                keys.extend(one["id"] for one in found)
        return keys

    async def _insert(self, rows: list[Row]) -> list[Row]:
        found: list[Row] = await Person.insert(*[Person(**row) for row in rows])
        return found

    async def fetch(self) -> list[Person]:
        """Return all people."""
        return await Person.objects().output(load_json=True)

    async def authors(self, below: int) -> list[Person]:
        """Return the people whose keys are below a number, each with its posts: it loads no collections of its own."""
        people = await Person.objects().output(load_json=True).where(Person.id < below)
        by_key = {person.id: person for person in people}
        for person in people:
            person.posts = []
        for post in await Post.objects().where(Post.author_id.is_in(list(by_key))):
            by_key[post.author_id].posts.append(post)
        return people

    async def posts_of(self, person: Any) -> Sequence[Post]:  # noqa: ANN401 (a Person)
        """Return the posts that are loaded of a person."""
        return person.posts
