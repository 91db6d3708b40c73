"""The program that type checkers accept also runs: tests/typing/program.py with a server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.python.versions import wants
from tests.typing import program

if TYPE_CHECKING:
    from tests.python.conftest import Sql


def test_the_program_that_is_typed_runs_to_its_end(url: str, sql: Sql) -> None:
    wants("vector", sql)
    wants("btree_gist", sql)
    asyncio.run(program.main(url))
