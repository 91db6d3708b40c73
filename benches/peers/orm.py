"""Parts "orm-…": the same work done by howdah's tables and by other ORMs, each on asyncio's own loop."""

from __future__ import annotations

import gc
import itertools
import random
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from . import orm_data as data
from .bars import LIMIT_PGBENCH_INSERT
from .data import UnequalError
from .measure import Contestant, Part, alternate, closing, say
from .orm_asyncpg import Asyncpg
from .orm_howdah import Howdah
from .orm_piccolo import Piccolo
from .orm_sqlalchemy import Sqlalchemy
from .orm_tortoise import TortoiseOrm
from .orm_work import Each, Next
from .orm_yara import Yara
from .rows_pgbench import Pgbench

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .measure import Bench
    from .orm_client import Client, Orm
    from .orm_data import Row

FOUND = 1_000
SAVED = 500
UPDATED = 500
MANY = 10_000
FEW = 100
FRAME = 100_000
CHECKED = 200
# The clients' values are parameters, as the ORMs' are; the number makes each e-mail another one.
PGBENCH_INSERT = (
    "\\set number random(1, 9000000000000000)\n"
    f"INSERT INTO {data.PEOPLE} ({', '.join(data.GIVEN)}) VALUES "
    "(:name, 'person.' || :number::text || '@example.com', :age, :score, :active, :created, :meta) RETURNING id;\n"
)
PGBENCH_VALUES = {
    "name": "Person 2025",
    "age": "42",
    "score": "63.12345678901234",
    "active": "true",
    "created": "2024-03-01T12:34:56.789012Z",
    "meta": '{"plan":"free","seats":7,"flags":["a","b"]}',
}
NO_KEYS = "Tortoise's bulk_create gives no keys back, and is spared them; the others give them in the order of the rows"


class Orms:
    """Every ORM connected, for as long as the parts run."""

    def __init__(self, bench: Bench) -> None:
        """Make the tables and connect."""
        self.bench = bench
        self.admin = bench.admin
        with ExitStack() as stack:
            stack.enter_context(data.tables(bench.admin))
            data.fill(bench.admin)
            self.howdah = self._connected(stack, Howdah)
            self.sqlalchemy = self._connected(stack, Sqlalchemy)
            others = [self._connected(stack, one) for one in (TortoiseOrm, Piccolo, Yara)]
            self.asyncpg = self._connected(stack, Asyncpg)
            self.all: list[Orm] = [self.howdah, self.sqlalchemy, *others]
            self._stack = stack.pop_all()

    def _connected(self, stack: ExitStack, kind: Any) -> Any:  # noqa: ANN401 (any client)
        client = kind(self.bench.url)
        stack.callback(client.close)
        say(f"orm: {client.name}: connected")
        return client

    def close(self) -> None:
        """Disconnect, and drop the tables."""
        self._stack.close()

    def turns(
        self, part: str, contestants: Sequence[Contestant], prepare: Callable[[], object], *, calls: int = 1
    ) -> dict[str, Any]:
        """Let contestants take turns.

        The garbage collector passes over what is there already: six ORMs and all the data are more than any
        application has, and whose turn it is when they are gone through would be chance.
        """
        gc.collect()
        gc.freeze()
        try:
            with closing(contestants):
                return alternate(part, contestants, self.bench.rounds, lambda: _nothing(prepare()), calls=calls)
        finally:
            gc.unfreeze()


def _nothing(_: object) -> None:
    """Forget what was prepared."""


def find(orms: Orms) -> Part:
    """Find one by key, as object."""
    rows = data.fill(orms.admin)
    keys = _keys(FOUND)
    clients: list[Client] = [*orms.all, orms.asyncpg]
    for client in clients:
        got = [client.wait(client.get(key)) for key in keys[:CHECKED]]
        plain = [client.plain(one) for one in got] if isinstance(client, Asyncpg) else got
        data.check(client.name, plain, [rows[key - 1] for key in keys[:CHECKED]], data.COLUMNS)
        say(f"orm-find: {client.name}: equal to what was stored")
    calls = 3
    contestants = [Each(client, client.get, lambda: keys) for client in clients]
    samples = orms.turns("orm-find", contestants, lambda: None, calls=calls)
    checked = f"before the rounds, each found {CHECKED} rows whose values and types were those stored"
    notes = [f"{calls} times {FOUND:,} finds in each round, one after another, through the pool"]
    return Part("orm-find", "Find one by key, as object", FOUND, samples, checked, notes, unit="finds")


def save(orms: Orms) -> Part:
    """Save one new row, with the server's default settings: a commit waits for the disk."""
    return _save(orms, "orm-save", "Save one new row")


