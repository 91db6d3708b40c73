"""The tables of SQLAlchemy's unified tutorial, for both tools, and their rows."""

from __future__ import annotations

import sqlalchemy as sa

import howdah as pg
from howdah import Col, Many, Ref, Table, col


class User(Table):
    """Has addresses."""

    __table__ = "user_account"
    id: Col[int] = pg.identity()
    name: Col[str]
    fullname: Col[str | None] = col(default=None)
    addresses: Many[Address] = pg.many(via="user")


class Address(Table):
    """Is a user's."""

    __table__ = "address"
    id: Col[int] = pg.identity()
    email_address: Col[str]
    user: Ref[User] = pg.ref()


metadata = sa.MetaData()
user_table = sa.Table(
    "user_account",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("name", sa.String(30)),
    sa.Column("fullname", sa.String),
)
address_table = sa.Table(
    "address",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("email_address", sa.String),
    sa.Column("user_id", sa.ForeignKey("user_account.id")),
)

USERS = [
    {"name": "spongebob", "fullname": "Spongebob Squarepants"},
    {"name": "sandy", "fullname": "Sandy Cheeks"},
    {"name": "patrick", "fullname": "Patrick Star"},
    {"name": "squidward", "fullname": "Squidward Tentacles"},
    {"name": "ehkrabs", "fullname": None},
]
ADDRESSES = [
    {"email_address": "spongebob@sqlalchemy.org", "user_id": 1},
    {"email_address": "sandy@sqlalchemy.org", "user_id": 2},
    {"email_address": "sandy@squirrelpower.org", "user_id": 2},
    {"email_address": "pat999@aol.com", "user_id": 3},
    {"email_address": "stentcl@sqlalchemy.org", "user_id": 4},
]
