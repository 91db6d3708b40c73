"""Elephants over HTTP, each request a transaction: DATABASE_URL=postgresql://… fastapi run examples/fastapi/app.py."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Body, Depends, FastAPI, Query, Request, Response

import howdah as pg


class Elephant(pg.Table):
    id: pg.Col[int] = pg.identity()
    name: pg.Col[str] = pg.col(unique=True)
    age: pg.Col[int | None] = pg.col(default=None)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with pg.init() as db:
        await db.create_tables(Elephant)
        yield


async def transaction() -> AsyncIterator[None]:
    async with pg.pg_transaction():
        yield


app = FastAPI(lifespan=lifespan, dependencies=[Depends(transaction, scope="function")])


@app.exception_handler(pg.Error)
async def refuse(_: Request, error: pg.Error) -> Response:
    return Response(str(error), {pg.NoRow: 404, pg.UniqueViolation: 409, pg.InterfaceError: 400}.get(type(error), 500))


@app.post("/elephants", status_code=201)
async def create(elephant: Annotated[Elephant, Body()]) -> Elephant:
    return await elephant.save()


@app.get("/elephants")
async def browse(size: Annotated[int, Query(gt=0, le=100)] = 20, after: str | None = None) -> pg.Page[Elephant]:
    return await Elephant.find().order_by(Elephant.name).page(size, after=after)


@app.get("/elephants/{key}")
async def read(key: int) -> Elephant:
    return await Elephant.get(key)


@app.put("/elephants/{key}")
async def update(key: int, given: Annotated[Elephant, Body()]) -> Elephant:
    elephant = await Elephant.get(key)
    elephant.name, elephant.age = given.name, given.age
    return await elephant.save()


@app.delete("/elephants/{key}", status_code=204)
async def delete(key: int) -> None:
    await (await Elephant.get(key)).delete()
