"""Objects that are not rows, and sources that do not contain rows."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest

from howdah import ConversionError, ProgrammingError
from tests.python.case import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    import howdah
    from tests.python.conftest import Sql
    from tests.python.load.conftest import Refused

Pair = namedtuple("Pair", ["id", "name"])  # noqa: PYI024  (the untyped kind is tested too)
Longer = namedtuple("Longer", ["id", "name", "age"])  # noqa: PYI024
Other = namedtuple("Other", ["id", "nmae"])  # noqa: PYI024
Turned = namedtuple("Turned", ["name", "id"])  # noqa: PYI024
Alone = namedtuple("Alone", ["id"])  # noqa: PYI024


@dataclass
class Person:
    """A row."""

    id: int
    name: str


@dataclass
class Elder(Person):
    """A row with a field more."""

    age: int = 90


@dataclass
class Nameless:
    """A row with a field less."""

    id: int


@pytest.fixture(autouse=True)
def people(sql: Sql) -> None:
    """Make a table with a row in it."""
    sql("CREATE TABLE t (id int, name text)")
    sql("INSERT INTO t VALUES (1, 'Ada')")


@pytest.mark.parametrize(
    "rows",
    [
        [(1, "a"), (2, "b"), (3,)],
        [(1, "a"), (2, "b"), (3, "c", "d")],
        [(1, "a"), (2, "b"), ()],
        [[1, "a"], [2, "b"], [3, "c", "d"]],
        [{"id": 1}, {"id": 2}, None],
        [(1, "a"), (2, "b"), None],
        [Person(1, "a"), Person(2, "b"), None],
        [{"id": 1}, {"id": 2}, (3,)],
        [(1, "a"), (2, "b"), {"id": 3, "name": "c"}],
        [(1, "a"), (2, "b"), "cd"],
        [Person(1, "a"), Person(2, "b"), {"id": 3, "name": "c"}],
        [{"id": 1}, {"id": 2}, {"id": 3, "name": "c"}],
        [{"id": 1}, {"id": 2}, {"name": "c"}],
        [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3}],
        [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "nmae": "c"}],
        [{"id": 1}, {"id": 2}, {}],
        [{"id": 1}, {"id": 2}, 3],
        [Pair(1, "a"), Pair(2, "b"), Longer(3, "c", 4)],
        [Pair(1, "a"), Pair(2, "b"), Other(3, "c")],
        [(1, "a"), (2, "b"), Turned("c", 3)],
        [(1, "a"), (2, "b"), Other(3, "c")],
        [Person(1, "a"), Person(2, "b"), Elder(3, "c")],
        [Person(1, "a"), Person(2, "b"), Nameless(3)],
        [Person(1, "a"), Person(2, "b"), SimpleNamespace(id=3, name="c", age=4)],
    ],
    ids=str,
)
def test_row_unlike_the_first_is_named(refused: Refused, rows: list[Any]) -> None:
    error = refused(ConversionError, rows, row=2)
    assert "2" in str(error)


@pytest.mark.parametrize("mode", ["append", "create"])
@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([Pair(1, "a"), Longer(2, "b", 3)], '"age" is not among the names of the first row'),
        ([Pair(1, "a"), Other(2, "b")], "no value for this column"),
        ([Pair(1, "a"), Turned("b", 2), Alone(3)], "no value for this column"),
        ([Person(1, "a"), Elder(2, "b")], '"age" is not among the names of the first row'),
        ([Person(1, "a"), Nameless(2)], "no value for this column"),
    ],
    ids=["field more", "other field", "field less", "field more of a dataclass", "field less of a dataclass"],
)
def test_row_of_a_class_with_other_fields_is_refused(
    db: howdah.Database, sql: Sql, rows: list[Any], says: str, mode: Any
) -> None:
    with pytest.raises(ConversionError, match=says):
        db.load("made" if mode == "create" else "t", rows, mode=mode)
    assert sql("SELECT id FROM t") == [(1,)]
    assert sql("SELECT to_regclass('made')") == [(None,)]


@pytest.mark.parametrize("first", [None, 1, "ab", b"ab", 1.5, Person], ids=str)
def test_first_row_that_is_none_is_named(refused: Refused, first: object) -> None:
    refused(ConversionError, [first], row=0)


@pytest.mark.parametrize("data", [5, None, "rows", b"rows", 1.5, object(), {"id": [1]}, Person(1, "x")], ids=shown)
def test_data_that_is_no_rows_is_refused(refused: Refused, data: object) -> None:
    refused(ConversionError, data)


def test_tuple_of_another_length_than_the_table_is_refused_at_once(refused: Refused) -> None:
    refused(ConversionError, [(1, "a", "b")], row=0)


def test_key_that_is_no_text_is_refused(db: howdah.Database, sql: Sql) -> None:
    with pytest.raises(ConversionError, match="column names of type str, got a key of type int"):
        db.load("t", [{1: 1}])
    assert sql("SELECT count(*) FROM t") == [(1,)]


@pytest.mark.parametrize("mode", ["append", "truncate", "upsert"])
@pytest.mark.parametrize(
    "empty",
    [
        list,
        tuple,
        lambda: iter(()),
        lambda: pa.table({"id": pa.array([], pa.int32()), "name": pa.array([], pa.string())}),
        lambda: pl.DataFrame(schema={"id": pl.Int64, "name": pl.String}),
        lambda: pa.schema({"id": pa.int64()}).empty_table(),
        lambda: pa.table({}),
        pl.DataFrame,
    ],
    ids=[
        "list",
        "tuple",
        "iterator",
        "arrow",
        "polars",
        "one column",
        "arrow without columns",
        "polars without columns",
    ],
)
def test_data_without_rows_stores_none(db: howdah.Database, sql: Sql, mode: Any, empty: Any) -> None:
    sql("ALTER TABLE t ADD PRIMARY KEY (id)")
    report = db.load("t", empty(), mode=mode, key="id" if mode == "upsert" else ())
    assert (report.rows, report.inserted, report.updated) == (0, 0, 0)
    assert sql("SELECT count(*) FROM t") == [(0 if mode == "truncate" else 1,)]


@pytest.mark.parametrize("empty", [[], pa.table({}), pl.DataFrame()], ids=["list", "arrow", "polars"])
def test_create_from_data_without_columns_is_refused(db: howdah.Database, sql: Sql, empty: Any) -> None:
    with pytest.raises(ProgrammingError):
        db.load("new", empty, mode="create")
    assert sql("SELECT to_regclass('new')") == [(None,)]


def test_create_from_an_empty_frame_makes_an_empty_table(db: howdah.Database, sql: Sql) -> None:
    assert db.load("new", pl.DataFrame(schema={"a": pl.Int64, "B c": pl.String}), mode="create").rows == 0
    assert sql('SELECT a, "B c" FROM new') == []


@pytest.mark.parametrize("rows", [[{}], [{}, {}], [()]], ids=str)
def test_rows_without_columns_are_refused(db: howdah.Database, sql: Sql, rows: Any) -> None:
    with pytest.raises((ProgrammingError, ConversionError)):
        db.load("t", rows)
    assert sql("SELECT count(*) FROM t") == [(1,)]


def test_frame_with_rows_and_no_columns_is_refused(refused: Refused) -> None:
    batch = pa.record_batch({"id": [1, 2]}).select([])
    assert batch.num_rows == 2
    refused(ProgrammingError, batch)


class Boom(Exception):  # noqa: N818  (it is what it says)
    """What a caller's own generator raises."""


