"""howdah.codec.decode: rows of a COPY cut anywhere, and errors for bytes that are none."""

from __future__ import annotations

import decimal
import random
import resource
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import howdah
from howdah import codec
from tests.python.codec.copies import HEADER, TRAILER, copy_out, framed, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS: list[tuple[str, codec.Type]] = [("n", "int"), ("x", "text")]
COPY = HEADER + framed(b"\0\0\0\7", b"abc") + framed(None, b"") + framed(b"\0\0\0\0", None) + TRAILER
ROWS = [{"n": 7, "x": "abc"}, {"n": None, "x": ""}, {"n": 0, "x": None}]
SEED = 20_260_201


@pytest.mark.parametrize("size", range(1, len(COPY) + 1))
def test_chunks_of_every_size_give_the_same_rows(size: int) -> None:
    chunks = [COPY[start : start + size] for start in range(0, len(COPY), size)]
    assert rows_of(chunks, COLUMNS) == ROWS


@pytest.mark.parametrize(
    "chunks",
    [
        COPY,
        bytearray(COPY),
        memoryview(COPY),
        [COPY[:30], b"", bytearray(COPY[30:40]), memoryview(COPY)[40:], b""],
        (bytes([byte]) for byte in COPY),
    ],
    ids=["bytes", "bytearray", "memoryview", "mixed", "generator"],
)
def test_bytes_of_every_kind_are_decoded(chunks: Any) -> None:
    assert rows_of(chunks, COLUMNS) == ROWS


def test_rows_are_a_stream_of_batches(url: str) -> None:
    taken = 0
    copied = copy_out(url, "SELECT n, repeat('x', n % 50) FROM generate_series(1, 100000) n")

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        for taken in range(0, len(copied), 1000):
            yield copied[taken : taken + 1000]

    reader = codec.decode(chunks(), COLUMNS, batch_rows=1000)
    assert taken == 0
    assert pa.schema(reader) == pa.schema({"n": pa.int32(), "x": pa.string()})
    first = next(iter(reader))
    assert first.num_rows == 1000
    assert taken < 1_000_000
    batches = pa.table(reader).to_batches()
    assert [batch.num_rows for batch in batches] == [1000] * 99
    assert sum(batch["n"].to_numpy().sum() for batch in batches) == sum(range(1001, 100_001))


def test_decoded_copy_goes_into_a_load(db: howdah.Database) -> None:
    db.load("t", codec.decode(COPY, COLUMNS), mode="create")
    assert db.fetch("SELECT * FROM t ORDER BY n") == [ROWS[2], ROWS[0], ROWS[1]]


def test_options_are_those_of_read(url: str) -> None:
    copied = copy_out(url, "SELECT 1.50::numeric, 'infinity'::timestamp, 1::bigint")
    columns: dict[str, codec.Type] = {"x": "numeric", "at": "timestamp", "n": "bigint"}
    with pytest.raises(howdah.DataError, match='column "at", row 0: infinity is out of range') as caught:
        rows_of(copied, columns)
    assert (caught.value.column, caught.value.row) == ("at", 0)
    found = codec.decode(copied, columns, types={"x": "decimal(9,2)", "n": pa.int8()}, out_of_range="null").to_arrow()
    assert found.schema.field("n").type == pa.int8()
    assert found.to_pylist() == [{"x": decimal.Decimal("1.50"), "at": None, "n": 1}]
    assert rows_of(copied, columns, out_of_range="string")[0]["at"] == "infinity"
    with pytest.raises(howdah.ProgrammingError, match='types= names column "y"'):
        codec.decode(copied, columns, types={"y": "int64"})
    with pytest.raises(howdah.InterfaceError, match="out_of_range"):
        codec.decode(copied, columns, out_of_range="ignore")  # type: ignore[arg-type]
    with pytest.raises(howdah.InterfaceError, match="batch_rows"):
        codec.decode(copied, columns, batch_rows=0)


def test_copy_without_columns_has_rows(url: str) -> None:
    reader = codec.decode(copy_out(url, "SELECT FROM generate_series(1, 3)"), {})
    assert sum(batch.num_rows for batch in reader) == 3


@pytest.mark.parametrize("end", range(len(COPY)))
def test_copy_that_is_cut_off_is_an_error(end: int) -> None:
    with pytest.raises(howdah.DataError, match="the COPY ends"):
        rows_of([COPY[:end]], COLUMNS)


GOOD = HEADER + framed(b"\0\0\0\7", b"abc")


