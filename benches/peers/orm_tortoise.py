"""Tortoise's models, by its asyncpg backend, and what is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from tortoise import Tortoise, fields
from tortoise.models import Model

from .bars import TORTOISE
from .orm_client import POOL_SIZE, Orm
from .orm_data import PEOPLE, POSTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .orm_data import Row


class Person(Model):
    """A person."""

    id = fields.BigIntField(primary_key=True)
    name = fields.TextField()
    email = fields.CharField(max_length=200, unique=True)
    age = fields.IntField()
    score = fields.FloatField()
    active = fields.BooleanField()
    created = fields.DatetimeField()
    meta = fields.JSONField()

    class Meta:
        """Where it stands."""

        table = PEOPLE


class Post(Model):
    """A post of a person."""

    id = fields.BigIntField(primary_key=True)
    title = fields.TextField()
    views = fields.IntField()
    author = fields.ForeignKeyField("bench.Person", related_name="posts", source_field="author_id")

    class Meta:
        """Where it stands."""

        table = POSTS


class TortoiseOrm(Orm):
    """Tortoise ORM."""

    name = TORTOISE

    async def enter(self, url: str) -> None:
        """Make the pool."""
        parts = urlsplit(url)
        query = f"minsize={POOL_SIZE}&maxsize={POOL_SIZE}"
        address = urlunsplit(parts._replace(scheme="asyncpg", query=query))
        await Tortoise.init(db_url=address, modules={"bench": [__name__]}, use_tz=True, timezone="UTC")

    async def leave(self) -> None:
        """Close the pool."""
        await Tortoise.close_connections()

    async def first_ten(self) -> list[Person]:
        """Return up to ten people."""
        return await Person.all().limit(10)

    async def get(self, key: int) -> Person:
        """Return the person with a key."""
        return await Person.get(id=key)

    async def save(self, row: Row) -> Person:
        """Make a person, store it, and return it with its key."""
        return await Person.create(**row)

    async def update(self, key: int, score: float) -> None:
        """Load a person, change its score, and store that."""
        person = await Person.get(id=key)
        person.score = score
        await person.save(update_fields=["score"])

    async def insert_many(self, rows: list[Row]) -> None:
        """Store people in one transaction; their keys stay at the server."""
        await Person.bulk_create([Person(**row) for row in rows])

    async def fetch(self) -> list[Person]:
        """Return all people."""
        return await Person.all()

    async def authors(self, below: int) -> list[Person]:
        """Return the people whose keys are below a number, each with its posts loaded."""
        return await Person.filter(id__lt=below).prefetch_related("posts")

    async def posts_of(self, person: Any) -> Sequence[Post]:  # noqa: ANN401 (a Person)
        """Return the posts that are loaded of a person."""
        return list(person.posts)
