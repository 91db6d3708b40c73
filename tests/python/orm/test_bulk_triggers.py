"""Many rows at once where the server changes them: triggers, rules, padding and defaults."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

import howdah
import howdah as pg
from howdah import Col, Table, col
from tests.python.orm.few import FEW, SIZES, Keyless, Parted
from tests.python.orm.schema import Company

if TYPE_CHECKING:
    from tests.python.conftest import Sql

pytestmark = pytest.mark.usefixtures("few")


async def test_trigger_that_drops_rows_is_told_and_none_are_stored(db: howdah.AsyncDatabase, sql: Sql) -> None:
    sql(
        "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.name = 'b' THEN RETURN NULL; "
        "END IF; RETURN NEW; END$$"
    )
    sql("CREATE TRIGGER odd BEFORE INSERT ON company FOR EACH ROW EXECUTE FUNCTION odd()")
    for count in (1, 3, FEW + 3):
        rows = [{"name": "b"}] + [{"name": f"{count}-{at}"} for at in range(count - 1)]
        with pytest.raises(howdah.NoRow, match=f"stored {count - 1} of {count} rows"):
            await db.insert_many(Company, rows)
    assert sql("SELECT count(*) FROM company") == [(2,)]
    assert len(await db.insert_many(Company, [{"name": "c"}, {"name": "d"}])) == 2


@pytest.mark.parametrize("count", [3, FEW + 1])
async def test_keys_that_a_trigger_changes_come_back_as_they_are_stored(
    db: howdah.AsyncDatabase, count: int, sql: Sql
) -> None:
    sql(
        "CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := NEW.id + 1000; "
        "NEW.name := upper(NEW.name); RETURN NEW; END$$"
    )
    sql("CREATE TRIGGER shift BEFORE INSERT ON company FOR EACH ROW EXECUTE FUNCTION shift()")
    stored = "SELECT id FROM company WHERE id > 1000 ORDER BY id"
    keys = await db.insert_many(Company, [{"name": f"a{at}"} for at in range(count)])
    assert sql(stored) == [(key,) for key in keys]
    assert (await db.get(Company, keys[-1])).name == f"A{count - 1}"
    rows = [Company(name=f"b{at}") for at in range(count)]
    more = await db.insert_many(Company, rows)
    assert sql(stored) == [(key,) for key in [*keys, *more]]
    assert [row.id for row in rows] == more


async def test_keys_that_a_trigger_of_a_partition_changes_come_back_as_they_are_stored(
    db: howdah.AsyncDatabase, sql: Sql
) -> None:
    sql("CREATE TABLE parted (id bigint PRIMARY KEY, n bigint) PARTITION BY RANGE (id)")
    sql("CREATE TABLE parted_all PARTITION OF parted FOR VALUES FROM (0) TO (1000000)")
    sql(
        "CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := NEW.id + 1000; RETURN NEW; END$$"
    )
    sql("CREATE TRIGGER shift BEFORE INSERT ON parted_all FOR EACH ROW EXECUTE FUNCTION shift()")
    keys = await db.insert_many(Parted, [{"id": at} for at in range(FEW + 1)])
    assert keys == list(range(1000, 1000 + FEW + 1))


class Padded(Table):
    """Has a key that the server stores otherwise than it is given."""

    code: Col[str] = col(primary_key=True, type="char(8)")
    n: Col[int] = col(default=0)


class Uuid(Table):
    """Has a key that may be given as text."""

    id: Col[uuid.UUID] = col(primary_key=True)
    n: Col[int] = pg.server_default("7")


@pytest.mark.parametrize("count", SIZES)
async def test_keys_that_are_stored_otherwise_than_given_come_back_as_they_are_stored(
    db: howdah.AsyncDatabase, count: int
) -> None:
    await db.create_tables(Padded, Uuid)
    names = [f"k{at}".ljust(8) for at in range(count)]
    assert await db.insert_many(Padded, [{"code": name.strip()} for name in names]) == names
    padded = [Padded(code=f"x{at}") for at in range(count)]
    assert await db.insert_many(Padded, padded) == [row.code for row in padded]
    assert padded[-1].code == f"x{count - 1}".ljust(8)
    ids = [uuid.UUID(int=at) for at in range(2 * count)]
    texts: list[Any] = [str(one) for one in ids]
    assert await db.insert_many(Uuid, [{"id": one} for one in texts[:count]]) == ids[:count]
    rows = [Uuid(id=one) for one in texts[count:]]
    assert await db.insert_many(Uuid, rows) == [row.id for row in rows] == ids[count:]
    assert {row.n for row in rows} == {7}


async def test_rule_that_drops_rows_is_told_and_none_are_stored(db: howdah.AsyncDatabase, sql: Sql) -> None:
    await db.create_tables(Keyless)
    sql("CREATE RULE odd AS ON INSERT TO keyless WHERE NEW.n = 2 DO INSTEAD NOTHING")
    with pytest.raises(howdah.NoRow, match="stored 1 of 2 rows"):
        await db.insert_many(Keyless, [{"n": 1}, {"n": 2}])
    assert sql("SELECT count(*) FROM keyless") == [(0,)]
