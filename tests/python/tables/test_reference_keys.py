"""Declarations of the keys of references, and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

import howdah as pg
from howdah import Col, InterfaceError, Ref, Table

if TYPE_CHECKING:
    from collections.abc import Callable


class Author(Table):
    id: Col[int] = pg.identity()
    name: Col[str]


class Bare(Table):
    """Declares no key."""

    __table__ = "book"

    id: Col[int] = pg.identity()
    author: Ref[Author] = pg.ref(on_delete="cascade", index=True)
    editor: Ref[Author | None] = pg.ref(default=None, unique=True)


class Book(Table):
    """Declares both keys."""

    id: Col[int] = pg.identity()
    author: Ref[Author] = pg.ref(on_delete="cascade", default=pg.EITHER)
    author_id: Col[int] = pg.col(default=pg.EITHER, index=True)
    editor_id: Col[int | None] = pg.col(default=None, unique=True)
    editor: Ref[Author | None] = pg.ref(default=None)


def test_reference_key_that_is_declared_is_the_column_that_is_there_without() -> None:
    assert pg.ddl(Author, Book) == pg.ddl(Author, Bare)
    assert [column.attribute for column in Book.__schema__.columns] == ["id", "author_id", "editor_id"]
    assert repr(Book.author_id) == repr(cast("Any", Bare).author_id)


def test_reference_is_given_to_a_constructor_by_object_or_by_key() -> None:
    author = Author(name="Ann")
    cast("Any", author).id = 3
    by_key, by_object = Book(author_id=3), Book(author=author, editor_id=4)
    assert (by_key.author_id, by_key.editor_id, by_key.editor) == (3, None, None)
    assert (by_object.author_id, by_object.author, by_object.editor_id) == (3, author, 4)


def test_reference_given_by_object_and_by_key_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Book\(\): author and author_id are both given; give one"):
        Book(author=Author(name="Ann"), author_id=3)


def test_reference_given_neither_by_object_nor_by_key_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Book\(\): missing: author"):
        Book()


class Uncoded(Table):
    code: Col[str] = pg.col(primary_key=True)


def test_reference_key_has_the_options_of_both_declarations() -> None:
    class Page(Table):
        book: Ref[Book] = pg.ref(on_delete="cascade")
        book_id: Col[int] = pg.col(primary_key=True, name="bound_in", init=False)
        number: Col[int] = pg.col(primary_key=True)

    assert '"bound_in"' in pg.ddl(Page) or "bound_in bigint NOT NULL" in pg.ddl(Page)
    assert "PRIMARY KEY (bound_in, number)" in pg.ddl(Page)
    assert "REFERENCES book (id) ON DELETE CASCADE" in pg.ddl(Page)


def test_reference_key_may_be_declared_by_a_derived_class() -> None:
    class Written(Table, abstract=True):
        id: Col[int] = pg.identity()
        author: Ref[Author] = pg.ref(init=False)

    class Letter(Written):
        author_id: Col[int]

    assert [column.attribute for column in Letter.__schema__.columns] == ["id", "author_id"]
    assert Letter(author_id=3).author_id == 3


def wrong_type() -> object:
    class Wrong(Table):
        id: Col[int] = pg.identity()
        author: Ref[Author] = pg.ref(init=False)
        author_id: Col[str]

    return pg.ddl(Wrong)


def text_key_of_another_type() -> object:
    class Wrong(Table):
        id: Col[int] = pg.identity()
        uncoded: Ref[Uncoded] = pg.ref(init=False)
        uncoded_id: Col[int]

    return Wrong.uncoded_id.type


def key_without_none() -> object:
    class Wrong(Table):
        id: Col[int] = pg.identity()
        editor: Ref[Author | None] = pg.ref(default=None)
        editor_id: Col[int] = pg.col(default=None)

    return Wrong


def reference_without_none() -> object:
    class Wrong(Table):
        id: Col[int] = pg.identity()
        editor: Ref[Author] = pg.ref()
        editor_id: Col[int | None] = pg.col(init=False)

    return Wrong


def either_alone() -> object:
    class Wrong(Table):
        id: Col[int] = pg.identity()
        author: Ref[Author] = pg.ref(default=pg.EITHER)

    return Wrong


def default_of_a_key() -> object:
    class Wrong(Table):
        id: Col[int] = pg.identity()
        author: Ref[Author] = pg.ref(init=False)
        author_id: Col[int] = pg.col(default=7)

    return Wrong


def type_of_a_key() -> object:
    class Wrong(Table):
        id: Col[int] = pg.identity()
        author: Ref[Author] = pg.ref(init=False)
        author_id: Col[int] = pg.col(type="integer")

    return Wrong


def key_of_the_server() -> object:
    class Wrong(Table):
        id: Col[int] = pg.identity()
        author: Ref[Author] = pg.ref(init=False)
        author_id: Col[int] = pg.server_default("1")

    return Wrong


def named_twice() -> object:
    class Wrong(Table):
        id: Col[int] = pg.identity()
        author: Ref[Author] = pg.ref(init=False, name="writer")
        author_id: Col[int] = pg.col(name="author")

    return Wrong


def either_of_a_column() -> object:
    class Wrong(Table):
        id: Col[int] = pg.identity()
        name: Col[str] = pg.col(default=pg.EITHER)

    return Wrong


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (wrong_type, r"Wrong\.author_id: expected Col\[int\], the type of Author\.id, got Col\[str\]"),
        (
            text_key_of_another_type,
            r"Wrong\.uncoded_id: expected Col\[str\], the type of Uncoded\.code, got Col\[int\]",
        ),
        (key_without_none, r"Wrong\.editor_id: editor may be None and editor_id may not; add None to both"),
        (reference_without_none, r"Wrong\.editor_id: editor_id may be None and editor may not; add None to both"),
        (either_alone, r"Wrong\.author: default=EITHER needs a declaration of its key, too; add author_id"),
        (default_of_a_key, r"Wrong\.author_id: the default of a reference's key is None or EITHER"),
        (type_of_a_key, r"Wrong\.author_id: it is the key of author, and its type is that of the other table's key"),
        (key_of_the_server, r"Wrong\.author_id: it is the key of author, and its type is"),
        (named_twice, r"Wrong\.author_id: author already names the column 'writer'"),
        (either_of_a_column, r"Wrong\.name: only a reference and its key can have default=EITHER"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_reference_key_at_odds_with_its_reference_is_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(InterfaceError, match=says):
        make()
