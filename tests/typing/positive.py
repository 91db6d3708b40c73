"""What type checkers know of tables and queries. Nothing here is run: mypy and pyright read it, both strict."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, assert_type

import msgspec
import pydantic

import howdah as pg
from howdah import AsyncDatabase, AsyncQuery, Col, Database, Expr, Ordering, Page, Query, Range, Vector
from tests.typing.schema import Company, Plain, Post, Profile, Shape, Status, User

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager

    import polars as pl

    from howdah.bulk import ArrowStream


class Titled(NamedTuple):
    title: str
    views: int


class Model(pydantic.BaseModel):
    name: str


class Struct(msgspec.Struct):
    name: str


def a_column_is_an_expression_on_the_class() -> None:
    assert_type(User.id, Col[int])
    assert_type(User.name, Col[str])
    assert_type(User.age, Col[int | None])
    assert_type(User.balance, Col[Decimal])
    assert_type(User.status, Col[Status])
    assert_type(User.tags, Col[list[str]])
    assert_type(User.meta, Col[dict[str, Any]])
    assert_type(User.embedding, Col[Vector | None])
    assert_type(User.seen, Col[Range[dt.datetime] | None])
    assert_type(User.token, Col[uuid.UUID])
    assert_type(User.created_at, Col[dt.datetime])


def a_column_is_a_value_on_an_object(user: User, plain: Plain) -> None:
    assert_type(user.id, int)
    assert_type(user.name, str)
    assert_type(user.age, int | None)
    assert_type(user.balance, Decimal)
    assert_type(user.status, Status)
    assert_type(user.tags, list[str])
    assert_type(user.meta, dict[str, Any])
    assert_type(user.embedding, Vector | None)
    assert_type(user.seen, Range[dt.datetime] | None)
    assert_type(user.token, uuid.UUID)
    assert_type(user.created_at, dt.datetime)
    assert_type((plain.code, plain.size, plain.note), tuple[str, int, str | None])


def an_attribute_takes_a_value_of_its_type(user: User, company: Company) -> None:
    user.name = "Ann"
    user.age = None
    user.age = 31
    user.status = Status.banned
    user.company = company
    user.embedding = Vector([1, 2, 3])
    user.tags.append("vip")


def a_constructor_takes_what_the_server_does_not_fill(user: User, company: Company) -> None:
    assert_type(User(email="a@x.io", name="Ann"), User)
    User(
        email="a@x.io",
        name="Ann",
        age=3,
        score=1,
        balance=Decimal("1.50"),
        status=Status.banned,
        tags=["vip"],
        meta={"a": [1]},
        embedding=Vector([1, 2, 3]),
        seen=Range(),
        active=False,
        company=company,
    )
    assert_type(Post(title="On elephants", author=user), Post)
    assert_type(Plain(code="x", size=3), Plain)


def a_reference_is_a_path_on_the_class(user: User, post: Post) -> None:
    assert_type(Post.author, type[User])
    assert_type(Post.author.name, Col[str])
    assert_type(Post.author.company.name, Col[str])
    assert_type(User.posts, type[Post])
    assert_type(User.posts.title, Col[str])
    assert_type(User.profile, type[Profile])
    assert_type(post.author, User)
    assert_type(post.author.company.name, str)
    assert_type(user.posts, list[Post])
    assert_type(user.profile, Profile | None)


def an_expression_keeps_its_type() -> None:
    assert_type(User.age > 25, Expr[bool])
    assert_type(User.name == "Ann", Expr[bool])
    assert_type(User.age == None, Expr[bool])  # noqa: E711  (SQL's NULL)
    assert_type(User.score != User.id, Expr[bool])
    assert_type((User.age > 25) & ~User.name.like("spam%") | User.active, Expr[bool])
    assert_type(User.active & User.active, Expr[bool])
    assert_type(User.score + 1, Expr[int])
    assert_type(User.score * User.id - 1, Expr[int])
    assert_type(-User.score, Ordering)
    assert_type(User.score.desc().nulls_last(), Ordering)
    assert_type(User.id.in_([1, 2]), Expr[bool])
    assert_type(User.id.in_(Post.find().select(Post.id)), Expr[bool])
    assert_type(User.id.between(1, 5), Expr[bool])
    assert_type(User.name.ilike("a%"), Expr[bool])
    assert_type(User.tags.contains(["vip"]), Expr[bool])
    assert_type(User.tags.has("vip"), Expr[bool])
    assert_type(User.tags.item(0), Expr[str])
    assert_type(User.meta.path("plan", "seats", as_=int), Expr[int])
    assert_type(User.embedding.cosine_distance([1, 2, 3]), Expr[float])
    assert_type(User.name.as_("called"), Expr[str])
    assert_type(User.score.cast(str), Expr[str])
    assert_type(pg.func("lower", User.name, as_=str).filter(User.active).over(), Expr[str])
    assert_type(pg.excluded(User.score), Expr[int])


def rows_are_objects_of_the_table(db: Database) -> None:
    query = db.find(User, User.age > 25)
    assert_type(query, Query[User])
    assert_type(query.where(User.active).order_by(User.name, -User.score).limit(3).offset(1), Query[User])
    assert_type(query.distinct().for_update(skip_locked=True).join(User.posts).load(User.posts), Query[User])
    assert_type(query.to_list(), list[User])
    assert_type(query.first(), User | None)
    assert_type(query.one(), User)
    assert_type(query.count(), int)
    assert_type(query.exists(), bool)
    assert_type(query.exists_(), Expr[bool])
    assert_type(query.sql(), tuple[str, list[Any]])
    assert_type(query.explain(analyze=True), str)
    assert_type(query.update(User.score.set(User.score + 1)), int)
    assert_type(query.delete(), int)
    assert_type(db.find_one(User, User.email == "a@x.io"), User | None)
    assert_type(db.find_one(User, {"email": "a@x.io"}), User | None)
    assert_type(db.get(User, 1), User)


def selected_columns_are_tuples(db: Database) -> None:
    query = db.find(User)
    assert_type(query.select(User.id), Query[tuple[int]])
    assert_type(query.select(User.id, User.age), Query[tuple[int, int | None]])
    assert_type(query.select(User.id, User.name, User.tags).to_list(), list[tuple[int, str, list[str]]])
    four = query.select(User.id, User.company.name, pg.count(), User.score + 1)
    assert_type(four, Query[tuple[int, str, int, int]])
    assert_type(four.first(), tuple[int, str, int, int] | None)
    five = query.select(User.id, User.id, User.id, User.id, User.name)
    assert_type(five.to_list(), list[tuple[int, int, int, int, str]])
    ten = query.select(
        User.id, User.age, User.name, User.tags, User.active,
        User.balance, User.token, User.created_at, User.status, pg.count(),
    )  # fmt: skip
    assert_type(ten.one(), tuple[int, int | None, str, list[str], bool, Decimal, uuid.UUID, dt.datetime, Status, int])
    assert_type(ten.returning(User.id, User.name).delete(), list[tuple[int, str]])
    assert_type(query.returning().delete(), list[User])
    eleven = [User.id] * 11
    assert_type(query.select(*eleven), Query[tuple[Any, ...]])
    assert_type(query.select(User.name).union_all(db.find(Post).select(Post.title)), Query[tuple[str]])


def groups_have_aggregates(db: Database) -> None:
    groups = (
        db.find(Post)
        .select(Post.author.name, pg.count(), pg.avg(Post.views), pg.max(Post.title))
        .group_by(Post.author.name)
        .having(pg.count() > 3)
    )
    assert_type(groups, Query[tuple[str, int, float | None, str | None]])
    sums = db.find(Post).select(pg.sum(Post.views), pg.min(Post.title), pg.array_agg(Post.id)).one()
    assert_type(sums, tuple[int | None, str | None, list[int] | None])
    number = pg.row_number().over(partition_by=[Post.author.id], order_by=[-Post.views])
    ranks = db.find(Post).select(Post.title, pg.rank().over(order_by=[-Post.views]), number)
    assert_type(ranks, Query[tuple[str, int, int]])


def rows_take_the_shape_asked_for(db: Database) -> None:
    assert_type(db.find(User).to(Shape), Query[Shape])
    assert_type(db.find(User).to(Shape).to_list(), list[Shape])
    assert_type(db.find(User).to(Model).first(), Model | None)
    assert_type(db.find(User).to(Struct).one(), Struct)
    assert_type(db.find(Post).select(Post.title, Post.views).to(Titled).to_list(), list[Titled])


def pages_and_streams_have_the_rows(db: Database) -> None:
    page = db.find(User).order_by(User.name).page(50, after=None)
    assert_type(page, Page[User])
    assert_type(page.items, list[User])
    assert_type(page.next, str | None)
    assert_type(db.find(User).select(User.id, User.name).page(5), Page[tuple[int, str]])
    assert_type(db.find(User).to(Shape).page(5).items, list[Shape])
    users: Iterator[User] = db.find(User).stream(batch_rows=10)
    assert_type(next(users), User)
    for row in db.find(User).select(User.id).stream():
        assert_type(row, tuple[int])


def rows_are_stored(db: Database, user: User, frame: ArrowStream) -> None:
    assert_type(db.save(user), User)
    assert_type(db.refresh(user), User)
    assert_type(db.delete(user), None)
    assert_type(db.insert_many(User, [{"email": "b@x.io", "name": "Bo"}]), list[Any])
    assert_type(db.insert_many(User, [user]), list[Any])
    assert_type(db.insert_many(User, frame), list[Any])
    added = User.score.set(User.score + pg.excluded(User.score))
    assert_type(db.upsert(User, frame, on=[User.email], update=[User.name, added]), pg.LoadReport)
    assert_type(db.create_tables(User, Post), None)


async def the_twin_is_awaited(db: AsyncDatabase, user: User) -> None:
    query = db.find(User, User.age > 25)
    assert_type(query, AsyncQuery[User])
    assert_type(await query.to_list(), list[User])
    assert_type(await query.select(User.id, User.name).to_list(), list[tuple[int, str]])
    assert_type(await query.to(Shape).first(), Shape | None)
    assert_type(await query.page(5), Page[User])
    assert_type(await db.find_one(User, User.id == 1), User | None)
    assert_type(await db.get(User, 1), User)
    assert_type(await db.save(user), User)
    assert_type(await db.insert_many(User, [user]), list[Any])
    assert_type(await db.fetch_relations(user, User.posts), User)


async def verbs_of_a_table_are_awaited(user: User, frame: pl.DataFrame) -> None:
    assert_type(User.find(User.age > 25), AsyncQuery[User])
    assert_type(await User.find().to_list(), list[User])
    assert_type(await User.find().one(), User)
    assert_type(await User.find().count(), int)
    assert_type(await User.find_one(User.email == "a@x.io"), User | None)
    assert_type(await User.find_one({"email": "a@x.io"}), User | None)
    assert_type(await User.get(1), User)
    assert_type(await User.count(User.active), int)
    assert_type(await User.exists(), bool)
    assert_type(await User.insert_many(frame), list[Any])
    assert_type(await User.upsert(frame, on=[User.email]), pg.LoadReport)
    assert_type(await user.save(), User)
    assert_type(await user.refresh(), User)
    assert_type(await user.fetch(User.posts), User)
    assert_type(await user.delete(), None)
    assert_type(user.asdict(), dict[str, Any])


async def streams_are_iterated_over() -> None:
    rows: AsyncIterator[User] = User.find().stream()
    async for user in rows:
        assert_type(user, User)
    async for name, views in Post.find().select(Post.author.name, Post.views).stream(batch_rows=5):
        assert_type((name, views), tuple[str, int])
    async for post in Post.find().load(Post.author).stream():
        assert_type(post.author.name, str)


async def a_transaction_is_a_block() -> None:
    block: AbstractAsyncContextManager[pg.AsyncTransaction] = pg.pg_transaction(isolation="serializable")
    async with block as transaction:
        assert_type(await transaction.rollback(), None)
