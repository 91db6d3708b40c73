# /// script
# requires-python = ">=3.11"
# dependencies = ["pyarrow>=21", "tpchgen-cli>=4"]
# ///
"""TPC-H lineitem of any scale, made by tpchgen-cli when first asked for and kept in ``cache/``.

From the command line: ``python datasets/lineitem.py --scale 1 --rows 1000000``
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

CACHE = Path(__file__).resolve().parent / "cache"
ROW_GROUP_ROWS = 65_536
ROWS_AT_SCALE_1 = 6_000_000  # about: 1,500,000 orders of one to seven lines each

# The generator's own types, but for text, which it writes as string_view: few readers know that one.
SCHEMA = pa.schema(
    {
        "l_orderkey": pa.int64(),
        "l_partkey": pa.int64(),
        "l_suppkey": pa.int64(),
        "l_linenumber": pa.int32(),
        "l_quantity": pa.decimal128(15, 2),
        "l_extendedprice": pa.decimal128(15, 2),
        "l_discount": pa.decimal128(15, 2),
        "l_tax": pa.decimal128(15, 2),
        "l_returnflag": pa.string(),
        "l_linestatus": pa.string(),
        "l_shipdate": pa.date32(),
        "l_commitdate": pa.date32(),
        "l_receiptdate": pa.date32(),
        "l_shipinstruct": pa.string(),
        "l_shipmode": pa.string(),
        "l_comment": pa.string(),
    }
)


def lineitem(scale: float = 1.0, rows: int | None = None) -> Path:
    """Return the path of a Parquet file of lineitem, made now if it is not there yet.

    The file has the columns of ``SCHEMA`` and row groups of at most ``ROW_GROUP_ROWS`` rows, so it can be
    streamed in little memory. The same arguments always give the same rows, in order of ``l_orderkey``.

    Args:
        scale: TPC-H scale factor; 1 is about 6,000,000 rows.
        rows: keep only the first so many rows of that scale; fewer come if the scale has fewer.

    Returns:
        ``datasets/cache/lineitem-sf<scale>[-<rows>].parquet``.

    Raises:
        ValueError: scale or rows is not positive.
        FileNotFoundError: tpchgen-cli is not installed.
        subprocess.CalledProcessError: tpchgen-cli failed.
    """
    if scale <= 0 or (rows is not None and rows <= 0):
        message = f"expected a positive scale and number of rows, got scale {scale} and {rows} rows"
        raise ValueError(message)
    path = CACHE / f"lineitem-sf{scale:.12g}{'' if rows is None else f'-{rows}'}.parquet"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="making-") as folder:
            made = Path(folder) / "made.parquet"
            _rewrite(_generate(scale, _parts(scale, rows), Path(folder)), made, rows)
            made.replace(path)
    return path


def _parts(scale: float, rows: int | None) -> int:
    """Return into how many parts to cut the table so that the first one still holds the rows asked for."""
    if rows is None:
        return 1
    rows_and_margin = rows * 1.05 + 10_000  # parts hold equal numbers of orders, not of lines
    return max(1, int(scale * ROWS_AT_SCALE_1 / rows_and_margin))


def _generate(scale: float, parts: int, folder: Path) -> Path:
    """Let tpchgen-cli write the first of so many parts of lineitem into a folder and return the file."""
    scripts_first = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    generator = shutil.which("tpchgen-cli", path=scripts_first)
    if generator is None:
        message = "tpchgen-cli is not installed; pip install tpchgen-cli"
        raise FileNotFoundError(message)
    what = ["parquet", "--tables=lineitem", f"--scale-factor={scale}", f"--parts={parts}", "--part=1"]
    subprocess.run([generator, *what, f"--output-dir={folder}", "--quiet"], check=True)  # noqa: S603
    return folder / "lineitem" / "lineitem.1.parquet"


def _rewrite(source: Path, target: Path, rows: int | None) -> None:
    """Copy the first rows of one Parquet file to another of ``SCHEMA``, holding one batch at a time."""
    with (
        pq.ParquetFile(source, pre_buffer=False) as file,
        pq.ParquetWriter(target, SCHEMA, compression="zstd") as out,
    ):
        left = file.metadata.num_rows if rows is None else rows
        for batch in file.iter_batches(ROW_GROUP_ROWS):
            if left == 0:
                break
            kept = batch.slice(0, left)
            out.write_batch(kept.cast(SCHEMA))
            left -= kept.num_rows


def main() -> None:
    """Make a file from the command line and print its path."""
    parser = argparse.ArgumentParser(description="make TPC-H lineitem as Parquet, or find it in the cache")
    parser.add_argument("--scale", type=float, default=1.0, help="TPC-H scale factor (default: 1)")
    parser.add_argument("--rows", type=int, default=None, help="keep only the first so many rows")
    options = parser.parse_args()
    path = lineitem(options.scale, options.rows)
    print(f"{path}  {pq.read_metadata(path).num_rows:,} rows  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
