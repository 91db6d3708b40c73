"""TLS: which servers each sslmode accepts, and the errors for others, compared with libpq."""

from __future__ import annotations

import asyncio
import string
from typing import TYPE_CHECKING, Any, get_args

import pytest

import howdah
from tests.python.connect.authority import ELSEWHERE, Kind
from tests.python.connect.conftest import ANY, PASSWORD, PLAIN_ALONE, TLS_ALONE, by_libpq, connected, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.python.connect.conftest import Guarded, Outcome

KINDS: tuple[Kind, ...] = get_args(Kind)

# What becomes of a connection whose client has the root certificate: with a good certificate, one of a wrong name, one
# of an unknown authority, and an expired one. https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS
OUTCOMES: dict[tuple[str, str], tuple[Outcome, Outcome, Outcome, Outcome]] = {
    ("disable", ANY): ("plain", "plain", "plain", "plain"),
    ("allow", ANY): ("plain", "plain", "plain", "plain"),
    ("prefer", ANY): ("TLS", "TLS", "plain", "plain"),
    ("require", ANY): ("TLS", "TLS", "refused", "refused"),
    ("verify-ca", ANY): ("TLS", "TLS", "refused", "refused"),
    ("verify-full", ANY): ("TLS", "refused", "refused", "refused"),
    ("disable", TLS_ALONE): ("refused", "refused", "refused", "refused"),
    ("allow", TLS_ALONE): ("TLS", "TLS", "refused", "refused"),
    ("prefer", TLS_ALONE): ("TLS", "TLS", "refused", "refused"),
    ("verify-full", TLS_ALONE): ("TLS", "refused", "refused", "refused"),
    ("allow", PLAIN_ALONE): ("plain", "plain", "plain", "plain"),
    ("prefer", PLAIN_ALONE): ("plain", "plain", "plain", "plain"),
    ("require", PLAIN_ALONE): ("refused", "refused", "refused", "refused"),
}
CASES = [
    (mode, rules, kind, outcome)
    for (mode, rules), outcomes in OUTCOMES.items()
    for kind, outcome in zip(KINDS, outcomes, strict=True)
]


@pytest.mark.parametrize(("mode", "rules", "kind", "outcome"), CASES)
def test_sslmode_with_root_certificate_is_as_libpq_has_it(
    guarded: Guarded, mode: str, rules: str, kind: Kind, outcome: Outcome
) -> None:
    guarded.guard(kind, rules)
    url = guarded.url(sslmode=mode, sslrootcert=guarded.authorities.root)
    assert by_libpq(url) == outcome
    if outcome == "refused":
        refusal(url)
    else:
        assert connected(url) == outcome


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["allow", "prefer", "require"])
def test_sslmode_without_root_certificate_takes_any_certificate(guarded: Guarded, mode: str, kind: Kind) -> None:
    guarded.guard(kind)
    url = guarded.url(sslmode=mode)
    assert by_libpq(url) == connected(url) == "TLS"


def test_sslmode_unsaid_prefers_tls(guarded: Guarded) -> None:
    guarded.guard("good", ANY)
    assert by_libpq(guarded.url()) == connected(guarded.url()) == "TLS"


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_sslmode_that_verifies_without_root_certificate_says_what_is_missing(guarded: Guarded, mode: str) -> None:
    url = guarded.url(sslmode=mode)
    assert by_libpq(url) == "refused"
    told = refusal(url, howdah.InterfaceError)
    assert f"sslmode={mode}" in told
    assert ".postgresql/root.crt" in told
    assert "sslrootcert" in told


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wrong name", [ELSEWHERE, "localhost", "verify-ca"]),
        ("unknown authority", ["authority", "sslrootcert"]),
        ("expired", ["expired", "2002-02-03", "clock"]),
    ],
)
def test_refusal_of_certificate_says_which_check_failed(guarded: Guarded, kind: Kind, words: list[str]) -> None:
    guarded.guard(kind)
    told = refusal(
        guarded.url(sslmode="verify-full", sslrootcert=guarded.authorities.root), howdah.errors.ConnectionError
    )
    for word in (*words, f"localhost:{guarded.port}"):
        assert word in told


@pytest.mark.parametrize(("mode", "outcome"), [("prefer", "TLS"), ("require", "refused"), ("verify-ca", "refused")])
def test_root_certificate_of_the_home_folder_counts(
    guarded: Guarded, tmp_path: Path, mode: str, outcome: Outcome
) -> None:
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql/root.crt").write_bytes(guarded.authorities.root.read_bytes())
    good = guarded.url(sslmode=mode)
    assert by_libpq(good) == connected(good) == "TLS"
    guarded.guard("unknown authority", ANY)
    expected: Outcome = "plain" if outcome == "TLS" else outcome
    assert by_libpq(good) == expected
    if expected == "refused":
        assert "authority" in refusal(good)
    else:
        assert connected(good) == expected


def test_verify_full_of_an_address_checks_the_address(guarded: Guarded) -> None:
    url = guarded.url(host="127.0.0.1", sslmode="verify-full", sslrootcert=guarded.authorities.root)
    assert by_libpq(url) == connected(url) == "TLS"
    guarded.guard("wrong name")
    assert by_libpq(url) == "refused"
    told = refusal(url)
    assert "127.0.0.1" in told
    assert ELSEWHERE in told


