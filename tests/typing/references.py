"""What type checkers know of references, their keys, and what may be None. Nothing here is run."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, assert_type

import howdah as pg
from howdah import Col, Database, Expr, Query
from howdah.expressions.functions import Aggregate
from tests.typing.schema import Book, Loan, Post, Review, User


def a_constructor_takes_a_reference_or_its_key(user: User, book: Book) -> None:
    Book(title="On elephants", author_id=3)
    Book(title="On elephants", author=user)
    Book(title="On elephants", author=user, editor=None)
    Book(title="On elephants", author=user, editor_id=None)
    Book(title="On elephants", author_id=3, editor=user)
    Loan(book_id=3)
    Review(book=book)


def a_key_is_a_column(db: Database, book: Book, loan: Loan, review: Review) -> None:
    assert_type(Book.author_id, Col[int])
    assert_type(Book.editor_id, Col[int | None])
    assert_type(book.author_id, int)
    assert_type(book.editor_id, int | None)
    assert_type((loan.book_id, review.book_id), tuple[int, int])
    book.author_id = 4
    book.editor_id = None
    assert_type(db.find(Book, Book.author_id == 3, Book.editor_id == None).to_list(), list[Book])  # noqa: E711
    assert_type(db.find(Book).select(Book.author_id, Book.editor_id), Query[tuple[int, int | None]])
    db.find(User, User.id.in_(db.find(Book).select(Book.editor_id)))


def a_reference_is_compared(db: Database, user: User, post: Post) -> None:
    assert_type(Book.author == user, Expr[bool])
    assert_type(Book.author != user, Expr[bool])
    assert_type(Book.editor == user, Expr[bool])
    assert_type(Book.editor == None, Expr[bool])  # noqa: E711
    assert_type(Book.editor != None, Expr[bool])  # noqa: E711
    assert_type(Book.editor.is_null(), Expr[bool])
    assert_type(Book.editor.is_not_null(), Expr[bool])
    assert_type(Book.author == Book.editor, Expr[bool])
    assert_type(Book.editor == Book.author, Expr[bool])
    assert_type(Book.author.in_([user]), Expr[bool])
    assert_type(Book.editor.in_([user, None]), Expr[bool])
    assert_type(Book.author.not_in([user]), Expr[bool])
    assert_type(Book.author.in_(db.find(User, User.active)), Expr[bool])
    assert_type(Book.author.not_in(db.find(Post).select(Post.author.id)), Expr[bool])
    assert_type(Book.author.company == user.company, Expr[bool])
    assert_type(User.posts == post, Expr[bool])
    other = pg.alias(User)
    db.find(Book).join(other, on=Book.author == other).where((Book.author == user) | Book.editor.is_null())


def a_reference_is_a_key(db: Database) -> None:
    query = db.find(Book).order_by(Book.author, Book.editor, Book.author.company, -Book.author.score)
    assert_type(query.distinct(Book.author).group_by(Book.editor), Query[Book])
    assert_type(pg.count().over(partition_by=[Book.author], order_by=[Book.editor]), Expr[int])
    assert_type(db.find(Book).select(Book.title, Book.author), Query[tuple[str, object]])
    db.find(Book).select(pg.max(Book.author), pg.array_agg(Book.editor))
    db.find(Book).load(Book.author, Book.editor, Book.editor.company, Book.author.posts)
    db.find(Book).join(Book.editor, how="left")


def a_path_over_a_reference_that_may_be_none_may_be_none(db: Database, book: Book) -> None:
    assert_type(book.editor, User | None)
    assert_type(Book.author.name, Col[str])
    query = db.find(Book)
    assert_type(query.select(Book.author.name, Book.editor.name), Query[tuple[str, str | None]])
    assert_type(query.select(Book.editor.age, Book.editor.id), Query[tuple[int | None, int | None]])
    assert_type(query.select(Book.editor.company.name), Query[tuple[str | None]])
    computed = query.select(Book.editor.score + 1, Book.editor.name.as_("by"), pg.lower(Book.editor.name))
    assert_type(computed, Query[tuple[int | None, str | None, str | None]])
    assert_type(pg.max(Book.editor.score), Aggregate[int | None])
    assert_type(pg.coalesce(Book.editor.name, "nobody"), Expr[str])
    query.where(Book.editor.name == "Ann", Book.editor.score > 3, ~Book.editor.active, Book.editor.name.like("A%"))
    query.where(Book.editor.active & Book.author.active, Book.editor.active)
    query.order_by(Book.editor.name, -Book.editor.score).group_by(Book.editor.name)
    db.find(User, User.name == Book.editor.name)


def an_aggregate_of_no_rows_is_none() -> None:
    assert_type(pg.sum(Book.copies), Aggregate[int | None])
    assert_type(pg.sum(Book.price), Aggregate[Decimal | None])
    assert_type(pg.avg(Book.copies), Aggregate[float | None])
    assert_type(pg.avg(User.created_at - User.created_at), Aggregate[dt.timedelta | None])
    assert_type(pg.min(Book.title), Aggregate[str | None])
    assert_type(pg.max(Book.sold), Aggregate[int | None])
    assert_type(pg.array_agg(Book.sold), Aggregate[list[int | None] | None])
    assert_type(pg.string_agg(Book.title, ", "), Aggregate[str | None])
    assert_type(pg.json_agg(Book.title), Aggregate[list[Any] | None])
    assert_type(pg.bool_and(Book.copies > 3), Aggregate[bool | None])
    assert_type(pg.bool_or(User.active), Aggregate[bool | None])
    assert_type(pg.count(), Aggregate[int])
    assert_type(pg.sum(Book.copies).filter(Book.copies > 1).over(), Expr[int | None])
    Book.find().having(pg.max(Book.copies) > 3, pg.bool_and(Book.copies > 3))


def numbers_of_two_types_make_the_wider_one() -> None:
    assert_type(Book.price * Book.copies, Expr[Decimal])
    assert_type(Book.copies * Book.price, Expr[Decimal])
    assert_type(Book.price + 2, Expr[Decimal])
    assert_type(2 * Book.price, Expr[Decimal])
    assert_type(Book.copies / Decimal(2), Expr[Decimal])
    assert_type(Decimal(2) * Book.copies, Expr[Decimal])
    assert_type(Book.price * Book.sold, Expr[Decimal | None])
    assert_type(Book.reduced * Book.copies, Expr[Decimal | None])
    assert_type(Book.copies * Book.reduced, Expr[Decimal | None])
    assert_type(Book.sold * Book.price, Expr[Decimal | None])
    assert_type(Book.reduced - Book.price, Expr[Decimal | None])
    assert_type(Book.price - Book.reduced, Expr[Decimal | None])
    assert_type(Book.weight * Book.copies, Expr[float])
    assert_type(Book.copies * Book.weight, Expr[float])
    assert_type(Book.copies * 1.5, Expr[float])
    assert_type(Book.weight * Book.sold, Expr[float | None])
    assert_type(Book.copies + Book.sold, Expr[int | None])
    assert_type(Book.sold + Book.copies, Expr[int | None])
    assert_type(Book.copies % 2, Expr[int])
    assert_type(pg.sum(Book.price * Book.copies), Aggregate[Decimal | None])


def what_may_be_none_is_compared_with_what_may_not(db: Database) -> None:
    db.find(Book, Book.price > Book.copies, Book.copies == Book.price, Book.price == 3, Book.weight < Book.copies)
    db.find(Book, Book.sold == Book.copies, Book.copies != Book.sold, Book.sold > Book.copies, Book.copies >= Book.sold)
    db.find(Book, Book.sold.between(1, Book.copies), Book.copies.is_distinct_from(Book.sold))
    db.find(Book, Book.sold.in_(db.find(Book).select(Book.copies)), Book.copies.not_in(db.find(Book).select(Book.sold)))


def dates_and_spans() -> None:
    day = dt.timedelta(days=1)
    assert_type(Book.printed + day, Expr[dt.date | None])
    assert_type(day + Book.printed, Expr[dt.date | None])
    assert_type(Book.printed - dt.date(2026, 1, 1), Expr[int | None])
    assert_type(dt.date(2026, 1, 1) - Book.printed, Expr[int | None])
    assert_type(User.created_at - day, Expr[dt.datetime])
    assert_type(pg.now() - User.created_at, Expr[dt.timedelta])
    assert_type(dt.datetime.now(dt.UTC) - User.created_at, Expr[dt.timedelta])


def functions_keep_none() -> None:
    assert_type(pg.lower(Book.title), Expr[str])
    assert_type(pg.length(Book.title), Expr[int])
    assert_type(pg.upper(Book.editor.name), Expr[str | None])
    assert_type(pg.lower(User.seen), Expr[dt.datetime | None])
    assert_type(pg.nullif(Book.editor.name, "x"), Expr[str | None])
    assert_type(pg.lag(Book.title).over(), Expr[str | None])


def rows_of_a_query_have_typed_columns(db: Database) -> None:
    total = pg.sum(Book.copies).as_("total")
    totals = pg.subquery(db.find(Book).select(Book.author_id, Book.editor.name, total).group_by(Book.author_id))
    assert_type(totals[Book.author_id], Expr[int])
    assert_type(totals[Book.editor.name], Expr[str | None])
    assert_type(totals[total], Expr[int | None])
    assert_type(totals.total, Expr[Any])
    assert_type(totals["total"], Expr[Any])
    joined = db.find(User).join(totals, on=totals[Book.author_id] == User.id).where(totals[total] > 3)
    assert_type(joined.select(User.name, totals[total]), Query[tuple[str, int | None]])
    assert_type(db.find(totals, totals[total] > 3).select(totals[total]), Query[tuple[int | None]])
    first = db.find(Book, Book.editor.is_null()).select(Book.id, Book.title)

    def rest(known: pg.Derived) -> Query[tuple[int, str]]:
        assert_type(known[Book.id], Expr[int])
        return db.find(Book).join(known, on=Book.id == known[Book.id] + 1).select(Book.id, Book.title)

    chain = pg.cte("chain", first, recursive=rest)
    assert_type(chain[Book.title], Expr[str])
    assert_type(db.find(Book).select(pg.max(Book.copies)).scalar(), Expr[int | None])
    assert_type(db.find(Book).select(Book.title).array(), Expr[list[str]])
