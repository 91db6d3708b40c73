"""Relations are loaded only on request, by one statement for each collection."""

from __future__ import annotations

import asyncio
import gc
import weakref
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

import pytest

import howdah
from howdah import Col, InterfaceError, Many, NotLoaded, Ref, Table, col
from tests.python.orm.faces import Blocking, finish
from tests.python.orm.schema import Company, Label, Person, Post, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.conftest import Sql


def statements(db: howdah.AsyncDatabase) -> Callable[[], int]:
    """Give what counts the statements since then: each takes a connection once."""
    before = db.stats().acquired
    return lambda: db.stats().acquired - before


async def test_relation_that_is_not_loaded_says_how_to_load_it(db: howdah.AsyncDatabase) -> None:
    ada = await db.get(Person, 1)
    for name in ("posts", "company", "profile"):
        with pytest.raises(NotLoaded, match=rf"Person\.{name}") as caught:
            getattr(ada, name)
        assert "load(" in str(caught.value) or "fetch(" in str(caught.value)
    assert not hasattr(ada, "posts")
    assert vars(ada)["company_id"] == 1


async def test_references_come_by_the_same_statement(db: howdah.AsyncDatabase) -> None:
    count = statements(db)
    posts = await db.find(Post).load(Post.author, Post.author.company).order_by(Post.id).to_list()
    assert count() == 1
    assert [(post.title, post.author.name) for post in posts] == [
        ("Engines", "Ada"),
        ("Numbers", "Ada"),
        ("School", "Bob"),
        ("Exile", "Cyd"),
    ]
    assert [post.author.company.name for post in posts if post.author.company] == ["Acme", "Acme", "Acme", "Brit"]


async def test_reference_to_nothing_is_none(db: howdah.AsyncDatabase) -> None:
    people = await db.find(Person).load(Person.company, Person.boss).order_by(Person.id).to_list()
    assert [one.company and one.company.name for one in people] == ["Acme", "Acme", "Brit", None]
    assert [one.boss and one.boss.name for one in people] == [None, "Ada", "Ada", "Bob"]


async def test_collections_come_by_one_statement_each(db: howdah.AsyncDatabase) -> None:
    count = statements(db)
    people = await db.find(Person).load(Person.posts, Person.reports, Person.profile).order_by(Person.id).to_list()
    assert count() == 4
    assert [[post.title for post in one.posts] for one in people] == [["Engines", "Numbers"], ["School"], ["Exile"], []]
    assert [[report.name for report in one.reports] for one in people] == [["Bob", "Cyd"], ["Dan_%"], [], []]
    assert [one.profile and one.profile.bio for one in people] == ["first", "second", None, None]


async def test_rows_of_a_collection_have_their_owner_if_it_is_asked_for(db: howdah.AsyncDatabase) -> None:
    bare = await db.find(Person).load(Person.posts, Person.profile).order_by(Person.id).first()
    assert bare is not None
    assert bare.profile is not None
    for row, name in ((bare.posts[0], "author"), (bare.profile, "person")):
        with pytest.raises(NotLoaded, match=rf"{name} is not loaded"):
            getattr(row, name)
    count = statements(db)
    query = db.find(Person).load(Person.posts.author, Person.posts.labels, Person.profile.person)
    people = await query.order_by(Person.id).to_list()
    assert count() == 4
    for person in people:
        assert all(post.author is person for post in person.posts)
        assert person.profile is None or person.profile.person is person
    assert [label.name for label in people[0].posts[0].labels] == ["steam", "school"]
    ada = await db.fetch_relations(bare, Person.posts.author)
    assert all(post.author is ada for post in ada.posts)
    # What is wanted of the owner itself comes with a row of its own.
    nested = await db.find(Person).load(Person.posts.author.company).order_by(Person.id).first()
    assert nested is not None
    author = nested.posts[0].author
    assert (author, author.company and author.company.name) == (nested, "Acme")


async def test_rows_with_collections_are_freed_when_nobody_has_them(db: howdah.AsyncDatabase) -> None:
    people = await db.find(Person).load(Person.posts.labels, Person.profile, Person.company).to_list()
    gone = [weakref.ref(one) for person in people for one in (person, *person.posts, person.profile) if one is not None]
    gc.disable()
    try:
        del people
        assert [one() for one in gone] == [None] * len(gone)
    finally:
        gc.enable()


