"""PostGIS: WKB with the CRS of the column in Arrow, EWKB in rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

import howdah
from tests.python.versions import server_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPES = [
    "POINT(1 2)",
    "POINT Z(1 2 3)",
    "POINT EMPTY",
    "LINESTRING M(1 2 3,4 5 6)",
    "POLYGON((0 0,4 0,4 4,0 0),(1 1,2 1,2 2,1 1))",
    "MULTIPOINT ZM((1 2 3 4),(5 6 7 8))",
    "GEOMETRYCOLLECTION(POINT(1 2),MULTIPOLYGON(((0 0,4 0,4 4,0 0))))",
    "CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0))",
    "TIN Z(((0 0 0,0 0 1,0 1 0,0 0 0)))",
]


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Connect to Debian's PostgreSQL, for which there is PostGIS."""
    with server_of("15") as server, psycopg.connect(server.url, autocommit=True) as connection:
        query = "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'"
        if connection.execute(query).fetchone() == (0,):
            pytest.skip("there is no PostGIS: Debian's package is postgresql-15-postgis-3")
        connection.execute("CREATE EXTENSION postgis")
        yield connection


@pytest.fixture
def db(connection: psycopg.Connection[tuple[Any, ...]]) -> Iterator[howdah.Database]:
    connection.execute("DROP TABLE IF EXISTS t, u")
    info = connection.info
    with howdah.Database(f"postgresql://{info.user}@/{info.dbname}?host={info.host}&port={info.port}") as db:
        yield db


def test_shapes_of_every_kind_come_back_the_same(db: howdah.Database) -> None:
    db.execute("CREATE TABLE t (id int, v geometry, w geometry(Geometry, 4326))")
    for place, shape in enumerate(SHAPES):
        db.execute(
            "INSERT INTO t SELECT $1, g, CASE ST_NDims(g) WHEN 2 THEN g END FROM (SELECT $2::text::geometry) AS s (g)",
            place,
            f"SRID=4326;{shape}",
        )
    rows = db.fetch("SELECT * FROM t ORDER BY id")
    read = db.read("SELECT * FROM t ORDER BY id").to_arrow()
    # Each value of `v` has its SRID; `w` has ISO WKB, whose SRID is the column's.
    assert read.column("v").to_pylist() == [row["v"] for row in rows]
    iso = db.fetch("SELECT ST_AsBinary(w) AS w FROM t ORDER BY id")
    assert read.column("w").to_pylist() == [row["w"] for row in iso]
    fields = [read.schema.field(name).metadata for name in ("v", "w")]
    assert [field[b"ARROW:extension:name"] for field in fields] == [b"geoarrow.wkb"] * 2
    assert b"ARROW:extension:metadata" not in fields[0]
    crs = {"crs": "EPSG:4326", "crs_type": "authority_code"}
    assert json.loads(fields[1][b"ARROW:extension:metadata"]) == crs
    for data in (read, rows):
        db.load("u", data, mode="replace", types={"v": "geometry", "w": "geometry(Geometry, 4326)"})
        same = (
            "SELECT count(*) FROM t JOIN u USING (id) WHERE t.v::text = u.v::text "
            "AND t.w::text IS NOT DISTINCT FROM u.w::text"
        )
        assert db.fetch_value(same) == len(SHAPES)
    for row in rows:
        assert db.fetch_value("SELECT $1::geometry", row["v"]) == row["v"]
    assert db.fetch_value("SELECT $1::geometry[]", [row["v"] for row in rows]) == [row["v"] for row in rows]


def test_table_of_what_was_read_has_the_same_columns(db: howdah.Database) -> None:
    db.execute("CREATE TABLE t (a geometry, b geometry(PointZ, 3857), c geography(Polygon, 4326), d geography)")
    db.load("u", db.read("t"), mode="create")
    declared = (
        "SELECT array_agg(format_type(atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute "
        "WHERE attrelid = $1::text::regclass AND attnum > 0"
    )
    assert db.fetch_value(declared, "u") == db.fetch_value(declared, "t")
    schema = db.read("t").to_arrow().schema
    assert json.loads(schema.field("d").metadata[b"ARROW:extension:metadata"])["edges"] == "spherical"


def in_crs(crs: Any) -> pa.Table:
    point = bytes.fromhex("0101000000000000000000f03f0000000000000040")
    metadata = {"ARROW:extension:name": "geoarrow.wkb", "ARROW:extension:metadata": json.dumps({"crs": crs})}
    return pa.table({"v": [point]}, pa.schema([pa.field("v", pa.binary(), metadata=metadata)]))


@pytest.mark.parametrize("crs", ["EPSG:4326", {"type": "GeographicCRS", "id": {"authority": "EPSG", "code": 4326}}])
def test_crs_of_the_column_is_taken_and_another_refused(db: howdah.Database, crs: Any) -> None:
    db.execute("CREATE TABLE t (v geometry(Point, 4326))")
    db.load("t", in_crs(crs))
    assert db.fetch_value("SELECT ST_AsEWKT(v) FROM t") == "SRID=4326;POINT(1 2)"
    for declaration in ("geometry(Point, 3857)", "geometry"):
        db.execute("DROP TABLE t")
        db.execute(f"CREATE TABLE t (v {declaration})")
        with pytest.raises(howdah.ProgrammingError, match='column "v": expected geometry, got geoarrow'):
            db.load("t", in_crs(crs))
    db.load("t", in_crs(None))
    assert db.fetch_value("SELECT ST_AsEWKT(v) FROM t") == "POINT(1 2)"


def test_bytes_that_are_no_geometry_are_an_error(db: howdah.Database) -> None:
    db.execute("CREATE TABLE t (v geometry(Point, 4326))")
    with pytest.raises(howdah.Error):
        db.load("t", [{"v": b"\1\2"}])
    with pytest.raises(howdah.ConversionError, match="expected geometry, got str"):
        db.load("t", [{"v": "POINT(1 2)"}])
    assert db.fetch_value("SELECT count(*) FROM t") == 0
