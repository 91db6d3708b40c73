"""What SQLAlchemy's unified tutorial selects, selected by howdah from the same tables: the rows are the same.

Source: https://docs.sqlalchemy.org/en/20/tutorial/data_select.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.sql import func

import howdah as pg
from tests.python.tutorial.tables import Address, User, address_table, user_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import howdah

    Both = tuple[Any, Callable[[howdah.Database], Any]]

U, A = user_table.c, address_table.c


def _subquery() -> Both:
    """Count each user's addresses in a subquery, and join it."""
    counts = sa.select(func.count(A.id).label("count"), A.user_id).group_by(A.user_id).subquery()
    theirs = sa.select(U.name, U.fullname, counts.c.count).join_from(user_table, counts, U.id == counts.c.user_id)

    def ours(db: howdah.Database) -> Any:
        rows = pg.subquery(
            Address.find().group_by(Address.user.id).select(pg.count(Address.id).as_("count"), Address.user.id)
        )
        return db.find(User).join(rows, on=User.id == rows.user_id).select(User.name, User.fullname, rows.count)

    return theirs, ours


def _cte() -> Both:
    """Do the same by a CTE."""
    counts = sa.select(func.count(A.id).label("count"), A.user_id).group_by(A.user_id).cte()
    theirs = sa.select(U.name, counts.c.count).join_from(user_table, counts, U.id == counts.c.user_id)

    def ours(db: howdah.Database) -> Any:
        query = Address.find().group_by(Address.user.id).select(pg.count(Address.id).as_("count"), Address.user.id)
        rows = pg.cte("counts", query)
        return db.find(User).join(rows, on=User.id == rows.user_id).select(User.name, rows.count)

    return theirs, ours


def _lateral() -> Both:
    """Join a subquery that looks at the row before it."""
    inner = (
        sa.select(func.count(A.id).label("address_count"), A.email_address, A.user_id)
        .where(U.id == A.user_id)
        .group_by(A.email_address, A.user_id)
        .lateral()
    )
    theirs = sa.select(U.name, inner.c.address_count, inner.c.email_address).join_from(user_table, inner, sa.true())

    def ours(db: howdah.Database) -> Any:
        rows = pg.subquery(
            Address.find(Address.user.id == User.id)
            .group_by(Address.email_address)
            .select(pg.count(Address.id).as_("address_count"), Address.email_address)
        )
        return db.find(User).join(rows, lateral=True).select(User.name, rows.address_count, rows.email_address)

    return theirs, ours


def _aliases() -> Both:
    """Find users with two addresses."""
    one, other = address_table.alias(), address_table.alias()
    theirs = (
        sa.select(U.name)
        .join_from(user_table, one)
        .join(other, other.c.user_id == U.id)
        .where(one.c.email_address == "sandy@sqlalchemy.org", other.c.email_address == "sandy@squirrelpower.org")
    )

    def ours(db: howdah.Database) -> Any:
        first, second = pg.alias(Address), pg.alias(Address)
        return (
            db.find(User)
            .join(first, on=first.user.id == User.id)
            .join(second, on=second.user.id == User.id)
            .where(first.email_address == "sandy@sqlalchemy.org", second.email_address == "sandy@squirrelpower.org")
            .select(User.name)
        )

    return theirs, ours


def _self_join() -> Both:
    """Pair users with those that follow them."""
    one, other = user_table.alias(), user_table.alias()
    theirs = sa.select(one.c.name, other.c.name).join_from(one, other, one.c.id > other.c.id)

    def ours(db: howdah.Database) -> Any:
        other = pg.alias(User)
        return db.find(User).join(other, on=User.id > other.id).select(User.name, other.name)

    return theirs, ours


def _labelled() -> Both:
    """Order by what a label names."""
    theirs = sa.select(A.user_id, func.count(A.id).label("n")).group_by("user_id").order_by(sa.desc("n"), "user_id")

    def ours(db: howdah.Database) -> Any:
        count = pg.count(Address.id)
        found = db.find(Address).group_by(Address.user.id).select(Address.user.id, count.as_("n"))
        return found.order_by(count.desc(), Address.user.id)

    return theirs, ours


def _column_valued() -> Both:
    """Take rows from a function."""
    numbers = func.generate_series(2, 4).column_valued("n")

    def ours(db: howdah.Database) -> Any:
        series = pg.table_function("generate_series", 2, 4, columns={"n": int})
        return db.find(series).select(series.n)

    return sa.select(numbers), ours