def save_unflushed(orms: Orms) -> Part:
    """Save one new row; no commit waits for the disk."""
    with data.unflushed(orms.admin):
        return _save(orms, "orm-save-unflushed", "Save one new row, synchronous_commit off")


def _save(orms: Orms, name: str, title: str) -> Part:
    rows = data.people(SAVED)
    for orm in orms.all:
        data.empty(orms.admin)
        made = [orm.wait(orm.save(row)) for row in rows[:CHECKED]]
        _check_stored(orms, orm, rows[:CHECKED], [one.id for one in made])
        say(f"{name}: {orm.name}: equal to what was given")
    limit = Pgbench(LIMIT_PGBENCH_INSERT, orms.bench.url, SAVED, script=PGBENCH_INSERT, values=PGBENCH_VALUES)
    contestants: list[Contestant] = [*(Each(orm, orm.save, lambda: rows) for orm in orms.all), limit]
    samples = orms.turns(name, contestants, partial(data.empty, orms.admin))
    checked = f"before the rounds, each stored {CHECKED} rows, and the server then had them under the keys it had given"
    notes = [
        f"{SAVED} saves in each round, one after another, each a transaction of its own; the table is emptied before",
    ]
    return Part(name, title, SAVED, samples, checked, notes, unit="saves")


def update(orms: Orms) -> Part:
    """Load one, change it and save it, with the server's default settings: a commit waits for the disk."""
    return _update(orms, "orm-update", "Load one, change it, save it")


def update_unflushed(orms: Orms) -> Part:
    """Load one, change it and save it; no commit waits for the disk."""
    with data.unflushed(orms.admin):
        return _update(orms, "orm-update-unflushed", "Load one, change it, save it, synchronous_commit off")


def _update(orms: Orms, name: str, title: str) -> Part:
    keys = _keys(UPDATED)
    scores = itertools.count()

    def items() -> list[tuple[int, float]]:
        # Each time another value: one that is there already need not be stored.
        return [(key, next(scores) + 0.25) for key in keys]

    for orm in orms.all:
        wanted = {row["id"]: row for row in data.fill(orms.admin)}
        for key, score in items()[:CHECKED]:
            orm.wait(orm.update(key, score))
            wanted[key]["score"] = score
        data.check(orm.name, data.stored(orms.admin), wanted.values(), data.COLUMNS)
        say(f"{name}: {orm.name}: equal to what was given")
    contestants = [Each(orm, _spread(orm.update), items) for orm in orms.all]
    data.fill(orms.admin)
    samples = orms.turns(name, contestants, lambda: None)
    checked = f"before the rounds, each changed {CHECKED} rows; the server then had these changed and the others not"
    notes = [f"{UPDATED} updates in each round, one after another, each a transaction of its own"]
    return Part(name, title, UPDATED, samples, checked, notes, unit="updates")


def insert_many(orms: Orms) -> Part:
    """Insert 10,000 dicts."""
    return _insert(orms, "orm-insert-many", MANY, calls=3)


def insert_few(orms: Orms) -> Part:
    """Insert 100 dicts."""
    return _insert(orms, "orm-insert-few", FEW, calls=20)


def _insert(orms: Orms, name: str, count: int, *, calls: int) -> Part:
    rows = data.people(count * calls)
    batches = [rows[start : start + count] for start in range(0, len(rows), count)]
    for orm in orms.all:
        data.empty(orms.admin)
        _check_stored(orms, orm, batches[0], orm.wait(orm.insert_many(batches[0])))
        say(f"{name}: {orm.name}: equal to what was given")
    contestants = [Next(orm, orm.insert_many, batches) for orm in orms.all]
    samples = orms.turns(name, contestants, partial(data.empty, orms.admin), calls=calls)
    checked = "before the rounds, the server had each one's rows under the keys that it gave for them"
    notes = [
        f"{calls} calls in each round, each a transaction; seconds are those of one call; the table is emptied before",
        NO_KEYS,
    ]
    return Part(name, f"insert_many of {count:,} dicts, with keys", count, samples, checked, notes)


def fetch(orms: Orms) -> Part:
    """Fetch all rows as objects."""
    rows = data.fill(orms.admin)
    for orm in orms.all:
        got = sorted(orm.wait(orm.fetch()), key=_key)
        data.check(orm.name, got, rows, data.COLUMNS)
        say(f"orm-fetch: {orm.name}: equal to what was stored")
    calls = 5
    contestants = [Next(orm, _without_argument(orm.fetch), [None]) for orm in orms.all]
    samples = orms.turns("orm-fetch", contestants, lambda: None, calls=calls)
    checked = "before the rounds, each one's objects had the values and types that were stored"
    notes = [f"{calls} calls in each round; seconds are those of one call"]
    return Part("orm-fetch", "Fetch rows of 8 columns as objects", len(rows), samples, checked, notes)


