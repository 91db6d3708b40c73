"""Explicit joins, together with the implicit joins of referenced columns."""

from __future__ import annotations

from typing import Any

import pytest

import howdah
from tests.python.orm.schema import Company, Label, Person, Post, PostLabel


async def test_full_join_keeps_rows_whose_references_are_left_out(db: howdah.AsyncDatabase) -> None:
    query = db.find(Post).join(Label, on=Label.name == howdah.lower(Post.title), how="full")
    bare = await query.select(Post.title, Label.name).order_by(Post.id, Label.id).to_list()
    named: list[Any] = (
        await query.select(Post.title, Label.name, Post.author.name).order_by(Post.id, Label.id).to_list()
    )
    assert [(title, label) for title, label, _ in named] == bare
    assert len(bare) == 6
    assert named[-2:] == [(None, "steam", None), (None, "none", None)]


async def test_references_behind_a_left_join_are_left_out_with_it(db: howdah.AsyncDatabase) -> None:
    post = PostLabel.post
    query = db.find(PostLabel).join(post, on=(post.title == "School") & (PostLabel.post.id == 3), how="left")
    found = await query.select(PostLabel.label.id, post.title, post.author.name).order_by(PostLabel.post.id).to_list()
    assert sorted(found, key=str) == [(1, None, None), (2, "School", "Bob"), (2, None, None)]


async def test_join_of_a_reference_behind_a_reference_has_the_one_before_it(db: howdah.AsyncDatabase) -> None:
    query = db.find(Post).join(Post.author.company).order_by(Post.id)
    assert await query.select(Post.title, Post.author.company.name).to_list() == [
        ("Engines", "Acme"),
        ("Numbers", "Acme"),
        ("School", "Acme"),
        ("Exile", "Brit"),
    ]
    loaded = await query.load(Post.author.company).to_list()
    assert [one.author.company.name for one in loaded if one.author.company] == ["Acme", "Acme", "Acme", "Brit"]


async def test_join_on_a_column_behind_a_reference_has_that_before_it(db: howdah.AsyncDatabase) -> None:
    query = db.find(Post).join(Company, on=Company.id == Post.author.company.id)
    assert await query.where(Company.name == "Brit").select(Post.title).to_list() == [("Exile",)]


@pytest.mark.parametrize("how", ["inner", "left"])
async def test_join_on_a_column_behind_its_own_table_has_that_beside_it(db: howdah.AsyncDatabase, how: str) -> None:
    query = db.find(Company).join(Post, on=Post.author.company.name == Company.name, how=how)  # type: ignore[arg-type]
    found = await query.where(Post.views > 6).select(Company.name, Post.title).order_by(Post.id).to_list()
    assert found == [("Acme", "Engines"), ("Acme", "Numbers"), ("Brit", "Exile")]


async def test_lateral_subquery_uses_a_column_behind_a_reference(db: howdah.AsyncDatabase) -> None:
    staff = howdah.subquery(
        Person.find(Person.email.startswith("a"), Person.age > howdah.length(Post.author.name)).select(Person.name)
    )
    query = db.find(Post).join(staff, lateral=True).select(Post.title, staff.name).order_by(Post.id)
    assert [title for title, _ in await query.to_list()] == ["Engines", "Numbers", "School", "Exile"]
