"""What type checkers accept runs, too: tests/typing/program.py against a server."""

from __future__ import annotations

import asyncio

from tests.typing import program


def test_the_program_that_is_typed_runs_to_its_end(url: str) -> None:
    asyncio.run(program.main(url))
