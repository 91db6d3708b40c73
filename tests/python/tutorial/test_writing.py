"""What SQLAlchemy's unified tutorial writes, and does with related objects, done by howdah: the tables end up the same.

Sources: https://docs.sqlalchemy.org/en/20/tutorial/data_insert.html, https://docs.sqlalchemy.org/en/20/tutorial/data_update.html,
https://docs.sqlalchemy.org/en/20/tutorial/orm_data_manipulation.html and
https://docs.sqlalchemy.org/en/20/tutorial/orm_related_objects.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import howdah
import howdah as pg
from tests.python.tutorial.tables import Address, User, address_table, user_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

U, A = user_table.c, address_table.c
ROWS = (
    "SELECT u.name, u.fullname, a.email_address FROM user_account u FULL JOIN address a ON a.user_id = u.id "
    "ORDER BY 1, 2, 3"
)


def _insert_one(db: howdah.Database) -> object:
    return db.save(User(name="gary", fullname="Gary Snail"))


def _from_select(db: howdah.Database) -> object:
    found = db.find(User).select((User.name + "@aol.com").as_("email_address"), User.id.as_("user_id")).to_arrow()
    return db.insert_many(Address, found)


def _correlated(db: howdah.Database) -> object:
    first = Address.find(Address.user.id == User.id).order_by(Address.id).limit(1).select(Address.email_address)
    return db.find(User).update(User.fullname.set(first.scalar()))


def _unit_of_work(db: howdah.Database) -> object:
    with db.transaction():
        sandy = db.find(User, User.name == "sandy").one()
        sandy.fullname = "Sandy Squirrel"
        db.save(sandy)
        krabs = db.save(User(name="mr", fullname="Eugene H. Krabs"))
        return db.save(Address(email_address="pearl@aol.com", user=krabs))


def _inner_limited() -> Any:
    inner = sa.select(A.email_address).where(A.user_id == U.id).order_by(A.id).limit(1)
    return sa.update(user_table).values(fullname=inner.scalar_subquery())


WRITES: dict[str, tuple[Callable[[], list[Any]], Callable[[howdah.Database], object]]] = {
    "the insert construct": (
        lambda: [sa.insert(user_table).values(name="gary", fullname="Gary Snail")],
        _insert_one,
    ),
    "insert of many rows": (
        lambda: [sa.insert(user_table).values([{"name": "a", "fullname": "A"}, {"name": "b", "fullname": None}])],
        lambda db: db.insert_many(User, [{"name": "a", "fullname": "A"}, {"name": "b"}]),
    ),
    "insert from select": (
        lambda: [
            sa.insert(address_table).from_select(["user_id", "email_address"], sa.select(U.id, U.name + "@aol.com"))
        ],
        _from_select,
    ),
    "the update construct": (
        lambda: [sa.update(user_table).where(U.name == "patrick").values(fullname="Patrick the Star")],
        lambda db: db.find(User, User.name == "patrick").update(User.fullname.set("Patrick the Star")),
    ),
    "update with an expression": (
        lambda: [sa.update(user_table).values(fullname="Username: " + U.name)],
        lambda db: db.find(User).update(User.fullname.set("Username: " + User.name)),
    ),
    "correlated updates": (lambda: [_inner_limited()], _correlated),
    "update from": (
        lambda: [
            sa.update(user_table)
            .where(U.id == A.user_id)
            .where(A.email_address == "pat999@aol.com")
            .values(fullname="Pat")
        ],
        lambda db: db.find(
            User, pg.exists(Address.find(Address.user.id == User.id, Address.email_address == "pat999@aol.com"))
        ).update(User.fullname.set("Pat")),
    ),
    "the delete construct": (
        lambda: [sa.delete(address_table).where(A.user_id == 3), sa.delete(user_table).where(U.name == "patrick")],
        lambda db: (db.find(Address, Address.user.id == 3).delete(), db.find(User, User.name == "patrick").delete()),
    ),
    "multiple table deletes": (
        lambda: [sa.delete(address_table).where(U.id == A.user_id).where(U.name == "sandy")],
        lambda db: db.find(Address, Address.user.name == "sandy").delete(),
    ),
    "the unit of work": (
        lambda: [
            sa.update(user_table).where(U.name == "sandy").values(fullname="Sandy Squirrel"),
            sa.insert(user_table).values(id=6, name="mr", fullname="Eugene H. Krabs"),
            sa.insert(address_table).values(email_address="pearl@aol.com", user_id=6),
        ],
        _unit_of_work,
    ),
}


@pytest.mark.parametrize("heading", WRITES)
def test_heading_leaves_the_same_rows(db: howdah.Database, engine: Any, sql: Sql, heading: str) -> None:
    theirs, ours = WRITES[heading]
    with engine.connect() as connection:
        for statement in theirs():
            connection.execute(statement)
        expected = [tuple(row) for row in connection.execute(sa.text(ROWS))]
        connection.rollback()
    before = sql(ROWS)
    ours(db)
    assert sql(ROWS) == expected
    assert expected != before


def test_affected_row_count_is_the_same(db: howdah.Database, engine: Any) -> None:
    with engine.connect() as connection:
        result = connection.execute(sa.update(user_table).values(fullname="x").where(U.name == "patrick"))
        expected = result.rowcount
        connection.rollback()
    assert db.find(User, User.name == "patrick").update(User.fullname.set("x")) == expected == 1


def test_returning_gives_the_same_rows(db: howdah.Database, engine: Any) -> None:
    with engine.connect() as connection:
        updated = connection.execute(
            sa.update(user_table).where(U.id < 3).values(fullname="x").returning(U.id, U.fullname)
        ).all()
        deleted = connection.execute(sa.delete(address_table).where(A.user_id == 2).returning(A.email_address)).all()
        connection.rollback()
    ours = db.find(User, User.id < 3).returning(User.id, User.fullname).update(User.fullname.set("x"))
    assert sorted(ours) == sorted(map(tuple, updated))
    gone = db.find(Address, Address.user.id == 2).returning(Address.email_address).delete()
    assert sorted(gone) == sorted(map(tuple, deleted))


def test_rolling_back_leaves_all_as_it_was(db: howdah.Database, sql: Sql) -> None:
    before = sql(ROWS)
    with db.transaction() as transaction:
        db.find(Address).delete()
        db.save(User(name="x"))
        transaction.rollback()
    assert sql(ROWS) == before


def test_get_gives_the_object_of_a_key(db: howdah.Database) -> None:
    squidward = db.get(User, 4)
    assert (squidward.name, squidward.fullname) == ("squidward", "Squidward Tentacles")
    with pytest.raises(howdah.NoRow):
        db.get(User, 99)


def test_persisting_relationships_takes_the_key_of_the_other(db: howdah.Database, sql: Sql) -> None:
    pearl = User(name="pkrabs", fullname="Pearl Krabs")
    addresses = [
        Address(email_address="pearl.krabs@gmail.com", user=pearl),
        Address(email_address="p@aol.com", user=pearl),
    ]
    db.save(pearl)
    db.insert_many(Address, addresses)
    assert sql("SELECT email_address FROM address WHERE user_id = 6 ORDER BY id") == [
        ("pearl.krabs@gmail.com",),
        ("p@aol.com",),
    ]


def test_selectin_load_gives_the_same_collections(db: howdah.Database, engine: Any) -> None:
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(U.name, A.email_address).outerjoin(address_table).order_by(U.id, A.id)
        ).all()
    expected: dict[str, list[str]] = {}
    for name, address in rows:
        expected.setdefault(name, []).extend([address] if address else [])
    users = db.find(User).load(User.addresses).order_by(User.id).to_list()
    assert {user.name: [one.email_address for one in user.addresses] for user in users} == expected


def test_joined_load_gives_the_other_object(db: howdah.Database) -> None:
    addresses = db.find(Address).load(Address.user).order_by(Address.id).to_list()
    assert [(one.email_address, one.user.name) for one in addresses[:2]] == [
        ("spongebob@sqlalchemy.org", "spongebob"),
        ("sandy@sqlalchemy.org", "sandy"),
    ]


def test_raise_load_is_the_rule(db: howdah.Database) -> None:
    with pytest.raises(howdah.NotLoaded):
        _ = db.get(User, 1).addresses


def test_exists_forms_has_and_any_find_the_same(db: howdah.Database, engine: Any) -> None:
    with engine.connect() as connection:
        has_any = sa.exists().where(A.user_id == U.id, A.email_address == "pearl.krabs@gmail.com")
        assert connection.execute(sa.select(U.name).where(has_any)).all() == []
        without = connection.execute(sa.select(U.name).where(~sa.exists().where(A.user_id == U.id))).all()
        of_sandy = connection.execute(
            sa.select(A.email_address).join(user_table).where(U.name == "sandy").order_by(A.id)
        ).all()
    some = Address.find(Address.user.id == User.id)
    assert db.find(User, ~some.exists_()).select(User.name).to_list() == [tuple(row) for row in without]
    found = db.find(Address, Address.user.name == "sandy").order_by(Address.id).select(Address.email_address)
    assert found.to_list() == [tuple(row) for row in of_sandy]