def test_verify_full_with_hostaddr_checks_the_name(guarded: Guarded) -> None:
    guarded.guard("wrong name")
    root = guarded.authorities.root
    url = guarded.url(host=ELSEWHERE, hostaddr="127.0.0.1", sslmode="verify-full", sslrootcert=root)
    assert by_libpq(url) == connected(url) == "TLS"


def test_system_roots_are_trusted_and_want_verify_full(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    url = guarded.url(sslrootcert="system")
    assert by_libpq(url) == "refused"
    refusal(url, howdah.Error)
    monkeypatch.setenv("SSL_CERT_FILE", str(guarded.authorities.root))
    assert by_libpq(url) == connected(url) == "TLS"
    guarded.guard("wrong name")
    assert by_libpq(url) == "refused"
    assert ELSEWHERE in refusal(url)
    weak = guarded.url(sslrootcert="system", sslmode="require")
    assert by_libpq(weak) == "refused"
    assert "verify-full" in refusal(weak, howdah.InterfaceError)


def test_root_certificate_that_cannot_be_read_is_named(guarded: Guarded, tmp_path: Path) -> None:
    odd = tmp_path / "odd.crt"
    odd.write_text("what is this")
    told = refusal(guarded.url(sslmode="verify-ca", sslrootcert=odd), howdah.InterfaceError)
    assert "sslrootcert" in told
    assert str(odd) in told


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_server_without_tls_is_refused_where_tls_is_required(guarded: Guarded, mode: str) -> None:
    guarded.guard(None, ANY)
    url = guarded.url(sslmode=mode, sslrootcert=guarded.authorities.root)
    assert by_libpq(url) == "refused"
    told = refusal(url, howdah.errors.ConnectionError)
    assert "TLS" in told
    assert "sslmode" in told


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_server_without_tls_is_taken_where_tls_is_not_required(guarded: Guarded, mode: str) -> None:
    guarded.guard(None, ANY)
    url = guarded.url(sslmode=mode)
    assert by_libpq(url) == connected(url) == "plain"


def test_direct_negotiation_begins_with_tls(guarded: Guarded) -> None:
    url = guarded.url(sslnegotiation="direct", sslmode="verify-full", sslrootcert=guarded.authorities.root)
    assert by_libpq(url) == connected(url) == "TLS"
    guarded.guard("good", PLAIN_ALONE)
    assert by_libpq(url) == "refused"
    refusal(url)
    guarded.guard(None, ANY)
    assert by_libpq(url) == "refused"
    assert "TLS" in refusal(url)


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_direct_negotiation_with_a_weak_sslmode_is_refused(guarded: Guarded, mode: str) -> None:
    url = guarded.url(sslnegotiation="direct", sslmode=mode)
    assert by_libpq(url) == "refused"
    assert "sslnegotiation" in refusal(url, howdah.InterfaceError)


def test_version_of_tls_is_the_one_that_is_allowed(guarded: Guarded) -> None:
    for version in ("TLSv1.2", "TLSv1.3"):
        bounds = {"ssl_min_protocol_version": version, "ssl_max_protocol_version": version}
        with howdah.Database(guarded.url(bounds, sslmode="require")) as db:
            assert db.fetch_value("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == version


def test_wrong_password_over_tls_is_not_told(guarded: Guarded) -> None:
    url = guarded.url(password=f"not-{PASSWORD}", sslmode="require")
    assert "password authentication failed" in refusal(url)


def test_large_values_over_tls_arrive_whole(guarded: Guarded) -> None:
    letters = string.ascii_lowercase
    with howdah.Database(guarded.url(sslmode="require")) as db:
        for size in (1, 8_191, 16_384, 65_536, 20_000_000):
            value = db.fetch_value("SELECT left(repeat($1::text, $2::int), $3::int)", letters, size // 26 + 1, size)
            assert value == (letters * (size // 26 + 1))[:size], size
        assert db.fetch_value("SELECT length($1::text)", "é" * 10_000_000) == 10_000_000


def test_load_and_read_over_tls_carry_every_row(guarded: Guarded) -> None:
    rows: list[dict[str, Any]] = [{"id": n, "v": f"{n:050}"} for n in range(50_000)]
    with howdah.Database(guarded.url(sslmode="require")) as db:
        db.execute("CREATE TABLE loaded (id int, v text)")
        try:
            assert db.load("loaded", rows).rows == len(rows)
            assert db.read("SELECT id, v FROM loaded ORDER BY id").to_arrow().to_pylist() == rows
        finally:
            db.execute("DROP TABLE loaded")


def test_async_statements_over_tls_are_all_answered(guarded: Guarded) -> None:
    async def run() -> list[Any]:
        async with howdah.AsyncDatabase(guarded.url(sslmode="require"), max_size=3) as db:
            sizes = [1, 100, 100_000, 3_000_000] * 10
            statement = "SELECT length(repeat('x', $1::int)) + length($2::text)"
            return await asyncio.gather(*(db.fetch_value(statement, size, "y" * size) for size in sizes))

    assert asyncio.run(run()) == [2 * size for size in [1, 100, 100_000, 3_000_000] * 10]


def test_async_large_results_over_tls_arrive_whole(guarded: Guarded) -> None:
    async def run() -> list[Any]:
        async with howdah.AsyncDatabase(guarded.url(sslmode="require"), max_size=2) as db:
            return await asyncio.gather(*(db.fetch_value("SELECT repeat('x', 3000000)") for _ in range(10)))

    assert [len(value) for value in asyncio.run(run())] == [3_000_000] * 10