@pytest.mark.parametrize(
    ("copied", "message"),
    [
        (b"7\tabc\n", "row 0: expected the signature of a binary COPY; use COPY with FORMAT binary"),
        (HEADER[:11] + b"\0\1" + HEADER[13:], "row 0: a COPY with OIDs"),
        (HEADER[:11] + b"\x80" + HEADER[12:], "row 0: unknown flags"),
        (HEADER[:15] + b"\xff" * 4, "row 0: a header extension of -1 bytes"),
        (GOOD + framed(b"\0\0\0\7"), "row 1: expected a row of 2 columns, got 1"),
        (GOOD + b"\xff\xfe", "row 1: expected a row of 2 columns, got -2"),
        (GOOD + b"\0\2\xff\xff\xff\xfe", "row 1: a value of -2 bytes"),
        (GOOD + b"\0\2\x7f\xff\xff\xff", "row 1: a value of 2147483647 bytes"),
        (GOOD + framed(b"\0\7", b"abc"), 'column "n", row 1: expected 4 bytes'),
        (GOOD + TRAILER + b"\0", "row 1: bytes after the trailer"),
        (GOOD + TRAILER + GOOD + TRAILER, "row 1: bytes after the trailer"),
        (GOOD + framed(None, b"\xff") + TRAILER, "row 0: text that is not UTF-8 in one of the rows to 1"),
    ],
    ids=[
        "text",
        "oids",
        "flags",
        "extension",
        "count",
        "negative count",
        "negative",
        "long",
        "value",
        "more",
        "two",
        "utf8",
    ],
)
def test_malformed_copy_names_the_row(copied: bytes, message: str) -> None:
    for chunks in (copied, [copied], [bytes([byte]) for byte in copied]):
        reader = codec.decode(chunks, COLUMNS)
        with pytest.raises(howdah.DataError) as caught:
            list(reader)
        assert str(caught.value).startswith(message)
        assert caught.value.row == int(message.split("row ")[1][0])


def test_rows_before_a_malformed_one_are_in_earlier_batches() -> None:
    reader = iter(codec.decode(GOOD + framed(b"", b""), COLUMNS, batch_rows=1))
    assert next(reader).num_rows == 1
    with pytest.raises(howdah.DataError, match='column "n", row 1: '):
        next(reader)


def test_length_of_a_value_is_not_allocated_before_it_arrives() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(howdah.DataError, match="ends within a row"):
        rows_of(GOOD + b"\0\2\x3f\xff\xff\xff", COLUMNS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("chunks", ["text", 7, None], ids=["str", "int", "None"])
def test_chunks_that_are_no_bytes_are_refused(chunks: Any) -> None:
    with pytest.raises(howdah.ConversionError, match="expected an iterable of bytes"):
        codec.decode(chunks, COLUMNS)


def test_chunk_that_is_no_bytes_is_refused() -> None:
    with pytest.raises(howdah.ConversionError, match="expected bytes, got str"):
        list(codec.decode([COPY[:20], "text"], COLUMNS))  # type: ignore[list-item]


def test_error_of_the_chunks_themselves_is_raised() -> None:
    def chunks() -> Iterator[bytes]:
        yield COPY[:30]
        raise LookupError

    reader = codec.decode(chunks(), COLUMNS)
    with pytest.raises(LookupError):
        reader.to_arrow()
    with pytest.raises(howdah.InterfaceError, match="failed before its end"):
        list(reader)


def test_changed_bytes_give_rows_or_an_error_of_howdah(url: str) -> None:
    columns: dict[str, codec.Type] = {
        "n": "int",
        "d": "numeric",
        "x": "text",
        "at": "timestamptz",
        "a": "int[]",
        "r": "int4range",
        "m": "int4multirange",
        "j": "jsonb",
        "u": "uuid",
        "i": "inet",
    }
    copied = copy_out(
        url,
        "SELECT n, n / 7.0, repeat('é', n), now(), ARRAY[n, NULL, 3], int4range(n, 9), "
        "int4multirange(int4range(n, 9)), jsonb_build_object('n', n), gen_random_uuid(), '10.0.0.1/8'::inet "
        "FROM generate_series(1, 5) n",
    )
    choice = random.Random(SEED)  # noqa: S311  (a test)
    failed = 0
    for _ in range(3_000):
        changed = bytearray(copied)
        for _ in range(choice.choice([1, 1, 2, 8])):
            start = choice.randrange(len(changed))
            changed[start : start + choice.randrange(3)] = choice.randbytes(choice.randrange(5))
        try:
            assert sum(batch.num_rows for batch in codec.decode([changed[:77], changed[77:]], columns)) <= 5
        except howdah.DataError:
            failed += 1
    assert failed > 1_000
