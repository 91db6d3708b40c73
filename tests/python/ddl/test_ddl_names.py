"""Names in DDL: hostile ones, those that are taken, and declarations that are refused."""

from __future__ import annotations

import types
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import howdah
import howdah as pg
from howdah import Col, Table, col
from tests.python.ddl.schema import columns, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql


def test_index_key_with_a_space_in_its_name_is_that_column(db: howdah.Database, sql: Sql) -> None:
    class Spaced(Table):
        __indexes__ = (pg.index("A : DESC"),)

        id: Col[int] = pg.identity()
        A: Col[str] = col(name="A :")

    run(db, Spaced)
    definitions = sql("SELECT substring(indexdef FROM ' [(].*') FROM pg_indexes WHERE tablename = 'spaced'")
    assert set(definitions) == {(' ("A :" DESC)',), (" (id)",)}


def test_index_whose_name_another_table_has_is_told(db: howdah.Database, sql: Sql) -> None:
    class Mixed(Table, abstract=True):
        __indexes__ = (pg.index("email", unique=True, name="by_email"),)
        id: Col[int] = pg.identity()
        email: Col[str]

    class One(Mixed):
        pass

    class Other(Mixed):
        pass

    with pytest.raises(howdah.InterfaceError, match="two indexes are named by_email, one of one and one of other"):
        db.create_tables(One, Other)
    for _ in range(2):
        db.create_tables(One)
    with pytest.raises(howdah.DatabaseError, match='index "by_email" of other was not created: another table has it'):
        db.create_tables(Other)
    assert sql("SELECT to_regclass('other') IS NULL") == [(True,)]


def of(name: str, **more: object) -> type[Table]:
    body: dict[str, Any] = {"__annotations__": {"id": Col[int]}, "id": col(primary_key=True), "__module__": __name__}
    return types.new_class(name, (Table,), {}, lambda space: space.update(body | more))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: (of("A", __constraints__=(pg.unique("nope"),)),), 'no column "nope"'),
        (lambda: (of("A", __indexes__=(pg.index(),)),), "no keys"),
        (lambda: (of("A", __indexes__=(pg.index("id", include=("nope",)),)),), 'no column "nope"'),
        (lambda: (of("A"), of("B", __table__="a")), "two tables are named a"),
        (lambda: (of("A", __table__="t" * 64), of("B", __table__="t" * 63 + "b")), "is over 63 bytes long"),
        (
            lambda: (
                of(
                    "A",
                    __constraints__=(
                        pg.foreign_key("id", table="a", target_columns=("id",), on_delete="drop it"),  # type: ignore[arg-type]
                    ),
                ),
            ),
            "expected one of",
        ),
    ],
)
def test_declaration_that_cannot_be_is_refused(make: Callable[[], tuple[type[Table], ...]], says: str) -> None:
    with pytest.raises(howdah.InterfaceError, match=says):
        pg.ddl(*make())


NAMES = st.text(st.characters(exclude_characters="\0.", exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=NAMES, name=NAMES, label=NAMES)
def test_hostile_names_stay_names(db: howdah.Database, sql: Sql, table: str, name: str, label: str) -> None:
    enum: Any = StrEnum("enum", {"a": label})
    body: dict[str, Any] = {
        "__annotations__": {"id": Col[int], "other": Col[enum], "back": "Ref[Odd]"},
        "__table__": table,
        "__module__": __name__,
        "__constraints__": (pg.unique("other"), pg.foreign_key("back", table=table, target_columns=("id",))),
        "id": pg.identity(),
        "other": col(name=name + "x", index=True),
        "back": pg.ref(default=None, name=name + "y"),
    }
    odd = types.new_class("Odd", (Table,), {}, lambda space: space.update(body))
    quoted = '"' + table.replace('"', '""') + '"'
    try:
        run(db, odd)
        assert [row[0] for row in columns(sql, quoted)] == ["id", name + "x", name + "y"]
        labels = "SELECT enumlabel::text FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid WHERE typname = 'enum'"
        assert sql(labels) == [(label,)]
    finally:
        sql(f"DROP TABLE IF EXISTS {quoted}")
        sql("DROP TYPE IF EXISTS enum")
