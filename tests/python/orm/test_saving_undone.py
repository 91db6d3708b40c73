"""Saved rows whose transaction is rolled back, or that change during a save."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.orm.schema import Company, Person, Post

if TYPE_CHECKING:
    from tests.python.conftest import Sql


async def test_row_refreshed_in_a_block_that_is_undone_is_saved_as_it_was_before(
    db: howdah.AsyncDatabase, sql: Sql
) -> None:
    ada = await db.get(Person, 1)
    with contextlib.suppress(ZeroDivisionError):
        async with db.transaction():
            await db.find(Person, Person.id == 1).update(Person.age.set(77))
            await db.refresh(ada)
            assert ada.age == 77
            raise ZeroDivisionError
    ada.age = 77
    await db.save(ada)
    assert sql("SELECT age FROM person WHERE id = 1") == [(77,)]


class UndoError(Exception):
    """Ends a block."""


async def _undone(db: howdah.AsyncDatabase, how: str, work: Any) -> None:
    """Do something in a transaction that is undone."""
    if how == "rollback":
        async with db.transaction() as transaction:
            await work()
            await transaction.rollback()
        return
    if how == "savepoint":
        async with db.transaction():
            await _undone(db, "exception", work)
        return
    with contextlib.suppress(UndoError):
        async with db.transaction():
            if how == "inside":
                async with db.transaction():
                    await work()
            else:
                await work()
            raise UndoError


@pytest.mark.parametrize("how", ["rollback", "exception", "savepoint", "inside"])
async def test_row_whose_save_is_undone_is_saved_anew(db: howdah.AsyncDatabase, sql: Sql, how: str) -> None:
    new, many = Company(name="New"), [Company(name="m1"), Company(name="m2")]
    acme, brit = await db.get(Company, 1), await db.get(Company, 2)
    post = await db.get(Post, 1)

    async def work() -> None:
        await db.save(new)
        acme.name = "Changed"
        await db.save(acme)
        await db.delete(post)
        await db.insert_many(Company, many)
        brit.name = "once"
        await db.save(brit)
        brit.name = "twice"
        await db.save(brit)

    await _undone(db, how, work)
    assert sql("SELECT name FROM company ORDER BY id") == [("Acme",), ("Brit",)]
    assert "id" not in vars(new)
    for row in (new, acme, brit, *many):
        await db.save(row)
    post.views = 5
    await db.save(post)
    assert sorted(sql("SELECT name FROM company")) == [("Changed",), ("New",), ("m1",), ("m2",), ("twice",)]
    assert sql("SELECT views FROM post WHERE id = 1") == [(5,)]


async def test_reference_to_a_row_that_was_undone_takes_its_next_key(db: howdah.AsyncDatabase, sql: Sql) -> None:
    new = Person(name="Eve", email="eve@x")
    post, other = Post(title="t", author=new), Post(title="u", author=new)
    ada, bob = await db.get(Person, 1), await db.get(Person, 2)
    async with db.transaction() as transaction:
        await db.save(new)
        await db.save(post)
        await db.insert_many(Post, [other])
        ada.boss = new
        await db.save(ada)
        bob.boss = new
        await transaction.rollback()
    assert "author_id" not in vars(post)
    assert "author_id" not in vars(other)
    assert bob.boss is new
    with pytest.raises(howdah.InterfaceError, match=r"Person\.boss is not saved yet"):
        await db.save(bob)
    for row in (new, post, other, ada, bob):
        await db.save(row)
    assert sql("SELECT DISTINCT author_id FROM post WHERE title IN ('t', 'u')") == [(new.id,)]
    assert sql("SELECT boss_id FROM person WHERE id IN (1, 2)") == [(new.id,), (new.id,)]
    assert ada.boss is bob.boss is new
    assert vars(ada)["boss_id"] == vars(bob)["boss_id"] == new.id


async def test_change_made_while_a_save_is_awaited_is_saved_by_the_next(filled: str, sql: Sql) -> None:
    async with howdah.AsyncDatabase(filled) as db:
        new = Person(name="one", email="e", meta={"n": [1]}, money=Decimal("1.5"))
        await _changed_meanwhile(db.save(new), new)
        ada = await db.get(Person, 1)
        ada.name = "first"
        await _changed_meanwhile(db.save(ada), ada)
        many = [Person(name="one", email=f"{at}", meta={"n": [1]}) for at in range(2)]
        await _changed_meanwhile(db.insert_many(Person, many), many[0])
        for row in (new, ada, many[0]):
            await db.save(row)
            found = sql("SELECT name, meta, money FROM person WHERE id = %s", row.id)
            assert found == [("two", {"n": [1, 2]}, Decimal("2.50"))]
            assert (row.name, row.money) == ("two", Decimal("2.50"))
        made = Person(name="m", email="m")
        task = asyncio.create_task(db.save(made))
        await asyncio.sleep(0)
        made.made = at = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
        await task
        await db.save(made)
        assert sql("SELECT made FROM person WHERE id = %s", made.id) == [(at,)]


async def _changed_meanwhile(verb: Any, row: Person) -> None:
    task = asyncio.ensure_future(verb)
    await asyncio.sleep(0)
    row.name, row.money = "two", Decimal("2.50")
    row.meta.setdefault("n", [1]).append(2)
    row.meta = {"n": [1, 2]}
    await task


def test_row_saved_in_a_body_that_is_run_again_is_stored(filled: str, sql: Sql) -> None:
    new, tries = Company(name="New"), 0
    busy = howdah.SerializationFailure("another transaction was in the way")
    with howdah.Database(filled) as database:

        def body() -> None:
            nonlocal tries
            tries += 1
            database.save(new)
            if tries == 1:
                raise busy

        database.run_transaction(body)
    assert tries == 2
    assert sql("SELECT name FROM company WHERE id > 2") == [("New",)]