async def test_many_to_many_is_loaded_both_ways(db: howdah.AsyncDatabase) -> None:
    count = statements(db)
    posts = await db.find(Post).load(Post.labels).order_by(Post.id).to_list()
    assert count() == 2
    assert [[label.name for label in post.labels] for post in posts] == [["steam", "school"], [], ["school"], []]
    labels = await db.find(Label).load(Label.posts).order_by(Label.id).to_list()
    assert [[post.title for post in label.posts] for label in labels] == [["Engines"], ["Engines", "School"], []]


async def test_nested_relations_need_a_statement_for_each_collection(db: howdah.AsyncDatabase) -> None:
    count = statements(db)
    companies = (
        await db.find(Company)
        .load(Company.staff.posts.labels, Company.staff.boss.posts, Company.staff.profile)
        .order_by(Company.id)
        .to_list()
    )
    # Companies; staff with their bosses; posts; labels; the bosses' posts; profiles.
    assert count() == 6
    acme, brit = companies
    assert [one.name for one in acme.staff] == ["Ada", "Bob"]
    assert [label.name for label in acme.staff[0].posts[0].labels] == ["steam", "school"]
    bob = acme.staff[1]
    assert bob.boss is not None
    assert [post.title for post in bob.boss.posts] == ["Engines", "Numbers"]
    assert [one.name for one in brit.staff] == ["Cyd"]


async def test_number_of_statements_does_not_grow_with_the_rows(db: howdah.AsyncDatabase) -> None:
    await db.insert_many(Post, [{"title": f"p{n}", "author_id": 1 + n % 4} for n in range(500)])
    count = statements(db)
    people = await db.find(Person).load(Person.posts.labels).to_list()
    assert count() == 3
    assert sum(len(one.posts) for one in people) == 504


async def test_fetch_loads_relations_of_a_row_that_is_there(db: howdah.AsyncDatabase) -> None:
    ada = await db.get(Person, 1)
    count = statements(db)
    assert await db.fetch_relations(ada, Person.posts.labels, Person.company, Person.boss) is ada
    assert count() == 3
    assert [label.name for label in ada.posts[0].labels] == ["steam", "school"]
    assert ada.company is not None
    assert ada.company.name == "Acme"
    assert ada.boss is None


async def test_fetch_of_a_row_that_is_not_saved_is_refused(db: howdah.AsyncDatabase) -> None:
    new = Person(name="New", email="new@x")
    with pytest.raises(InterfaceError, match=r"Person\.posts needs Person\.id, which has no value yet; save"):
        await db.fetch_relations(new, Person.posts)
    post = Post(title="t", author=new)
    with pytest.raises(InterfaceError, match=r"Post\.author is not saved yet"):
        await db.fetch_relations(post, Post.author)
    await db.save(new)
    await db.fetch_relations(post, Post.author)
    assert post.author == new
    assert post.author is not new


async def test_relations_come_with_streams_and_pages(db: howdah.AsyncDatabase) -> None:
    query = db.find(Person).load(Person.posts, Person.company).order_by(Person.id)
    seen = [(one.name, len(one.posts)) async for one in query.stream(batch_rows=3)]
    assert seen == [("Ada", 2), ("Bob", 1), ("Cyd", 1), ("Dan_%", 0)]
    page = await query.page(2)
    assert [(one.name, len(one.posts)) for one in page.items] == seen[:2]


async def test_objects_that_are_loaded_can_be_changed_and_saved(db: howdah.AsyncDatabase) -> None:
    post = await db.find(Post).load(Post.author).where(Post.title == "School").one()
    post.author.age = 18
    await db.save(post.author)
    assert (await db.get(Person, 2)).age == 18


async def test_paths_join_what_they_pass(db: howdah.AsyncDatabase) -> None:
    posts = db.find(Post).where(Post.author.company.name == "Acme").order_by(Post.id)
    assert [post.title for post in await posts.to_list()] == ["Engines", "Numbers", "School"]
    bosses = await db.find(Post).where(Post.author.boss.name == "Ada").order_by(Post.id).to_list()
    assert [post.title for post in bosses] == ["School", "Exile"]
    text, _ = db.find(Post).where(Post.author.id == 1).sql()
    assert "JOIN" not in text


