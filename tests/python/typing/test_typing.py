"""mypy and pyright, both strict, accept right uses of tables and queries, and refuse wrong ones."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import howdah

ROOT = Path(__file__).resolve().parents[3]
TYPING = ROOT / "tests/typing"
CLEAN = ["contract.py", "positive.py", "program.py", "references.py", "schema.py"]
MARK = "# refused"
# Of the public names, those of databases alone; tests/typing/contract.py has these.
OF_DATABASES = {
    "ArrowReader",
    "ArrowStream",
    "AsyncArrowReader",
    "AsyncPipeline",
    "AsyncPipelineResult",
    "AsyncSession",
    "AsyncTransaction",
    "Json",
    "JsonText",
    "LoadReport",
    "Notification",
    "Pipeline",
    "PipelineResult",
    "Progress",
    "Session",
    "Stats",
    "Transaction",
}

# What a checker says, by file and line.
Findings = dict[tuple[str, int], list[str]]


def mypy() -> Findings:
    """Let mypy read the files."""
    files = [str(TYPING / name) for name in (*CLEAN, "negative.py")]
    command = [sys.executable, "-m", "mypy", "--strict", "--output=json", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    found: Findings = defaultdict(list)
    for line in done.stdout.splitlines():
        told = json.loads(line)
        if told["severity"] == "error":
            found[Path(told["file"]).name, told["line"]].append(told["message"])
    return found


def pyright() -> Findings:
    """Let pyright read the folder; its own settings there leave out no file."""
    settings = str(TYPING / "pyrightconfig.json")
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", "--project", settings]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(CLEAN) + 1
    found: Findings = defaultdict(list)
    for told in report["generalDiagnostics"]:
        if told["severity"] != "information":
            found[Path(told["file"]).name, told["range"]["start"]["line"] + 1].append(told["message"])
    return found


@pytest.fixture(scope="module", params=[mypy, pyright], ids=["mypy", "pyright"])
def findings(request: pytest.FixtureRequest) -> Findings:
    """Give what a checker says of all files."""
    found: Findings = request.param()
    return found


@pytest.mark.parametrize("name", CLEAN)
def test_types_where_all_is_right_are_accepted(findings: Findings, name: str) -> None:
    assert {place: said for place, said in findings.items() if place[0] == name} == {}


def test_types_where_something_is_wrong_are_refused_in_just_these_lines(findings: Findings) -> None:
    lines = (TYPING / "negative.py").read_text().splitlines()
    wrong = {number: line for number, line in enumerate(lines, 1) if line.endswith(MARK)}
    refused = {number: said for (name, number), said in findings.items() if name == "negative.py"}
    assert {number: line for number, line in wrong.items() if number not in refused} == {}, "accepted"
    assert {number: said for number, said in refused.items() if number not in wrong} == {}, "refused"


def test_the_program_uses_every_public_name_of_tables_and_queries() -> None:
    used = {
        node.attr
        for node in ast.walk(ast.parse((TYPING / "program.py").read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pg"
    }
    errors = {
        name
        for name in howdah.__all__
        if isinstance(kind := getattr(howdah, name), type) and issubclass(kind, Exception)
    }
    assert set(howdah.__all__) - errors - OF_DATABASES - used == set()
