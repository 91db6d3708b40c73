"""The workflows of CI pin actions by commit, so that nobody can change them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))

USES = re.compile(r"^\s*(?:- )?uses: (.+)$", re.MULTILINE)
PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_takes_actions_by_commit(workflow: Path) -> None:
    text = workflow.read_text()
    used = USES.findall(text)
    assert used
    assert [one for one in used if not PINNED.fullmatch(one)] == []
    # The same action in the same version everywhere.
    all_used = {one for path in WORKFLOWS for one in USES.findall(path.read_text())}
    assert len(all_used) == len({one.partition("@")[0] for one in all_used})


def test_wheels_are_built_for_the_pythons_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    built = re.findall(r"--interpreter ([\d. ]+)", (ROOT / ".github/workflows/wheels.yml").read_text())
    assert built
    assert all(set(one.split()) <= set(named) for one in built)
    assert all(f">={one.split()[0]}" == project["requires-python"] for one in built)