HEADINGS: dict[str, Callable[[], Both]] = {
    "selecting orm entities and columns": lambda: (
        sa.select(U.name, U.fullname),
        lambda db: db.find(User).select(User.name, User.fullname),
    ),
    "selecting from labeled sql expressions": lambda: (
        sa.select(("Username: " + U.name).label("username")),
        lambda db: db.find(User).select(("Username: " + User.name).as_("username")),
    ),
    "selecting with textual column expressions": lambda: (
        sa.select(sa.literal("some phrase"), U.name),
        lambda db: db.find(User).select(pg.value("some phrase"), User.name),
    ),
    "the where clause": lambda: (
        sa.select(U.id, U.name).where(U.name == "squidward"),
        lambda db: db.find(User, User.name == "squidward").select(User.id, User.name),
    ),
    "where of two tables": lambda: (
        sa.select(A.email_address).where(U.name == "squidward").where(A.user_id == U.id),
        lambda db: db.find(Address, Address.user.name == "squidward").select(Address.email_address),
    ),
    "and, or": lambda: (
        sa.select(A.email_address).where(sa.and_(sa.or_(U.name == "squidward", U.name == "sandy"), A.user_id == U.id)),
        lambda db: db.find(Address, (Address.user.name == "squidward") | (Address.user.name == "sandy")).select(
            Address.email_address
        ),
    ),
    "explicit from and joins": lambda: (
        sa.select(U.name, A.email_address).join_from(user_table, address_table),
        lambda db: db.find(User).join(User.addresses).select(User.name, Address.email_address),
    ),
    "setting the on clause": lambda: (
        sa.select(A.email_address).select_from(user_table).join(address_table, U.id == A.user_id),
        lambda db: db.find(User).join(Address, on=User.id == Address.user.id).select(Address.email_address),
    ),
    "outer join": lambda: (
        sa.select(U.name, A.email_address).join_from(user_table, address_table, isouter=True),
        lambda db: db.find(User).join(User.addresses, how="left").select(User.name, Address.email_address),
    ),
    "full join": lambda: (
        sa.select(U.name, A.email_address).join_from(user_table, address_table, full=True),
        lambda db: db.find(User).join(User.addresses, how="full").select(User.name, Address.email_address),
    ),
    "order by": lambda: (
        sa.select(U.fullname, U.name).order_by(U.name.desc()).limit(3),
        lambda db: db.find(User).order_by(-User.name).limit(3).select(User.fullname, User.name),
    ),
    "aggregate functions with group by and having": lambda: (
        sa.select(U.name, func.count(A.id).label("count"))
        .join_from(user_table, address_table)
        .group_by(U.name)
        .having(func.count(A.id) > 1),
        lambda db: (
            db.find(User)
            .join(User.addresses)
            .group_by(User.name)
            .having(pg.count(Address.id) > 1)
            .select(User.name, pg.count(Address.id).as_("count"))
        ),
    ),
    "ordering or grouping by a label": _labelled,
    "using aliases": _self_join,
    "orm entity aliases": _aliases,
    "subqueries": _subquery,
    "common table expressions": _cte,
    "scalar and correlated subqueries": lambda: (
        sa.select(
            U.name,
            sa.select(func.count(A.id)).where(U.id == A.user_id).scalar_subquery().correlate(user_table).label("n"),
        ),
        lambda db: db.find(User).select(
            User.name, Address.find(Address.user.id == User.id).select(pg.count(Address.id)).scalar().as_("n")
        ),
    ),
    "lateral correlation": _lateral,
    "union": lambda: (
        sa.union_all(
            sa.select(U.id, U.name).where(U.name == "sandy"), sa.select(U.id, U.name).where(U.name == "spongebob")
        ),
        lambda db: (
            db.find(User, User.name == "sandy")
            .select(User.id, User.name)
            .union_all(db.find(User, User.name == "spongebob").select(User.id, User.name))
        ),
    ),
    "exists": lambda: (
        sa.select(U.name).where(
            sa.select(func.count(A.id))
            .where(U.id == A.user_id)
            .group_by(A.user_id)
            .having(func.count(A.id) > 1)
            .exists()
        ),
        lambda db: (
            db.find(User)
            .where(
                pg.exists(
                    Address.find(Address.user.id == User.id).group_by(Address.user.id).having(pg.count(Address.id) > 1)
                )
            )
            .select(User.name)
        ),
    ),
    "not exists": lambda: (
        sa.select(U.name).where(~sa.select(A.id).where(U.id == A.user_id).exists()),
        lambda db: db.find(User).where(~pg.exists(Address.find(Address.user.id == User.id))).select(User.name),
    ),
    "sql functions": lambda: (
        sa.select(func.lower(U.fullname), func.upper(U.name), func.max(A.id).over()).join_from(
            user_table, address_table
        ),
        lambda db: (
            db.find(User)
            .join(User.addresses)
            .select(pg.lower(User.fullname), pg.upper(User.name), pg.max(Address.id).over())
        ),
    ),
    "window functions": lambda: (
        sa.select(
            func.row_number().over(partition_by=U.name, order_by=A.id),
            U.name,
            A.email_address,
            func.count().over(order_by=U.name),
        )
        .select_from(user_table)
        .join(address_table),
        lambda db: (
            db.find(User)
            .join(User.addresses)
            .select(
                pg.row_number().over(partition_by=[User.name], order_by=[Address.id]),
                User.name,
                Address.email_address,
                pg.count().over(order_by=[User.name]),
            )
        ),
    ),
    "special modifiers within group, filter": lambda: (
        sa.select(
            func.percentile_disc(0.5).within_group(U.name),
            func.count(A.email_address).filter(U.name == "sandy"),
            func.count(A.email_address).filter(U.name == "spongebob"),
        )
        .select_from(user_table)
        .join(address_table),
        lambda db: (
            db.find(User)
            .join(User.addresses)
            .select(
                pg.func("percentile_disc", 0.5, as_=str).within_group(User.name),
                pg.count(Address.email_address).filter(User.name == "sandy"),
                pg.count(Address.email_address).filter(User.name == "spongebob"),
            )
        ),
    ),
    "table valued and column valued functions": _column_valued,
    "data casts": lambda: (sa.select(sa.cast(U.id, sa.String)), lambda db: db.find(User).select(User.id.cast(str))),
    "in": lambda: (
        sa.select(U.id).where(U.name.in_(["sandy", "patrick"])),
        lambda db: db.find(User, User.name.in_(["sandy", "patrick"])).select(User.id),
    ),
}


@pytest.mark.parametrize("heading", HEADINGS)
def test_heading_gives_the_same_rows(db: howdah.Database, engine: Any, heading: str) -> None:
    theirs, ours = HEADINGS[heading]()
    with engine.connect() as connection:
        expected = [tuple(row) for row in connection.execute(theirs)]
    found = ours(db).to_list()
    if "order" in heading:
        assert found == expected
    else:
        assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert expected
