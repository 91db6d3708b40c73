"""Yara's models and what is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yara_orm import Model, YaraOrm, fields, in_transaction

from .bars import YARA
from .orm_client import POOL_SIZE, Orm
from .orm_data import PEOPLE, POSTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .orm_data import Row

# Its default, and the quickest of those tried.
ROWS_PER_STATEMENT = 500


class Person(Model):
    """A person."""

    id = fields.BigIntField(pk=True)
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

    id = fields.BigIntField(pk=True)
    title = fields.TextField()
    views = fields.IntField()
    author = fields.ForeignKeyField("Person", related_name="posts")

    class Meta:
        """Where it stands."""

        table = POSTS


class Yara(Orm):
    """Yara ORM."""

    name = YARA

    async def enter(self, url: str) -> None:
        """Make the pool."""
        mark = "&" if "?" in url else "?"
        await YaraOrm.init(f"{url}{mark}min_size={POOL_SIZE}&max_size={POOL_SIZE}", use_tz=True)

    async def leave(self) -> None:
        """Close the pool."""
        await YaraOrm.close()

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

    async def insert_many(self, rows: list[Row]) -> list[int]:
        """Store people in one transaction, and return their keys in the same order."""
        people = [Person(**row) for row in rows]
        if len(people) <= ROWS_PER_STATEMENT:
            await Person.bulk_create(people, batch_size=ROWS_PER_STATEMENT)
        else:
            async with in_transaction():
                await Person.bulk_create(people, batch_size=ROWS_PER_STATEMENT)
        return [person.id for person in people]

    async def fetch(self) -> list[Person]:
        """Return all people."""
        return await Person.all()

    async def authors(self, below: int) -> list[Person]:
        """Return the people whose keys are below a number, each with its posts loaded."""
        return await Person.filter(id__lt=below).prefetch_related("posts")

    async def posts_of(self, person: Any) -> Sequence[Post]:  # noqa: ANN401 (a Person)
        """Return the posts that are loaded of a person."""
        return [post async for post in person.posts]
