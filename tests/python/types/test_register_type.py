"""`register_type`: the user's functions convert the values of a type, by every path of Python values."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pytest

import howdah

if TYPE_CHECKING:
    from tests.python.conftest import Sql


@dataclasses.dataclass(frozen=True)
class Money:
    cents: int


class Pair(NamedTuple):
    n: int
    label: str | None


@dataclasses.dataclass
class Wrong:
    n: int
    name: str


def encode(value: Money) -> str:
    return f"{value.cents // 100}.{value.cents % 100:02}"


def decode(text: str) -> Money:
    return Money(int(text.replace("$", "").replace(".", "")))


@pytest.fixture
def made(sql: Sql) -> None:
    sql("CREATE TYPE mood AS ENUM ('calm', 'wild')")
    sql("CREATE TYPE pair AS (n int, label text)")
    sql("CREATE TYPE felt AS (at int, mood mood)")
    sql("CREATE DOMAIN temper AS mood")


@pytest.mark.usefixtures("made")
def test_functions_convert_by_every_path(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, price money, mood mood, moods mood[], felt felt, temper temper)")
    db.register_type("money", encode=encode, decode=decode)
    db.register_type("mood", encode=str.lower, decode=str.upper)
    row = {
        "id": 1,
        "price": Money(150),
        "mood": "CALM",
        "moods": ["WILD", None],
        "felt": {"at": 1, "mood": "WILD"},
        "temper": "CALM",
    }
    nothing = dict.fromkeys(row) | {"id": 2}
    insert = "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)"
    db.execute(insert, *row.values())
    db.execute_many(insert, [list(nothing.values())])
    assert sql("SELECT price::text, mood::text, moods::text, felt::text, temper::text FROM t ORDER BY id") == [
        ("$1.50", "calm", "{wild,NULL}", "(1,wild)", "calm"),
        (None,) * 5,
    ]
    everything = "SELECT * FROM t ORDER BY id"
    # The server reports a domain in a result as its base type.
    assert db.fetch(everything) == [row, nothing]
    assert db.fetch_one(everything) == row
    assert list(db.stream(everything)) == [row, nothing]
    assert db.fetch_value("SELECT price FROM t WHERE id = 1") == Money(150)
    sql("TRUNCATE t")
    db.load("t", [row, nothing])
    db.load("t", [tuple(row.values())])
    assert db.fetch("SELECT * FROM t ORDER BY id, mood") == [row, row, nothing]
    assert db.read(everything).to_arrow().column("mood").to_pylist() == ["calm", "calm", None]


@pytest.mark.usefixtures("made")
def test_class_is_made_of_a_composite_value(db: howdah.Database, sql: Sql) -> None:
    db.register_type("pair", into=Pair)
    assert db.fetch_value("SELECT $1::pair", Pair(1, None)) == Pair(1, None)
    assert db.fetch_value("SELECT $1::pair[]", [Pair(1, "a"), None]) == [Pair(1, "a"), None]
    sql("CREATE TABLE t (v pair)")
    db.load("t", [{"v": Pair(2, "b")}])
    assert db.fetch("SELECT v FROM t") == [{"v": Pair(2, "b")}]
    db.register_type("pair", into=Wrong)
    with pytest.raises(howdah.ProgrammingError, match=r"pair has the fields n, label: .*label"):
        db.fetch_value("SELECT ROW(1, 'a')::pair")
    db.register_type("money", into=Pair)
    with pytest.raises(howdah.ProgrammingError, match="money is not a composite type"):
        db.fetch_value("SELECT 1::money")


@pytest.mark.usefixtures("made")
def test_statements_that_are_prepared_already_are_converted(db: howdah.Database) -> None:
    query = "SELECT 'calm'::mood"
    assert db.fetch_value(query) == "calm"
    db.register_type("mood", decode=str.upper)
    assert db.fetch_value(query) == "CALM"
    db.register_type("mood", decode=str.title)
    assert db.fetch_value(query) == "Calm"


@pytest.mark.usefixtures("made")
def test_schema_in_the_name_means_the_type_of_that_schema(db: howdah.Database, sql: Sql) -> None:
    ((schema,),) = sql("SELECT current_schema()")
    db.register_type(f"{schema}.mood", decode=str.upper)
    db.register_type("elsewhere.pair", into=Pair)
    db.register_type("integer", decode=str)
    assert db.fetch_one("SELECT 'calm'::mood AS a, ROW(1, 'b')::pair AS b, 1 AS c, ARRAY[2] AS d") == {
        "a": "CALM",
        "b": {"n": "1", "label": "b"},
        "c": "1",
        "d": ["2"],
    }


@pytest.mark.usefixtures("made")
def test_exception_of_a_function_reaches_the_caller(db: howdah.Database) -> None:
    def fail(value: object) -> str:
        raise KeyError(value)

    db.register_type("mood", encode=fail, decode=fail)
    with pytest.raises(KeyError, match="x"):
        db.fetch_value("SELECT $1::mood", "x")
    with pytest.raises(KeyError, match="calm"):
        db.fetch_value("SELECT 'calm'::mood")
    with pytest.raises(KeyError, match="calm"):
        db.fetch("SELECT 'calm'::mood")
    db.execute("CREATE TABLE t (v mood)")
    with pytest.raises(KeyError, match="wild"):
        db.load("t", [{"v": "wild"}])
    db.register_type("mood", encode=len, decode=str)
    with pytest.raises(howdah.ConversionError, match="expected mood, got int"):
        db.fetch_value("SELECT $1::mood", "calm")
    assert db.fetch_value("SELECT 1") == 1


@pytest.mark.parametrize("name", ["mood[]", "varchar(3)", "a.b.c", "x; DROP TABLE t", ""])
def test_name_that_no_type_has_is_refused(db: howdah.Database, name: str) -> None:
    with pytest.raises(howdah.InterfaceError):
        db.register_type(name, decode=str)


def test_functions_that_cannot_be_used_together_are_refused(db: howdah.Database) -> None:
    with pytest.raises(howdah.InterfaceError, match="not both"):
        db.register_type("pair", decode=str, into=Pair)
    with pytest.raises(howdah.InterfaceError, match="give encode=, decode= or into="):
        db.register_type("pair")


@pytest.mark.usefixtures("made")
def test_functions_convert_for_asyncio(url: str) -> None:
    async def use() -> None:
        async with howdah.AsyncDatabase(url) as db:
            assert await db.fetch_value("SELECT 'calm'::mood") == "calm"
            db.register_type("mood", encode=str.lower, decode=str.upper)
            db.register_type("pair", into=Pair)
            assert await db.fetch_value("SELECT 'calm'::mood") == "CALM"
            assert await db.fetch("SELECT $1::mood AS a, $2::pair AS b", "WILD", Pair(1, "x")) == [
                {"a": "WILD", "b": Pair(1, "x")}
            ]
            async with db.transaction() as tx:
                await tx.execute("CREATE TABLE t (v mood)")
                await tx.load("t", [{"v": "WILD"}])
                assert await tx.fetch_value("SELECT v FROM t") == "WILD"

    asyncio.run(use())


@pytest.mark.usefixtures("made")
def test_types_are_registered_while_others_query(url: str) -> None:
    with howdah.Database(url, max_size=4) as db:
        stop, failures = threading.Event(), []

        def query() -> None:
            while not stop.is_set():
                value = db.fetch_value("SELECT 'calm'::mood")
                if value.lower() != "calm":
                    failures.append(value)

        threads = [threading.Thread(target=query) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            db.register_type("mood", decode=str.upper)
            db.register_type("mood", decode=str.title)
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert db.fetch_value("SELECT 'calm'::mood") == "Calm"


@pytest.mark.usefixtures("made")
def test_arrow_data_is_not_converted(db: howdah.Database, sql: Sql) -> None:
    db.register_type("mood", encode=str.lower, decode=str.upper)
    sql("CREATE TABLE t (v mood)")
    db.load("t", pa.table({"v": ["calm"]}))
    assert db.read("t").to_arrow().to_pylist() == [{"v": "calm"}]
