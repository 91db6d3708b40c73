"""Fixtures of the type tests: a column of the type, and every way to write and read it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pytest

if TYPE_CHECKING:
    import howdah
    from tests.python.conftest import Sql

Road = Literal["rows", "tuples", "arrow"]


class Column:
    """A table with a column `v` of one type, made anew for each load."""

    def __init__(self, db: howdah.Database, sql: Sql) -> None:
        """Look at it through `sql`, and load it through `db`."""
        self.db, self.sql = db, sql
        self._serial = itertools.count()
        self.table = ""
        sql("SET TimeZone = 'UTC'")

    def load(self, declaration: str, values: list[Any] | pa.Array, road: Road = "arrow") -> list[str | None]:
        """Load values into a new table; give the texts that the server shows for them."""
        self.table = f"t{next(self._serial)}"
        self.sql(f"CREATE TABLE {self.table} (n int4, v {declaration})")
        if road == "arrow":
            self.db.load(self.table, pa.table({"n": range(len(values)), "v": values}))
        elif road == "rows":
            self.db.load(self.table, [{"n": n, "v": value} for n, value in enumerate(values)])
        else:
            self.db.load(self.table, iter(enumerate(values)))
        return [text for (text,) in self.sql(f"SELECT v::text FROM {self.table} ORDER BY n")]

    def store(self, declaration: str, texts: list[str | None]) -> None:
        """Let the server itself make values of texts."""
        self.table = f"t{next(self._serial)}"
        self.sql(f"CREATE TABLE {self.table} (n int4, v {declaration})")
        for n, text in enumerate(texts):
            self.sql(f"INSERT INTO {self.table} VALUES (%s, %s::text::{declaration})", n, text)

    def read(self, **options: Any) -> pa.ChunkedArray:
        """Read the column back."""
        table = self.db.read(f"SELECT v FROM {self.table} ORDER BY n", **options).to_arrow()
        return table.column("v").combine_chunks()

    def round_trip(self, declaration: str, arrow: pa.DataType, pairs: list[tuple[Any, str]], road: Road) -> None:
        """Check values and NULLs, there and back, and an array of them."""
        values = [None, *(value for value, _ in pairs), None]
        texts = [None, *(text for _, text in pairs), None]
        given = pa.array(values, arrow) if road == "arrow" else values
        assert self.load(declaration, given, road) == texts
        back = self.read()
        assert back.type == arrow
        assert back.equals(pa.array(values, arrow)), back
        self._array_round_trip(declaration, arrow, (values, texts), road)

    def _array_round_trip(
        self, declaration: str, arrow: pa.DataType, known: tuple[list[Any], list[Any]], road: Road
    ) -> None:
        values, texts = known
        lists = [values, None, [], [None], [values[1]]]
        given = as_list(lists, arrow) if road == "arrow" else lists
        self.load(f"{declaration}[]", given, road)
        elements = self.sql(
            f"SELECT i::int, e::text FROM {self.table} CROSS JOIN unnest(v) WITH ORDINALITY AS u (e, i) "
            "WHERE n = 0 ORDER BY i"
        )
        assert elements == list(enumerate(texts, 1))
        assert self.sql(f"SELECT cardinality(v) FROM {self.table} ORDER BY n") == [
            (len(values),),
            (None,),
            (0,),
            (1,),
            (1,),
        ]
        back = self.read()
        assert pa.types.is_list(back.type)
        assert back.type.value_type == arrow
        assert back.equals(as_list(lists, arrow)), back


def as_list(lists: list[Any], arrow: pa.DataType) -> pa.ListArray:
    """Build a list array; pyarrow itself builds none of extension types."""
    flat = [item for items in lists for item in items or ()]
    ends = list(itertools.accumulate(len(items or ()) for items in lists))
    missing = [items is None for items in lists] + [False]
    offsets = pa.array([None if gone else at for at, gone in zip([0, *ends], missing, strict=True)], pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(flat, arrow), type=pa.list_(pa.field("item", arrow)))


@pytest.fixture
def column(db: howdah.Database, sql: Sql) -> Column:
    """Give the column to test."""
    return Column(db, sql)
