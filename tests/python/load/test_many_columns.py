"""Errors list only the first columns, and many columns are refused as fast as a few."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

NAMES = [f"column_{n}" for n in range(100_000)]
FORMS: dict[str, Callable[[], Any]] = {
    "frame": lambda: pa.table({name: pa.nulls(1, pa.int32()) for name in NAMES}),
    "dict": lambda: [dict.fromkeys(NAMES, 1)],
    "key too many": lambda: [{"n": 1}, dict.fromkeys(["n", *NAMES], 1)],
    "other keys": lambda: [dict.fromkeys(NAMES, 1), dict.fromkeys([*NAMES[1:], *NAMES[:1], "n"], 1)],
}


@pytest.mark.parametrize(
    ("form", "mode"), [("frame", "append"), ("dict", "append"), ("frame", "create"), ("dict", "create")]
)
def test_many_unknown_columns_are_refused_by_a_short_message(
    db: howdah.Database, sql: Sql, form: str, mode: Any
) -> None:
    sql("CREATE TABLE t (n int, wanted int NOT NULL)")
    data = FORMS[form]()
    began = time.process_time()
    with pytest.raises(howdah.ProgrammingError) as caught:
        db.load("t" if mode == "append" else "made", data, mode=mode)
    # It took ten seconds and more when each name was looked for among all others.
    assert time.process_time() - began < 5
    message = str(caught.value)
    assert len(message) < 3000
    if mode == "append":
        assert '"column_19" is unknown' in message
        assert '"column_20"' not in message
        assert message.endswith("… and 99981 more")
    else:
        assert "1600" in message


@pytest.mark.parametrize("form", ["key too many", "other keys"])
def test_row_with_many_other_keys_is_refused_at_once(db: howdah.Database, sql: Sql, form: str) -> None:
    sql("CREATE TABLE t (n int)")
    data = FORMS[form]()
    began = time.process_time()
    with pytest.raises(howdah.Error):
        db.load("t", data)
    assert time.process_time() - began < 5


def test_many_renames_that_name_nothing_are_refused_by_a_short_message(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (n int)")
    with pytest.raises(howdah.ProgrammingError, match="and 99980 more") as caught:
        db.load("t", pa.table({"n": [1]}), columns=dict.fromkeys(NAMES, "n"))
    assert len(str(caught.value)) < 3000
