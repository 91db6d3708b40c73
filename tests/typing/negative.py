"""What type checkers must refuse: each line that ends in `# refused`, and no other. Nothing here is run."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import howdah as pg
from tests.typing.schema import Book, Loan, Plain, Post, Profile, Review, Shape, Status, User

if TYPE_CHECKING:
    from howdah import AsyncDatabase, Database


def misspelt_names(user: User, post: Post) -> None:
    User.find(User.nmae == "Ann")  # refused
    User.find().order_by(User.agee)  # refused
    User.find().select(User.id, User.nmae)  # refused
    Post.find(Post.author.nmae == "Ann")  # refused
    Post.find().load(Post.writer)  # refused
    User.find().load(User.post)  # refused
    User(email="a@x.io", nmae="Ann")  # refused
    User(email="a@x.io", name="Ann", nick="A")  # refused
    str(user.nmae)  # refused
    str(post.author.nmae)  # refused
    user.nmae = "Ann"  # refused
    User.fnid()  # refused


def missing_and_stray_arguments(user: User) -> None:
    User(email="a@x.io")  # refused
    User()  # refused
    Post(title="On elephants")  # refused
    Plain(code="x")  # refused
    User("a@x.io", "Ann")  # refused
    User(id=1, email="a@x.io", name="Ann")  # refused
    User(email="a@x.io", name="Ann", name_lower="ann")  # refused
    User(email="a@x.io", name="Ann", created_at=None)  # refused
    User(email="a@x.io", name="Ann", posts=[])  # refused
    Post(title="On elephants", author=user, author_id=1)  # refused


def wrong_types_in_a_constructor(user: User, post: Post) -> None:
    User(email=1, name="Ann")  # refused
    User(email="a@x.io", name=None)  # refused
    User(email="a@x.io", name="Ann", age="31")  # refused
    User(email="a@x.io", name="Ann", balance=1.5)  # refused
    User(email="a@x.io", name="Ann", status="active")  # refused
    User(email="a@x.io", name="Ann", tags=[1])  # refused
    User(email="a@x.io", name="Ann", meta=["x"])  # refused
    Post(title="On elephants", author=post)  # refused
    Post(title="On elephants", author=1)  # refused
    Profile(bio=b"x", user=user)  # refused
    Plain(code="x", size="3")  # refused


def wrong_types_in_an_assignment(user: User, post: Post) -> None:
    user.name = 1  # refused
    user.name = None  # refused
    user.age = "31"  # refused
    user.balance = 1.5  # refused
    user.status = "active"  # refused
    user.tags = "vip"  # refused
    user.tags.append(1)  # refused
    post.author = post  # refused
    name: int = user.name  # refused
    str(name)


def wrong_types_in_a_comparison() -> None:
    User.find(User.age > "25")  # refused
    User.find(User.name < 1)  # refused
    User.find(User.balance >= "1")  # refused
    User.find(User.id.in_(["a"]))  # refused
    titles = Post.find().select(Post.title)
    User.find(User.id.in_(titles))  # refused
    User.find(User.id.between("a", "b"))  # refused
    User.find(User.score.like("1%"))  # refused
    User.find(User.name.cosine_distance([1.0]) < 1)  # refused
    User.find(User.tags.has(1))  # refused
    User.find(User.name == 1)  # refused
    User.find(User.name != b"x")  # refused
    User.find(Post.author.name == 1)  # refused
    User.find(User.status == Decimal(1))  # refused
    User.find(User.score + "1" > 1)  # refused
    User.score.set("1")  # refused
    User.score.set(User.name)  # refused


def what_is_no_condition(db: Database) -> None:
    User.find(True)  # noqa: FBT003  # refused
    User.find(User.age == 3 and True)  # refused
    User.find(1 == 1)  # noqa: PLR0133  # refused
    User.find(User.score)  # refused
    User.find(User.name)  # refused
    User.find({"name": "Ann"})  # refused
    User.find().where(True)  # noqa: FBT003  # refused
    User.find().where(User.name.desc())  # refused
    User.find().select(User.name, pg.count()).having(pg.count())  # refused
    db.find(User, User.id is None)  # refused
    User.find(~User.name)  # refused
    User.find(User.name & User.active)  # refused
    User.find(User.active & True)  # refused
    User.find().join(Post, on=True)  # refused


async def what_is_not_awaitable(db: AsyncDatabase, blocking: Database, user: User) -> None:
    await User.find()  # refused
    await User.find().limit(3)  # refused
    await db.find(User)  # refused
    await blocking.get(User, 1)  # refused
    await blocking.find(User).to_list()  # refused
    await User.find().stream()  # refused
    await User.find().exists_()  # refused
    async for _ in User.find():  # refused
        pass
    for _ in await User.find().first():  # refused
        pass
    str((await User.find_one(User.id == 1)).name)  # refused
    str(User.get(1).name)  # refused
    with pg.pg_transaction():  # refused
        await user.save()
    async with blocking.transaction():  # refused
        await user.save()


async def what_is_no_relation(user: User) -> None:
    User.find().load(User.name)  # refused
    Post.find().load(Post.author.name)  # refused
    User.find().load("posts")  # refused
    await user.fetch(User.name)  # refused


async def wrong_results(db: Database) -> None:
    names: list[str] = db.find(User).select(User.name).to_list()  # refused
    pairs: list[tuple[int, str]] = db.find(User).select(User.id, User.age).to_list()  # refused
    user: User = db.find(User).first()  # refused
    posts: list[Post] = await User.find().to_list()  # refused
    shapes: list[User] = await User.find().to(Shape).to_list()  # refused
    found: list[User] = User.find().to_list()  # refused
    total: str = await User.find().count()  # refused
    db.find(Shape)  # refused
    db.save(Shape(1, "Ann"))  # refused
    db.upsert(User, [{}], on=["email"])  # refused
    status: Status = db.get(User, 1).name  # refused
    str((names, pairs, user, posts, shapes, found, total, status))


def what_is_no_reference(db: Database, user: User, post: Post, book: Book) -> None:
    Book.find(Book.author == post)  # refused
    Book.find(Book.editor == post)  # refused
    Book.find(Book.author == 3)  # refused
    Book.find(Book.author == Book.author.company)  # refused
    Book.find(Book.author is None)  # refused
    Book.find(Book.author)  # refused
    Book.find(Book.editor)  # refused
    Book.find(Book.author < user)  # refused
    Book.find(Book.author.in_([post]))  # refused
    Book.find(Book.author.not_in([3]))  # refused
    Book.find(Book.author.in_(db.find(Post)))  # refused
    Book.find().order_by("author")  # refused
    Book.find().order_by(int)  # refused
    Book.find().join("author")  # refused
    Book.find().join(Book.title)  # refused
    Book.find().order_by(Book.writer)  # refused
    Book.find(Book.author_id == "3")  # refused
    Book.find(Book.writer_id == 3)  # refused
    Post.find(Post.author_id == 3)  # refused
    book.author_id = "3"  # refused
    book.author_id = None  # refused
    str(post.author_id)  # refused


def keys_in_a_constructor(post: Post, book: Book) -> None:
    Book(title="On elephants", author_id="3")  # refused
    Book(title="On elephants", author=post)  # refused
    Book(title="On elephants", author=None)  # refused
    Book(title="On elephants", author_id=3, editor=post)  # refused
    Book(author_id=3)  # refused
    Loan()  # refused
    Loan(book=book)  # refused
    Review(book_id=3)  # refused
    Review()  # refused


def what_may_be_none(db: Database, book: Book) -> None:
    name: str = db.find(Book).select(Book.editor.name).one()[0]  # refused
    age: int = db.find(Book).select(Book.editor.company.id).one()[0]  # refused
    copies: int = db.find(Book).select(pg.sum(Book.copies)).one()[0]  # refused
    mean: float = db.find(Book).select(pg.avg(Book.copies)).one()[0]  # refused
    first: str = db.find(Book).select(pg.min(Book.title)).one()[0]  # refused
    last: str = db.find(Book).select(pg.max(Book.title)).one()[0]  # refused
    sold: int = db.find(Book).select(Book.copies + Book.sold).one()[0]  # refused
    lower: str = db.find(Book).select(pg.lower(Book.editor.name)).one()[0]  # refused
    str(book.editor.name)  # refused
    book.editor.name = "Ann"  # refused
    Book.find(Book.editor.nmae == "Ann")  # refused
    Book.find(Book.editor.name == 1)  # refused
    Book.find(Book.editor.name > 1)  # refused
    Book.find(Book.editor.score.like("1%"))  # refused
    Book.find().select(Book.editor.name * 2)  # refused
    Book.find().load(Book.editor.name)  # refused
    Book.find().load(Book.editor.post)  # refused
    str((name, age, copies, mean, first, last, sold, lower))


def numbers_and_others() -> None:
    Book.find().select(Book.price * 1.5)  # refused
    Book.find().select(Book.price * Book.weight)  # refused
    Book.find().select(Book.price * Book.title)  # refused
    Book.find().select(Book.copies * Book.title)  # refused
    Book.find().select(Book.title * 2)  # refused
    Book.find().select(User.active * 2)  # refused
    Book.find().select(User.score + User.active)  # refused
    Book.find().select(User.score + dt.timedelta(days=1))  # refused
    Book.find(Book.price > "1")  # refused
    Book.find(Book.price == Book.title)  # refused
    Book.find(User.score == User.active)  # refused
    Book.find(User.name == User.status)  # refused
    price: int = Book.find().select(Book.price * Book.copies)  # refused
    str(price)


async def columns_of_queries(db: AsyncDatabase) -> None:
    titles = pg.subquery(db.find(Book).select(Book.id, Book.title))
    db.find(Book).join(titles, on=titles[Book.title] == 3)  # refused
    db.find(Book).join(titles, on=titles[Book.id])  # refused
    title: int = (await db.find(titles).select(titles[Book.title]).one())[0]  # refused
    titles[3]  # refused
    columns = db.find(Book).select(
        Book.id, Book.id, Book.id, Book.id, Book.id, Book.id, Book.id, Book.id, Book.id, Book.title
    )
    wrong: str = (await columns.one())[0]  # refused
    right: str = (await columns.one())[9]
    gone: list[int] = await db.find(Book).returning(Book.id).delete()  # refused
    str((title, wrong, right, gone))
