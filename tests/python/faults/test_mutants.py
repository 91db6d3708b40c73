"""A server's bytes with random changes: a result or an error, never a panic, crash or hang."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.python.faults import mutants
from tests.python.faults.faces import FACES
from tests.python.faults.proxy import LOOPBACK, Proxy

if TYPE_CHECKING:
    import pytest

    from howdah import embedded

ROOT = Path(__file__).parents[3]
SEED = 20_261_123
CASES = 500
LIMIT_S = 300.0


def recorded(server: embedded.Server) -> list[bytes]:
    """Record a session: what the server answered, each time that it was asked."""
    with Proxy(server.url) as proxy:
        first = FACES["blocking"](server.url)
        first.execute(mutants.PREPARE)
        first.close()
        proxy.turns = []
        face = FACES["blocking"](proxy.url(sslmode="disable"), max_size=1, application_name="mutant")
        mutants.session(face, str)
        face.close()
        return [bytes(turn) for turn in proxy.turns]


def outcomes(path: Path, turns: list[bytes], count: int) -> dict[str, int]:
    path.write_text(json.dumps([turn.hex() for turn in turns]))
    command = [sys.executable, "-m", mutants.__name__, str(path), str(SEED), str(count)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    *told, last = ran.stdout.rstrip().split("\n")
    bad = [line for line in told if not line.startswith("case ")]
    assert ran.returncode == 0, f"crashed or hung at {last}:\n{ran.stderr[-3000:]}"
    assert not bad, "\n".join(bad)[:5000]
    counted: dict[str, int] = json.loads(last)
    return counted


def test_mutated_bytes_end_in_an_answer_or_an_error(tcp_server: embedded.Server, tmp_path: Path) -> None:
    turns = recorded(tcp_server)
    assert len(turns) > len(mutants.STEPS)
    counted = outcomes(tmp_path / "recording.json", turns, CASES)
    assert sum(counted.values()) == CASES
    # Not all of them may fail: the recording itself is good.
    assert counted["answer"] > CASES / 50


def test_recorded_bytes_without_a_change_are_answers(
    tcp_server: embedded.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutants, "IN_VAIN_S", 0.5)
    turns = recorded(tcp_server)
    for kind in FACES:
        with socket.create_server((LOOPBACK, 0)) as serving:
            assert mutants.run_case(kind, turns, serving) == "answer"
