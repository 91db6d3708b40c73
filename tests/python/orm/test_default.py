"""The methods of table classes, on the default database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from howdah import pg_transaction
from tests.python.orm.schema import Person, Post

if TYPE_CHECKING:
    from tests.python.conftest import Sql


@pytest.mark.usefixtures("default")
async def test_everyday_calls(sql: Sql) -> None:
    user = Person(name="Eve", email="eve@x", age=30)
    await user.save()
    found = await Person.find_one(Person.email == "eve@x")
    assert found == user
    assert await Person.find_one({"email": "eve@x"}) == user
    assert await Person.insert_many([{"name": "F", "email": "f"}, {"name": "G", "email": "g"}]) == [6, 7]
    async with pg_transaction():
        user.age = 31
        await user.save()
    assert sql("SELECT age FROM person WHERE id = 5") == [(31,)]
    adults = await Person.find(Person.age > 25).order_by(Person.name).limit(10).to_list()
    assert [one.name for one in adults] == ["Ada", "Dan_%", "Eve"]
    assert await Person.get(5) == user
    assert await Person.count(Person.age > 25) == 3
    assert await Person.exists(Person.name == "Nobody") is False
    await user.delete()
    assert await Person.exists(Person.name == "Eve") is False
    ada = await Person.get(1)
    await ada.fetch(Person.posts)
    assert [post.title for post in ada.posts] == ["Engines", "Numbers"]
    assert await ada.refresh() is ada
    report = await Person.upsert([{"name": "Ada", "email": "ada@x", "age": 40}], on=[Person.email])
    assert (report.inserted, report.updated) == (0, 1)


@pytest.mark.usefixtures("default")
async def test_transaction_that_fails_takes_its_saves_back(sql: Sql) -> None:
    async def two_of_one_name() -> None:
        async with pg_transaction():
            await Person(name="H", email="h").save()
            await Person(name="H", email="h").save()

    with pytest.raises(howdah.UniqueViolation):
        await two_of_one_name()
    assert sql("SELECT count(*) FROM person") == [(4,)]


@pytest.mark.usefixtures("default")
async def test_tasks_share_the_default_database() -> None:
    counts = await asyncio.gather(*(Post.count() for _ in range(20)))
    assert counts == [4] * 20


@pytest.mark.usefixtures("default")
async def test_dict_that_names_no_column_is_refused() -> None:
    for given in ({"nam": "x"}, {"id; DROP TABLE person": 1}, {"posts": 1}):
        with pytest.raises(howdah.InterfaceError, match="no column"):
            await Person.find_one(given)
    by_name: dict[str, Any] = {"company": 1, "age": None, "name": "x"}
    assert await Person.find_one(by_name) is None


def test_verb_without_a_default_database_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("howdah.default._chosen", None)
    with pytest.raises(howdah.InterfaceError, match="init"):
        asyncio.run(Person.get(1))
