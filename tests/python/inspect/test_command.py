"""`howdah inspect`, as a command."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from howdah.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.python.conftest import Sql


@pytest.fixture
def tables(url: str, sql: Sql) -> str:
    """Give the URL of a schema with two tables, a view and a partition."""
    sql("CREATE TABLE rider (id bigint PRIMARY KEY, name text NOT NULL)")
    sql("CREATE TABLE horse (id bigint PRIMARY KEY, rider_id bigint REFERENCES rider)")
    sql("CREATE VIEW riders AS SELECT name FROM rider")
    sql("CREATE TABLE race (at date) PARTITION BY RANGE (at)")
    sql("CREATE TABLE race_1 PARTITION OF race DEFAULT")
    return url


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "howdah", *arguments], capture_output=True, text=True, check=False, encoding="utf-8"
    )


def test_inspect_prints_the_source(tables: str, inspect: Callable[..., str]) -> None:
    done = command("inspect", tables)
    assert (done.stdout, done.stderr, done.returncode) == (inspect(tables), "", 0)
    assert "class Horse(Table):" in done.stdout


def test_inspect_of_some_tables_prints_these(tables: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", tables, "rider"]) == 0
    printed = capsys.readouterr().out
    assert "class Rider(Table):" in printed
    assert "Horse" not in printed


def test_inspect_with_an_output_writes_a_file(
    tables: str, tmp_path: Path, inspect: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tables.py"
    assert main(["inspect", tables, "--output", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == inspect(tables)
    assert capsys.readouterr().out == ""


def test_inspect_of_a_schema_looks_there(tables: str, sql: Sql, capsys: pytest.CaptureFixture[str]) -> None:
    ((schema,),) = sql("SELECT current_schema()::text")
    elsewhere = tables.partition("?")[0]
    assert main(["inspect", elsewhere, "--schema", schema]) == 0
    assert f'__table__ = "{schema}.rider"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope"], "there is no table nope (searched in test_"),
        (["rider", "nope", "nada"], "there is no table nope; there is no table nada"),
        (["riders"], "riders is a view (searched in"),
        (["race_1"], "race_1 is a partition"),
        (["--schema", "nope"], "there is no schema nope"),
        (["nope.rider"], "there is no table nope.rider"),
    ],
)
def test_inspect_of_what_is_not_there_says_so(
    tables: str, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["inspect", tables, *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"howdah inspect: {says}")


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://localhost/app", "postgresql://localhost:no/app"])
def test_inspect_with_a_bad_url_says_so(url: str) -> None:
    done = command("inspect", url)
    assert done.returncode == 1
    assert done.stderr.startswith("howdah inspect: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_inspect_of_no_server_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", f"host={tmp_path} dbname=app"]) == 1
    assert capsys.readouterr().err.startswith("howdah inspect: ")


def test_inspect_into_a_folder_says_so(tables: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", tables, "--output", str(tmp_path)]) == 1
    assert "directory" in capsys.readouterr().err


def test_command_without_a_verb_tells_what_there_is() -> None:
    done = command()
    assert done.returncode == 2
    assert "command" in done.stderr
    assert "inspect" in command("--help").stdout
