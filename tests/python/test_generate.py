"""The face that blocks is made from the face for asyncio, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tokenize
from io import StringIO

import pytest

from tools import generate_sync


def made(source: str, **wordings: str) -> str:
    return generate_sync.Converter(wordings)(source)


def test_generated_files_are_up_to_date() -> None:
    command = [sys.executable, str(generate_sync.ROOT / "tools" / "generate_sync.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("target", generate_sync.FILES.values())
def test_generated_files_await_nothing(target: str) -> None:
    text = (generate_sync.ROOT / target).read_text("utf-8")
    names = {token.string for token in tokenize.generate_tokens(StringIO(text).readline) if token.type == tokenize.NAME}
    assert not names & {"async", "await", "asyncio", "Awaitable", *generate_sync.NAMES}
    assert text.startswith("# Made from async_")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("async def f(): return await g(await h())\n", "def f(): return g(h())\n"),
        ("async with a as b, c as d:\n    pass\n", "with a as b, c as d:\n    pass\n"),
        ("x = [y async for y in z if await y]\n", "x = [y for y in z if y]\n"),
        ("await  (\n    f(  # why\n        1)\n)\n", "(\n    f(  # why\n        1)\n)\n"),
        ("async def __aenter__(self) -> AsyncDatabase: ...\n", "def __enter__(self) -> Database: ...\n"),
        ("b: Callable[[], Awaitable[list[O]]] = f\n", "b: Callable[[], list[O]] = f\n"),
        ("import howdah.async_database as db\n", "import howdah.database as db\n"),
        ("asynchronous = awaited = NotAsyncDatabase\n", "asynchronous = awaited = NotAsyncDatabase\n"),
        ("x = 1\n\n\n# the end", "x = 1\n\n\n# the end"),
        ("", ""),
    ],
)
def test_code_loses_async_and_await_and_keeps_the_rest(source: str, target: str) -> None:
    assert made(source) == target


def test_text_loses_async_and_await_and_changes_names() -> None:
    source = '''def f():
    """Use `async with`.

    Example:
        >>> async with howdah.AsyncDatabase(url) as db:
        ...     await db.execute("SELECT 1")
    """
    return "an AsyncLease"  # of AsyncDatabase
'''
    target = '''def f():
    """Use `with`.

    Example:
        >>> with howdah.Database(url) as db:
        ...     db.execute("SELECT 1")
    """
    return "an Lease"  # of Database
'''
    assert made(source) == target


def test_wording_broken_over_lines_is_found() -> None:
    assert made('"""Of a\n    task, here.\n"""\n', **{"a task,": "a thread,"}) == '"""Of a thread, here.\n"""\n'


def test_wording_is_not_worded_again() -> None:
    assert made("# the task\n", **{"the task": "unlike AsyncDatabase"}) == "# unlike AsyncDatabase\n"


def test_wording_that_nothing_asks_for_is_told() -> None:
    convert = generate_sync.Converter({"the task": "the thread", "the loop": "the thread"})
    convert("# the task\n")
    assert convert.unused == {"the loop"}


def test_formatting_puts_imports_and_lines_in_order() -> None:
    source = "from b import  Database\nfrom a import lease, Awaitable\nx = Database( lease )\n"
    text = generate_sync.ordered(source, generate_sync.ROOT / "python" / "howdah" / "new.py")
    assert text == "from a import lease\nfrom b import Database\n\nx = Database(lease)\n"
