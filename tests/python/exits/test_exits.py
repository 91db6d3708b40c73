"""Processes end without a crash or a message, whatever howdah is doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.python.exits.programs import EXPECTED
from tests.python.exits.runs import failures

if TYPE_CHECKING:
    import howdah

# On the code before, a failed connection ended wrongly in each run on one core, and a daemon thread's load in one of
# six; `python -m tests.python.exits.runs` runs each 200 times.
RUNS = 4


@pytest.mark.parametrize("kind", EXPECTED)
def test_process_that_ends_while_at_work_ends_as_if_it_were_not(kind: str, url: str, db: howdah.Database) -> None:
    db.execute("CREATE TABLE ends (a int)")
    assert list(failures(kind, url, RUNS)) == []