@pytest.mark.parametrize("at", [0, 1, 100_000])
@pytest.mark.parametrize("mode", ["append", "truncate", "replace", "upsert"])
def test_generator_that_raises_raises_its_own_error(db: howdah.Database, sql: Sql, at: int, mode: Any) -> None:
    sql("ALTER TABLE t ADD PRIMARY KEY (id)")
    before = sql("SELECT xmin::text, t::text FROM t")
    boom = Boom("mine")

    def rows() -> Iterator[Pair]:
        for number in range(at):
            yield Pair(number + 2, "x")
        raise boom

    with pytest.raises(Boom) as caught:
        db.load("t", rows(), mode=mode, key="id" if mode == "upsert" else ())
    assert caught.value is boom
    assert sql("SELECT xmin::text, t::text FROM t") == before
    assert db.load("t", [Pair(2, "b")]).rows == 1


def test_generator_that_raises_leaves_no_new_table(db: howdah.Database, sql: Sql) -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"id": 1}
        raise Boom

    with pytest.raises(Boom):
        db.load("new", rows(), mode="create")
    assert sql("SELECT to_regclass('new')") == [(None,)]


def test_arrow_stream_that_raises_leaves_the_table(db: howdah.Database, sql: Sql) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"id": pa.array([2], pa.int32())})
        message = "mine"
        raise Boom(message)

    reader = pa.RecordBatchReader.from_batches(pa.schema({"id": pa.int32()}), batches())
    with pytest.raises(Exception, match="mine"):
        db.load("t", reader)
    assert sql("SELECT id FROM t") == [(1,)]


def test_mapping_that_raises_raises_its_own_error(db: howdah.Database, sql: Sql) -> None:
    class Broken(dict[str, int]):
        def __iter__(self) -> Iterator[str]:
            raise Boom

    with pytest.raises(Boom):
        db.load("t", [Broken(id=1)])
    assert sql("SELECT id FROM t") == [(1,)]


class Odd(Mapping[str, int]):
    """A mapping that raises what it is told to when it is asked for a value."""

    def __init__(self, error: Exception) -> None:
        """Keep what is raised."""
        self.error = error

    def __getitem__(self, key: str) -> int:
        """Raise."""
        raise self.error

    def __iter__(self) -> Iterator[str]:
        """Tell the keys."""
        return iter(["id"])

    def __len__(self) -> int:
        """Count the keys."""
        return 1


class Property:
    """What is not there, or raises, of a row that is a dataclass."""

    def __init__(self, error: Exception) -> None:
        """Keep what is raised."""
        self.error = error

    def __get__(self, row: object, kind: type) -> int:
        """Raise."""
        raise self.error


def odd(error: Exception) -> Any:
    """Make a row of a class with a field that raises."""
    kind: Any = dataclass(type("Kind", (), {"__annotations__": {"id": int}}))
    kind.id = Property(error)
    return object.__new__(kind)


@pytest.mark.parametrize("before", [0, 1])
def test_value_that_raises_raises_its_own_error(db: howdah.Database, sql: Sql, before: int) -> None:
    boom = Boom("mine")
    for rows in ([{"id": 2}] * before + [Odd(boom)], [odd(boom)]):
        with pytest.raises(Boom) as caught:
            db.load("t", rows)
        assert caught.value is boom
    assert sql("SELECT id FROM t") == [(1,)]


@pytest.mark.parametrize("row", [Odd(KeyError("id")), odd(AttributeError("id"))], ids=["mapping", "dataclass"])
def test_value_that_is_not_there_is_named_by_its_column(refused: Refused, row: Any) -> None:
    refused(ConversionError, [row], column="id", row=0, says=("no value",))
