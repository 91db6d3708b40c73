"""examples/fastapi: a service over HTTP, called by httpx."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from examples.fastapi import app as example
from howdah.default import database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from howdah import AsyncDatabase
    from tests.python.conftest import Sql

    Body = Callable[[httpx.AsyncClient], Awaitable[None]]


@asynccontextmanager
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Start the service and give a client of it; stop it at the end."""
    transport = httpx.ASGITransport(app=example.app)
    async with (
        example.app.router.lifespan_context(example.app),
        httpx.AsyncClient(transport=transport, base_url="http://elephants") as asking,
    ):
        yield asking


@pytest.fixture
def served(url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Body], None]:
    """Give what runs a body with a client of the service, whose tables are in this test's schema."""
    monkeypatch.setenv("DATABASE_URL", url)

    async def serving(body: Body) -> None:
        async with client() as asking:
            await body(asking)

    return lambda body: asyncio.run(serving(body))


async def create(asking: httpx.AsyncClient, *names: str) -> list[dict[str, Any]]:
    """Create elephants, and give what the service says of them."""
    found: list[dict[str, Any]] = []
    for name in names:
        answer = await asking.post("/elephants", json={"name": name})
        assert answer.status_code == 201, answer.text
        found.append(answer.json())
    return found


def test_the_example_is_less_than_forty_lines_long() -> None:
    with open(example.__file__, encoding="utf-8") as source:  # noqa: PTH123
        assert sum(1 for line in source if line.strip()) < 40


def test_an_elephant_is_created_read_updated_and_deleted(served: Callable[[Body], None], sql: Sql) -> None:
    async def body(asking: httpx.AsyncClient) -> None:
        made = await asking.post("/elephants", json={"name": "Airavata", "age": 99})
        assert (made.status_code, made.json()) == (201, {"id": 1, "name": "Airavata", "age": 99})
        assert (await asking.get("/elephants/1")).json() == made.json()
        changed = await asking.put("/elephants/1", json={"name": "Abul-Abbas"})
        assert (changed.status_code, changed.json()) == (200, {"id": 1, "name": "Abul-Abbas", "age": None})
        assert sql("SELECT id, name, age FROM elephant") == [(1, "Abul-Abbas", None)]
        assert (await asking.delete("/elephants/1")).status_code == 204
        assert (await asking.get("/elephants/1")).status_code == 404
        assert (await asking.delete("/elephants/1")).status_code == 404
        assert sql("SELECT count(*) FROM elephant") == [(0,)]

    served(body)


def test_a_body_that_is_wrong_is_refused_by_its_fields(served: Callable[[Body], None], sql: Sql) -> None:
    async def body(asking: httpx.AsyncClient) -> None:
        answer = await asking.post("/elephants", json={"nmae": "Airavata", "age": "old"})
        assert answer.status_code == 422
        problems = {tuple(one["loc"]): one["msg"] for one in answer.json()["detail"]}
        assert problems == {
            ("body", "name"): "Field required",
            ("body", "age"): "Input should be a valid integer, unable to parse string as an integer",
            ("body", "nmae"): "Extra inputs are not permitted",
        }
        assert sql("SELECT count(*) FROM elephant") == [(0,)]

    served(body)


def test_what_the_database_refuses_is_told_and_rolled_back(served: Callable[[Body], None], sql: Sql) -> None:
    async def body(asking: httpx.AsyncClient) -> None:
        await create(asking, "Airavata", "Hanno")
        answer = await asking.post("/elephants", json={"name": "Airavata"})
        assert answer.status_code == 409
        assert "elephant_name_key" in answer.text
        assert (await asking.put("/elephants/2", json={"name": "Airavata"})).status_code == 409
        assert sql("SELECT name FROM elephant ORDER BY id") == [("Airavata",), ("Hanno",)]

    served(body)


def test_pages_follow_each_other_to_the_end(served: Callable[[Body], None]) -> None:
    names = [f"elephant {number}" for number in range(7)]

    async def body(asking: httpx.AsyncClient) -> None:
        await create(asking, *reversed(names))
        seen: list[str] = []
        sizes: list[int] = []
        after: dict[str, str] = {}
        while True:
            page = (await asking.get("/elephants", params={"size": 3, **after})).json()
            seen += [elephant["name"] for elephant in page["items"]]
            sizes.append(len(page["items"]))
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert (seen, sizes) == (names, [3, 3, 1])
        assert (await asking.get("/elephants", params={"after": "nonsense"})).status_code == 400
        assert (await asking.get("/elephants", params={"size": 0})).status_code == 422

    served(body)


def test_a_request_that_fails_late_leaves_nothing(served: Callable[[Body], None], sql: Sql) -> None:
    """The route is added for the test alone."""

    async def half(name: str) -> None:
        await example.Elephant(name=name).save()
        await example.Elephant.get(0)

    async def body(asking: httpx.AsyncClient) -> None:
        assert (await asking.post("/half", params={"name": "Airavata"})).status_code == 404
        assert sql("SELECT count(*) FROM elephant") == [(0,)]

    routes = example.app.router.routes
    example.app.post("/half")(half)
    try:
        served(body)
    finally:
        routes.pop()


def test_requests_at_once_each_have_a_transaction(served: Callable[[Body], None], sql: Sql) -> None:
    async def body(asking: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(create(asking, f"elephant {number}") for number in range(30)))
        assert sorted(one[0]["id"] for one in answers) == list(range(1, 31))
        assert sql("SELECT count(*) FROM elephant") == [(30,)]
        stats = database().stats()
        assert (stats.busy, stats.waiting) == (0, 0)

    served(body)


def test_the_pool_is_open_while_the_service_runs_alone(served: Callable[[Body], None]) -> None:
    async def body(asking: httpx.AsyncClient) -> None:
        await create(asking, "Airavata")
        assert database().stats().size > 0

    served(body)
    assert database().stats().size == 0


def test_the_description_names_the_table(served: Callable[[Body], None]) -> None:
    async def body(asking: httpx.AsyncClient) -> None:
        told = (await asking.get("/openapi.json")).json()
        shapes = told["components"]["schemas"]
        assert shapes["ElephantInput"]["required"] == ["name"]
        assert shapes["Elephant"]["required"] == ["id", "name", "age"]

    served(body)


@pytest.fixture
def howdah_url(url: str) -> str:
    """Let the database of the plugin for pytest be in this test's schema."""
    return url


def test_the_service_leaves_nothing_in_a_database_that_is_rolled_back(howdah_db: AsyncDatabase, sql: Sql) -> None:
    async def body() -> None:
        async with client() as asking:
            assert database() is howdah_db
            await asyncio.gather(*(create(asking, f"elephant {number}") for number in range(10)))
            assert (await asking.post("/elephants", json={"name": "elephant 1"})).status_code == 409
            assert len((await asking.get("/elephants")).json()["items"]) == 10

    asyncio.run(body())
    assert sql("SELECT to_regclass('elephant')") == [(None,)]