async def test_condition_on_a_reference_takes_objects_and_keys(db: howdah.AsyncDatabase) -> None:
    ada = await db.get(Person, 1)
    # Type checkers do not know the type of its key.
    author = cast("Any", Post.author)
    assert await db.find(Post).where(Post.author == ada).count() == 2
    assert await db.find(Post).where(author == 1).count() == 2
    assert await db.find(Post).where(Post.author.id == ada.id).count() == 2
    assert await db.find(Person).where(Person.company.is_null()).count() == 1
    assert await db.find(Person, Person.boss != None).count() == 3  # noqa: E711
    assert await db.find(Post).where(author.in_([ada, 3])).count() == 3


async def test_collection_can_be_joined_and_asked_for(db: howdah.AsyncDatabase) -> None:
    rows = await db.find(Person).join(Person.posts).where(Post.views > 10).select(Person.name, Post.title).to_list()
    assert sorted(rows) == [("Ada", "Engines"), ("Ada", "Numbers")]
    busy = db.find(Person).where(db.find(Post).where(Post.author.id == Person.id).exists_())
    assert await busy.count() == 3
    labelled = db.find(Post).join(Post.labels).where(Label.name == "school").order_by(Post.id)
    assert [post.title for post in await labelled.to_list()] == ["Engines", "School"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda db: db.find(Person).load(Person.name), "load\\(\\) takes relations"),
        (lambda db: db.find(Person).load(Post.author), "no relation 'author'"),
        (lambda db: db.find(Person).load(Person), "load\\(\\) takes relations"),
    ],
)
async def test_what_is_no_relation_is_refused(db: howdah.AsyncDatabase, wrong: Any, says: str) -> None:
    with pytest.raises(howdah.InterfaceError, match=says):
        await wrong(db).to_list()


async def test_rows_with_relations_become_dicts(db: howdah.AsyncDatabase) -> None:
    profile = await db.find(Profile).load(Profile.person).order_by(Profile.id).first()
    assert profile is not None
    found = profile.asdict(relations=True)
    assert (found["bio"], found["person"]["name"]) == ("first", "Ada")


class Mass(Table):
    """Its key may be one that is the same as itself to the server alone."""

    grams: Col[float] = col(primary_key=True)
    things: Many[Thing] = howdah.many(via="mass")


class Thing(Table):
    """Has a mass."""

    id: Col[int] = howdah.identity()
    mass: Ref[Mass] = howdah.ref()


async def test_row_whose_owner_the_server_alone_knows_is_not_lost(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Mass, Thing)
    await db.insert_many(Mass, [{"grams": 1.5}, {"grams": float("nan")}])
    await db.insert_many(Thing, [{"mass_id": 1.5}])
    loaded = await db.find(Mass).load(Mass.things).order_by(Mass.grams).to_list()
    assert [len(one.things) for one in loaded] == [1, 0]
    await db.insert_many(Thing, [{"mass_id": float("nan")}])
    with pytest.raises(
        InterfaceError, match="things: a row has the key nan, which equals its owner's key on the server"
    ):
        await db.find(Mass).load(Mass.things).to_list()


class Wrong(Table):
    """Its collection is by a reference to another table."""

    id: Col[int] = howdah.identity()
    staff: Many[Person] = howdah.many(via="boss")


async def test_collection_by_a_reference_to_another_table_is_refused(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Wrong)
    await db.save(Wrong())
    says = r"Wrong\.staff: many\(via='boss'\), but Person\.boss refers to Person, which is another table"
    with pytest.raises(InterfaceError, match=says):
        await db.find(Wrong).load(Wrong.staff).to_list()
    with pytest.raises(InterfaceError, match=says):
        await db.find(Wrong).join(Wrong.staff).to_list()
    with pytest.raises(
        InterfaceError, match=r"Engineer\.posts: many\(via='author'\), but Post\.author refers to Person"
    ):
        await db.find(Engineer).join(Engineer.posts).to_list()