def load(orms: Orms) -> Part:
    """Fetch people with their posts."""
    rows = data.fill(orms.admin)[: data.AUTHORS]
    written = [{"id": key, **post} for key, post in enumerate(data.posts(), 1)]
    columns = [name for name in data.POST_COLUMNS if name != "author_id"]
    below = data.AUTHORS + 1
    for orm in orms.all:
        got = sorted(orm.wait(orm.authors(below)), key=_key)
        data.check(orm.name, got, rows, data.COLUMNS)
        for person in got:
            theirs = [post for post in written if post["author_id"] == person.id]
            data.check(orm.name, sorted(orm.wait(orm.posts_of(person)), key=_key), theirs, columns)
        say(f"orm-load: {orm.name}: equal to what was stored")
    calls = 20
    contestants = [Next(orm, orm.authors, [below]) for orm in orms.all]
    samples = orms.turns("orm-load", contestants, lambda: None, calls=calls)
    checked = "before the rounds, each one's people and their posts had the values and types that were stored"
    notes = [
        f"{calls} calls in each round; seconds are those of one call",
        "Piccolo loads no collections: it has two queries, and a loop that puts the one's rows into the other's",
    ]
    title = f"Fetch people with {data.POSTS_EACH} posts each"
    return Part("orm-load", title, data.AUTHORS, samples, checked, notes, unit="people")


def frame(orms: Orms) -> Part:
    """Fetch rows as a polars DataFrame."""
    rows = data.fill(orms.admin, FRAME)
    expected = pl.DataFrame({name: [row[name] for row in rows] for name in data.FRAME_COLUMNS})
    both = (orms.howdah, orms.sqlalchemy)
    for orm in both:
        got = orm.wait(orm.frame()).sort("id")
        if got.columns != expected.columns or not got.cast(expected.schema).equals(expected):
            message = f"{orm.name}: the frame is not what was stored: {got}"
            raise UnequalError(message)
        say(f"orm-frame: {orm.name}: equal to what was stored")
    calls = 3
    contestants = [Next(orm, _without_argument(orm.frame), [None]) for orm in both]
    samples = orms.turns("orm-frame", contestants, lambda: None, calls=calls)
    checked = "before the rounds, each one's frame, its integers and moments cast alike, was that of the rows stored"
    notes = [f"{calls} calls in each round; seconds are those of one call; the JSON column is left out for both"]
    return Part("orm-frame", "Fetch rows of 7 columns to_polars", len(rows), samples, checked, notes)


PARTS = {
    "orm-find": find,
    "orm-save": save,
    "orm-save-unflushed": save_unflushed,
    "orm-update": update,
    "orm-update-unflushed": update_unflushed,
    "orm-insert-many": insert_many,
    "orm-insert-few": insert_few,
    "orm-fetch": fetch,
    "orm-load": load,
    "orm-frame": frame,
}


def run(bench: Bench, parts: Sequence[str]) -> list[Part]:
    """Connect every ORM and run parts by their names.

    Raises:
        UnequalError: an ORM stored or returned something else.
    """
    orms = Orms(bench)
    try:
        return [PARTS[name](orms) for name in parts]
    finally:
        orms.close()


def _keys(count: int) -> list[int]:
    return random.Random(2013).sample(range(1, data.STORED + 1), k=count)  # noqa: S311 (nothing here is secret)


def _key(row: Any) -> int:  # noqa: ANN401 (each has objects of its own)
    key: int = row.id
    return key


def _spread(do: Callable[[int, float], Any]) -> Callable[[tuple[int, float]], Any]:
    return lambda item: do(*item)


def _without_argument(do: Callable[[], Any]) -> Callable[[None], Any]:
    return lambda _: do()


def _check_stored(orms: Orms, orm: Orm, rows: Sequence[Row], keys: Sequence[int] | None) -> None:
    """Compare the server's rows with those given, each under its key; without keys, in their order."""
    found = data.stored(orms.admin)
    if keys is not None:
        by_key = {row["id"]: row for row in found}
        if len(by_key) != len(keys):
            message = f"{orm.name}: expected {len(keys)} rows, the server has {len(by_key)}"
            raise UnequalError(message)
        found = [by_key[key] for key in keys]
    data.check(orm.name, found, rows, data.GIVEN)
