"""How source is formatted, names are made, and the server's SQL is parsed."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah.inspect import layout, names
from howdah.inspect import sql as server_sql

RUFF = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=120", "-"]
# What is wide or not is a matter of Unicode's version, for letters that are rarer.
WORDS = st.text(st.sampled_from("abcdefxyz019 _'\"\\\n\t(),éß中文"), min_size=1, max_size=40)
VALUES = st.recursive(
    WORDS.map(layout.string),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(layout.tuple_of),
        st.dictionaries(WORDS, inner, min_size=1, max_size=3).map(layout.dict_of),
        st.builds(
            lambda positional, named: layout.call("pg.index", *positional, named=named),
            st.lists(inner, max_size=4),
            st.dictionaries(st.from_regex(r"[a-e]{1,20}", fullmatch=True), inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(assigned=st.lists(st.tuples(st.integers(1, 90), st.integers(0, 60), VALUES), min_size=10, max_size=10))
def test_assignments_are_laid_out_as_ruff_does_it(assigned: list[tuple[int, int, layout.Value]]) -> None:
    lines = ["class Laid:"]
    for width, inner, value in assigned:
        annotation = f"Col[{'y' * inner}]" if inner else None
        lines += layout.assignment("x" * width, annotation, value)
        lines += layout.assignment("x" * width, f"Col[{'y' * 50}]", None)
    source = "\n".join(lines) + "\n"
    formatted = subprocess.run(RUFF, input=source, capture_output=True, text=True, check=True, encoding="utf-8")
    assert formatted.stdout == source


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", '"plain"'),
        ('a "b"', "'a \"b\"'"),
        ("it's", '"it\'s"'),
        ("'\"", '"\'\\""'),
        ("\\d", '"\\\\d"'),
        ("a\nb\x00", '"a\\nb\\x00"'),
        ("größe", '"größe"'),
    ],
)
def test_string_is_quoted_as_ruff_does_it(text: str, written: str) -> None:
    assert layout.string(text) == written
    assert ast.literal_eval(written) == text


@pytest.mark.parametrize(
    ("expression", "bare"),
    [
        ("((a > 1))", "a > 1"),
        ("(a) OR (b)", "(a) OR (b)"),
        ("(a = ')(' OR b)", "a = ')(' OR b"),
        ('("x)" > 1)', '"x)" > 1'),
        (r"(a = E'\')')", r"a = E'\')'"),
    ],
)
def test_parentheses_around_the_whole_are_taken_off(expression: str, bare: str) -> None:
    assert server_sql.bare(expression) == bare


def test_commas_inside_of_parentheses_and_strings_part_nothing() -> None:
    assert server_sql.split("""a, f(b, c) DESC, (d || ', '), "e,f" x (g=',')""") == [
        "a",
        "f(b, c) DESC",
        "(d || ', ')",
        """"e,f" x (g=',')""",
    ]


@pytest.mark.parametrize(
    ("one", "many"),
    [("post", "posts"), ("users", "users"), ("city", "cities"), ("day", "days"), ("box", "boxes"), ("_y", "_ys")],
)
def test_plural_is_made_of_one(one: str, many: str) -> None:
    assert names.plural(one) == many
