"""A table of riders, and a database that is rolled back, in the schema of each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import howdah
from howdah import Col, Table

if TYPE_CHECKING:
    from tests.python.conftest import Sql


class Rider(Table):
    id: Col[int] = howdah.identity()
    name: Col[str] = howdah.col(unique=True)


@pytest.fixture
def howdah_url(url: str, sql: Sql) -> str:
    """Let the plugin's database be in the test's schema, with a table in it."""
    for statement in howdah.ddl(Rider).split(";"):
        if statement.strip():
            sql(statement)
    return url
