"""Writes that are interrupted at random moments: each exception agrees with what is stored."""

from __future__ import annotations

import pytest

from tests.python.cancel.interrupts import ACTS, fired

# More of them: python -m tests.python.cancel.interrupts
SHOTS = 4
HOWS = ["blocking", "asyncio-cancel", "uvloop-wait_for"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", [name for name in ACTS if not name.endswith("_lots")])
def test_write_interrupted_at_random_moments_tells_the_truth(url: str, name: str, how: str) -> None:
    assert fired(url, how, name, SHOTS).lies == []


@pytest.mark.parametrize("how", ["blocking", "asyncio-cancel"])
@pytest.mark.parametrize("name", ["load_lots", "replace_lots"])
def test_long_load_interrupted_at_random_moments_tells_the_truth(url: str, name: str, how: str) -> None:
    assert fired(url, how, name, SHOTS).lies == []