class Engineer(Person):
    """Has Person's columns, and is another table."""


async def test_row_of_another_table_is_no_key(db: howdah.AsyncDatabase, sql: Sql) -> None:
    acme: Any = await db.get(Company, 1)
    engineer: Any = Engineer(name="E", email="e")
    vars(engineer)["id"] = 1
    says = "expected a Person or its key, got a "
    post: Any = Post
    verbs: list[Callable[[Any], Any]] = [
        lambda row: post.author == row,
        lambda row: post.author != row,
        lambda row: post.author.in_([row]),
        post.author_id.set,
        lambda row: Person.id == row,
    ]
    for row in (acme, engineer):
        for verb in verbs:
            with pytest.raises(InterfaceError, match=says + type(row).__name__):
                verb(row)
        rows: list[dict[str, Any]] = [{"title": "t", "author": 1}, {"title": "t", "author": row}]
        with pytest.raises(InterfaceError, match=f'Post, row 1: "author_id": {says}'):
            await db.insert_many(Post, rows)
        with pytest.raises(TypeError, match="expected a Person, got"):
            Post(title="t", author=row)
    assert sql("SELECT count(*) FROM post") == [(4,)]


class Colour(Enum):
    """An enum whose members are no text."""

    red = "r"
    blue = "b"


class Paint(Table):
    """Its key is an enum's."""

    colour: Col[Colour] = col(primary_key=True)
    cars: Many[Car] = howdah.many(via="paint", through="CarPaint")


class Car(Table):
    """Has paints."""

    id: Col[int] = howdah.identity()
    name: Col[str]
    paints: Many[Paint] = howdah.many(via="car", through="CarPaint")


class CarPaint(Table):
    """Stands between the two."""

    car: Ref[Car] = howdah.ref(primary_key=True)
    paint: Ref[Paint] = howdah.ref(primary_key=True)


async def test_collection_across_is_found_by_members_of_an_enum(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Paint, Car, CarPaint)
    await db.insert_many(Paint, [{"colour": Colour.red}, {"colour": Colour.blue}])
    await db.insert_many(Car, [{"name": "one"}, {"name": "two"}])
    await db.insert_many(CarPaint, [{"car_id": 1, "paint_id": Colour.red}, {"car_id": 2, "paint_id": Colour.red}])
    paints = await db.find(Paint).load(Paint.cars.paints).order_by(Paint.colour).to_list()
    assert [(one.colour, [car.name for car in one.cars]) for one in paints] == [
        (Colour.red, ["one", "two"]),
        (Colour.blue, []),
    ]
    assert [paint.colour for paint in paints[0].cars[0].paints] == [Colour.red]


@pytest.fixture
def single(face: str, filled: str) -> Iterator[Any]:
    """Give a database of one connection."""
    options: Any = {"max_size": 1, "acquire_timeout_s": 2.0}
    behind = face == "blocking"
    database: Any = Blocking(howdah.Database(filled, **options)) if behind else howdah.AsyncDatabase(filled, **options)
    yield database
    finish(database.close()) if behind else asyncio.run(database.close())


async def test_stream_with_collections_needs_no_second_connection(single: Any) -> None:
    query = single.find(Person).load(Person.posts.labels, Person.company).order_by(Person.id)
    wanted = [("Ada", 2), ("Bob", 1), ("Cyd", 1), ("Dan_%", 0)]
    assert [(one.name, len(one.posts)) async for one in query.stream(batch_rows=2)] == wanted
    async with single.transaction():
        assert [(one.name, len(one.posts)) async for one in query.stream(batch_rows=2)] == wanted
    # However it ends, the connection comes back, and what was done on it is over.
    stream = query.stream(batch_rows=1)
    async for one in stream:
        assert one.name == "Ada"
        break
    await stream.aclose()
    assert await single.find(Person).count() == 4
    wrong: Any = howdah.func("pg_catalog.sqrt", Person.id.cast(float) * -1.0, as_=float)
    with pytest.raises(howdah.DataError):
        [one async for one in query.where(wrong > 0.0).stream(batch_rows=1)]
    assert await single.find(Person).count() == 4
    assert single.stats().opened == 1
