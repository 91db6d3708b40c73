"""SQLAlchemy's declarative classes under asyncio, by its asyncpg dialect, and what is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from sqlalchemy import BigInteger, Boolean, DateTime, Double, ForeignKey, Identity, Integer, Text, insert, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, mapped_column, relationship, selectinload

from .bars import SQLALCHEMY
from .orm_client import POOL_SIZE, Orm
from .orm_data import FRAME_COLUMNS, PEOPLE, POSTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .orm_data import Row


class Base(DeclarativeBase):
    """What all classes have."""


class Person(Base):
    """A person."""

    __tablename__ = PEOPLE

    id = mapped_column(BigInteger, Identity(), primary_key=True)
    name = mapped_column(Text, nullable=False)
    email = mapped_column(Text, nullable=False, unique=True)
    age = mapped_column(Integer, nullable=False)
    score = mapped_column(Double, nullable=False)
    active = mapped_column(Boolean, nullable=False)
    created = mapped_column(DateTime(timezone=True), nullable=False)
    meta = mapped_column(JSONB, nullable=False)
    posts = relationship("Post", back_populates="author")


class Post(Base):
    """A post of a person."""

    __tablename__ = POSTS

    id = mapped_column(BigInteger, Identity(), primary_key=True)
    title = mapped_column(Text, nullable=False)
    views = mapped_column(Integer, nullable=False)
    author_id = mapped_column(BigInteger, ForeignKey(Person.id), nullable=False)
    author = relationship(Person, back_populates="posts")


class Sqlalchemy(Orm):
    """A session for each thing done; what is written is committed, what is read needs no commit."""

    name = SQLALCHEMY

    async def enter(self, url: str) -> None:
        """Make the engine; statements are prepared and cached, as they are by default."""
        address = url.replace("postgresql://", "postgresql+asyncpg://", 1)
        self._engine = create_async_engine(address, pool_size=POOL_SIZE, max_overflow=0)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    async def leave(self) -> None:
        """Close the engine."""
        await self._engine.dispose()

    async def first_ten(self) -> Sequence[Person]:
        """Return up to ten people."""
        async with self._sessions() as session:
            return (await session.scalars(select(Person).limit(10))).all()

    async def get(self, key: int) -> Person | None:
        """Return the person with a key."""
        async with self._sessions() as session:
            return await session.get(Person, key)

    async def save(self, row: Row) -> Person:
        """Make a person, store it, and return it with its key."""
        async with self._sessions.begin() as session:
            person = Person(**row)
            session.add(person)
        return person

    async def update(self, key: int, score: float) -> None:
        """Load a person, change its score, and store that."""
        async with self._sessions.begin() as session:
            person = await session.get_one(Person, key)
            person.score = score

    async def insert_many(self, rows: list[Row]) -> Sequence[int]:
        """Store people in one transaction, and return their keys in the same order."""
        statement = insert(Person).returning(Person.id, sort_by_parameter_order=True)
        async with self._sessions.begin() as session:
            return (await session.scalars(statement, rows)).all()

    async def fetch(self) -> Sequence[Person]:
        """Return all people."""
        async with self._sessions() as session:
            return (await session.scalars(select(Person))).all()

    async def authors(self, below: int) -> Sequence[Person]:
        """Return the people whose keys are below a number, each with its posts loaded."""
        query = select(Person).where(Person.id < below).options(selectinload(Person.posts))
        async with self._sessions() as session:
            return (await session.scalars(query)).all()

    async def posts_of(self, person: Any) -> Sequence[Post]:  # noqa: ANN401 (a Person)
        """Return the posts that are loaded of a person."""
        return person.posts

    async def frame(self) -> pl.DataFrame:
        """Return the people as a polars DataFrame, without the JSON."""
        query = select(*(getattr(Person, name) for name in FRAME_COLUMNS))
        # A connection does with less than a session.
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return pl.DataFrame(rows, schema=list(FRAME_COLUMNS), orient="row", infer_schema_length=1)
