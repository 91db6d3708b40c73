"""A tour of howdah on a few tables: frames in and out, and a service's everyday calls.

`python -m howdah.embedded -- python examples/tour.py` runs it on a PostgreSQL of its own.
"""

import asyncio
import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import polars as pl

import howdah as pg
from howdah import Col, Many, Ref, Table, UniqueViolation, Vector, col, excluded, pg_transaction


class Status(StrEnum):
    """Becomes CREATE TYPE status AS ENUM ('active', 'banned')."""

    active = "active"
    banned = "banned"


class User(Table):
    """Stands in the table "user"."""

    id: Col[int] = pg.identity()
    email: Col[str] = col(unique=True)
    name: Col[str] = col(index=True)
    age: Col[int | None] = col(default=None, check="age >= 0")
    score: Col[int] = col(default=0)
    balance: Col[Decimal] = col(default=Decimal(0), precision=12, scale=2)
    status: Col[Status] = col(default=Status.active)
    tags: Col[list[str]] = col(default_factory=list, index="gin")
    meta: Col[dict[str, Any]] = col(default_factory=dict)
    embedding: Col[Vector | None] = col(default=None, dim=3)
    name_lower: Col[str] = pg.generated("lower(name)")
    created_at: Col[dt.datetime] = pg.server_default("now()")
    posts: "Many[Post]" = pg.many(via="author")


class Post(Table):
    """What a user wrote."""

    id: Col[int] = pg.identity()
    title: Col[str]
    views: Col[int] = col(default=0)
    author: Ref[User] = pg.ref(on_delete="cascade")


@dataclass(slots=True)
class UserOut:
    """What is told of a user."""

    id: int
    name: str


def pipeline(db: pg.Database) -> None:
    """Carry a frame in and out, blocking."""
    frame = pl.DataFrame({"tailnum": ["N1", "N2", "N3"], "dep_delay": [5, 90, None], "seats": [149, 180, 55]})
    report = db.load("departures", frame, mode="create")
    print(report.rows, "rows", report.inserted, "of them new")
    db.execute("ALTER TABLE departures ADD PRIMARY KEY (tailnum)")
    report = db.load("departures", frame.with_columns(seats=pl.col("seats") + 1), mode="upsert", key="tailnum")
    print(report.inserted, "inserted", report.updated, "updated")
    print(db.read("SELECT * FROM departures WHERE dep_delay > $1", 60).to_polars())
    for batch in db.read("departures"):
        print(batch.num_rows, "rows in a batch")


async def write() -> User:
    """Save one row, change it, and insert many."""
    user = await User(email="a@x.io", name="Ann", age=31, tags=["vip"], meta={"plan": {"tier": "gold"}}).save()
    user.score = 7
    await user.save()  # an UPDATE of the changed column
    keys = await User.insert_many([{"email": "b@x.io", "name": "Bo", "age": 40}, {"email": "c@x.io", "name": "Cy"}])
    assert keys == [user.id + 1, user.id + 2]
    await Post.insert_many([{"title": f"Post {n}", "views": 60 * n, "author": user} for n in range(6)])
    assert await User.find_one(User.email == "a@x.io") == await User.find_one({"email": "a@x.io"}) == user
    return user


async def ask(user: User) -> None:
    """Find rows by typed expressions, across relations too."""
    older = await User.find(User.age > 25).order_by(User.name).limit(10).to_list()
    print([one.name for one in older])
    query = User.find((User.status == Status.active) & ~User.name.like("spam%"))
    query = query.where(User.tags.contains(["vip"]), User.meta.path("plan", "tier", as_=str) == "gold")
    assert await query.order_by(-User.score, User.id).limit(5).to_list() == [user]
    assert await query.update(User.score.set(User.score + 1)) == 1  # atomic, at the server
    await user.refresh()

    popular = Post.find(Post.views > 100).select(Post.id)
    print(await Post.find(Post.id.in_(popular), Post.author.name == "Ann").count(), "popular posts")
    for post in await Post.find().load(Post.author).order_by(Post.id).to_list():  # one JOIN
        assert post.author.name == "Ann"
    for one in await User.find().load(User.posts).to_list():  # one more SELECT, however many users
        print(one.name, [post.title for post in one.posts])
    await user.fetch(User.posts)  # never lazy: what is not loaded raises NotLoaded

    stats = (
        Post.find()
        .select(Post.author.name, pg.count(), pg.avg(Post.views))
        .group_by(Post.author.name)
        .having(pg.count() > 3)
    )
    name, posts, mean = (await stats.to_list())[0]
    print(name, posts, mean)
    outs: list[UserOut] = await User.find().order_by(User.id).to(UserOut).to_list()
    print(outs)


async def carry() -> None:
    """Take frames from queries, and write frames."""
    rank = pg.rank().over(partition_by=[Post.author.id], order_by=[-Post.views])
    print((await Post.find().select(Post.title, rank.as_("rank")).order_by(Post.id).to_arrow()).num_rows)
    frame = await User.find(User.score > 0).select(User.email, User.name, User.score).to_polars()
    report = await User.upsert(
        frame, on=[User.email], update=[User.name, User.score.set(User.score + excluded(User.score))]
    )
    print(report.updated, "updated")
    keys = await User.insert_many(frame.with_columns(email=pl.col("email") + ".example"))
    print(len(keys), "inserted from a frame")
    async for batch in Post.find().batches(batch_rows=65_536):
        print(batch.num_rows, "posts in a batch")


async def together(user: User) -> None:
    """Put statements into transactions, nested ones too; read page by page."""
    async with pg_transaction(isolation="serializable"):
        await Post.find(Post.views == 0).for_update(skip_locked=True).first()
        try:
            async with pg_transaction():  # a savepoint
                await User(email=user.email, name="dup").save()
        except UniqueViolation as error:
            print(error.constraint)
    async for post in Post.find().order_by(Post.id).stream(batch_rows=1000):
        print(post.title)
    page = await Post.find().order_by(-Post.views, Post.id).page(4)
    rest = await Post.find().order_by(-Post.views, Post.id).page(4, after=page.next)
    assert (len(page.items), len(rest.items), rest.next) == (4, 2, None)


async def service(url: str | None = None) -> None:
    """Do what a service does."""
    db = pg.init(url, max_size=16)
    await db.create_tables(User, Post)
    user = await write()
    await ask(user)
    await carry()
    await together(user)
    print(await db.fetch('SELECT id, name FROM "user" WHERE age > $1', 25, into=UserOut))
    print(await User.find(User.age > 25).explain(analyze=True))
    await db.close()


def main(url: str | None = None) -> None:
    """Go all the way; without a URL, to the database that the environment names."""
    with pg.Database(url) as db:
        pipeline(db)
    asyncio.run(service(url))


if __name__ == "__main__":
    main()
