"""The tutorial's tables with their rows, and a SQLAlchemy session for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa

import howdah
from tests.python.tutorial.tables import ADDRESSES, USERS, Address, User

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def db(url: str) -> Iterator[howdah.Database]:
    """Give a database with the tables and rows."""
    with howdah.Database(url) as database:
        database.create_tables(User, Address)
        assert database.insert_many(User, USERS) == [1, 2, 3, 4, 5]
        assert database.insert_many(Address, ADDRESSES) == [1, 2, 3, 4, 5]
        yield database


@pytest.fixture
def engine(db: howdah.Database, url: str) -> Iterator[Any]:
    """Give SQLAlchemy's engine on the same schema."""
    assert db.stats().opened
    made = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    yield made
    made.dispose()
