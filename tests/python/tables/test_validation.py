"""Tables in pydantic and FastAPI: input is validated, output is serialised, and reads are neither."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ipaddress
import uuid
from decimal import Decimal
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import pydantic
import pytest
from fastapi import Body, FastAPI
from fastapi.encoders import jsonable_encoder
from pydantic import TypeAdapter, ValidationError

import howdah
from howdah import Col, Database, Interval, Many, One, Page, Range, Ref, Table, Vector, col
from tests.python.versions import wants

if TYPE_CHECKING:
    from tests.python.conftest import Sql


class Mood(StrEnum):
    calm = "calm"
    musth = "musth"


class Size(Enum):
    small = "s"
    large = "l"


class Herd(Table):
    id: Col[int] = howdah.identity()
    name: Col[str] = col(type="varchar(5)")
    members: Many[Beast] = howdah.many(via="herd")


class Beast(Table):
    id: Col[int] = howdah.identity()
    name: Col[str]
    age: Col[int | None] = col(default=None, type="smallint")
    weight: Col[Decimal] = col(default=Decimal("1.5"), precision=5, scale=2)
    mood: Col[Mood] = col(default=Mood.calm)
    sizes: Col[list[Size]] = col(default_factory=list)
    tags: Col[list[str]] = col(default_factory=list)
    meta: Col[dict[str, Any]] = col(default_factory=dict)
    token: Col[uuid.UUID | None] = col(default=None)
    born: Col[dt.datetime | None] = col(default=None)
    clock: Col[dt.datetime | None] = col(default=None, type="timestamp")
    day: Col[dt.date | None] = col(default=None)
    shape: Col[Vector | None] = col(default=None, dim=3)
    span: Col[Range[int] | None] = col(default=None)
    seen: Col[Range[dt.datetime] | None] = col(default=None)
    photo: Col[bytes | None] = col(default=None)
    rest: Col[Interval | None] = col(default=None)
    host: Col[ipaddress.IPv4Address | None] = col(default=None)
    call: Col[str] = howdah.generated("upper(name)")
    made: Col[dt.datetime] = howdah.server_default("now()")
    herd: Ref[Herd] = howdah.ref(default=None)
    seat: One[Seat] = howdah.one(via="beast")


class Seat(Table):
    """Where somebody sits."""

    code: Col[str] = col(primary_key=True)
    beast: Ref[Beast] = howdah.ref(unique=True)


BEASTS: TypeAdapter[Beast] = TypeAdapter(Beast)
NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
TOKEN = uuid.UUID(int=7)
# A beast of every type: as JSON, and what its values are.
WHOLE: dict[str, tuple[Any, Any]] = {
    "name": ("Hanno", "Hanno"),
    "age": (7, 7),
    "weight": ("3.25", Decimal("3.25")),
    "mood": ("musth", Mood.musth),
    "sizes": (["s", "l"], [Size.small, Size.large]),
    "tags": (["a", "b"], ["a", "b"]),
    "meta": ({"a": [1, None]}, {"a": [1, None]}),
    "token": (str(TOKEN), TOKEN),
    "born": ("2026-07-01T12:00:00Z", NOON),
    "clock": ("2026-07-01T12:00:00", NOON.replace(tzinfo=None)),
    "day": ("2026-07-01", NOON.date()),
    "shape": ([1.0, 2.0, 0.5], Vector([1, 2, 0.5])),
    "span": ({"lower": 1, "upper": 5, "bounds": "[)", "empty": False}, Range(1, 5)),
    "seen": ({"lower": "2026-07-01T12:00:00Z", "upper": None, "bounds": "[)", "empty": False}, Range(NOON)),
    "photo": (base64.b64encode(b"\xff\x00").decode(), b"\xff\x00"),
    "rest": ({"months": 1, "days": 2, "microseconds": 3}, Interval(1, 2, 3)),
    "host": ("10.0.0.1", ipaddress.IPv4Address("10.0.0.1")),
}


def problems(given: object, kind: type[Table] = Beast) -> dict[tuple[Any, ...], str]:
    """Give what is wrong with an object, by place."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(given)
    return {one["loc"]: one["msg"] for one in caught.value.errors()}


def test_a_row_is_made_of_values_of_every_type() -> None:
    row = BEASTS.validate_python({name: given for name, (given, _) in WHOLE.items()})
    assert type(row) is Beast
    assert {name: getattr(row, name) for name in WHOLE} == {name: value for name, (_, value) in WHOLE.items()}
    assert type(row.shape) is Vector


def test_a_row_that_was_validated_is_stored_and_comes_back_the_same(db: Database, sql: Sql) -> None:
    wants("vector", sql)
    db.create_tables(Herd, Beast)
    row = db.save(BEASTS.validate_python({name: given for name, (given, _) in WHOLE.items()}))
    again = db.get(Beast, row.id)
    shown = BEASTS.dump_python(again, mode="json")
    span = {"lower": "2026-07-01T12:00:00Z", "upper": None, "bounds": "[)", "empty": False}
    assert {name: shown[name] for name in WHOLE} == {name: given for name, (given, _) in WHOLE.items()} | {"seen": span}
    assert (shown["id"], shown["call"], shown["herd_id"]) == (1, "HANNO", None)
    assert BEASTS.validate_python(BEASTS.dump_python(again)) == again


def test_what_is_left_out_has_its_default_or_waits_for_the_server() -> None:
    row = BEASTS.validate_json('{"name": "Hanno"}')
    assert (row.age, row.weight, row.mood, row.tags, row.herd_id) == (None, Decimal("1.5"), Mood.calm, [], None)  # type: ignore[attr-defined]
    other = BEASTS.validate_json('{"name": "Hanno"}')
    assert row.tags is not other.tags
    for name in ("id", "call", "made"):
        with pytest.raises(howdah.NotLoaded):
            getattr(row, name)


def test_what_the_server_fills_may_be_given_but_not_what_it_computes() -> None:
    row = BEASTS.validate_python({"id": 3, "name": "Hanno", "made": NOON, "call": "IGNORED", "herd_id": 4})
    assert (row.id, row.made, row.herd_id) == (3, NOON, 4)  # type: ignore[attr-defined]
    assert "call" not in vars(row)


def test_all_that_is_wrong_is_told_by_its_place() -> None:
    assert problems({"age": "old", "mood": "angry", "sizes": ["s", "m"], "span": {"lower": "x"}, "nmae": "Hanno"}) == {
        ("name",): "Field required",
        ("age",): "Input should be a valid integer, unable to parse string as an integer",
        ("mood",): "Input should be 'calm' or 'musth'",
        ("sizes", 1): "Input should be 's' or 'l'",
        ("span", "lower"): "Input should be a valid integer, unable to parse string as an integer",
        ("nmae",): "Extra inputs are not permitted",
    }


@pytest.mark.parametrize(
    ("column", "given", "told"),
    [
        ("name", None, "valid string"),
        ("name", "a\0b", "NUL"),
        ("age", 40_000, "less than or equal to 32767"),
        ("id", 1 << 63, "less than or equal to"),
        ("weight", "1.234", "2 decimal places"),
        ("weight", "12345.6", "digits"),
        ("weight", "NaN", "finite"),
        ("born", "2026-07-01T12:00:00", "timezone"),
        ("clock", "2026-07-01T12:00:00Z", "timezone"),
        ("day", "2026-02-30", "date"),
        ("token", "7", "UUID"),
        ("shape", [1, 2], "3 items"),
        ("shape", [1, 2, "x"], "valid number"),
        ("span", {"lower": 5, "upper": 1}, "not greater than the upper"),
        ("span", {"lower": 1, "bounds": "<>"}, "'[)', '[]', '(]' or '()'"),
        ("seen", {"lower": "2026-07-01T12:00:00"}, "timezone"),
        ("photo", "no base64!", "base64"),
        ("meta", [1], "dictionary"),
        ("host", "10.0.0", "IPv4"),
    ],
)
def test_a_value_that_the_column_cannot_hold_is_refused(column: str, given: object, told: str) -> None:
    found = problems({"name": "Hanno", column: given})
    assert [place[0] for place in found] == [column]
    assert told in next(iter(found.values()))


def test_a_text_that_is_too_long_is_refused() -> None:
    assert problems({"name": "Mysuru"}, Herd) == {("name",): "String should have at most 5 characters"}


def test_a_row_is_taken_as_it_is() -> None:
    row = Beast(name="x" * 1000, age=1 << 40)
    assert BEASTS.validate_python(row) is row
    assert list(problems(Herd(name="x")).values()) == ["Input should be a valid dictionary"]


def test_reads_are_not_validated(db: Database, sql: Sql) -> None:
    wants("vector", sql)
    db.create_tables(Herd, Beast)
    db.execute("ALTER TABLE beast ALTER weight TYPE numeric, ALTER age TYPE bigint")
    db.execute("INSERT INTO beast (name, age, weight, mood, sizes, tags, meta) "
               "VALUES ('Hanno', 99999, 1234.56789, 'calm', '{}', '{}', '{}')")  # fmt: skip
    row = db.find(Beast).one()
    assert (row.age, row.weight) == (99_999, Decimal("1234.56789"))
    assert BEASTS.dump_python(row, mode="json")["weight"] == "1234.56789"


def test_relations_that_are_loaded_are_shown_to_any_depth(db: Database, sql: Sql) -> None:
    wants("vector", sql)
    db.create_tables(Seat, Herd, Beast)
    herd = db.save(Herd(name="north"))
    hanno, jumbo = (db.save(Beast(name=name, herd=herd)) for name in ("Hanno", "Jumbo"))
    db.save(Seat(code="a", beast=hanno))
    herds = db.find(Herd).load(Herd.members, Herd.members.seat).to_list()
    shown = TypeAdapter(list[Herd]).dump_python(herds, mode="json")
    assert [(one["name"], one["seat"]) for one in shown[0]["members"]] == [
        ("Hanno", {"code": "a", "beast_id": hanno.id}),
        ("Jumbo", None),
    ]
    assert "herd" not in shown[0]["members"][0], "a row is not shown within itself"
    found = db.find(Beast, Beast.id == jumbo.id).load(Beast.herd).one()
    assert BEASTS.dump_python(found)["herd"] == {"id": herd.id, "name": "north"}
    assert "herd" not in BEASTS.dump_python(db.get(Beast, jumbo.id))


def test_parts_of_a_row_are_left_out_where_that_is_asked() -> None:
    herd = Herd(name="north")
    vars(herd)["members"] = [Beast(name="Hanno"), Beast(name="Jumbo")]
    herds = TypeAdapter(list[Herd])
    assert herds.dump_python([herd], exclude={"__all__": {"members"}}) == [{"name": "north"}]
    members = {"members": {"__all__": {"name"}}}
    assert herds.dump_python([herd], include={0: members}) == [{"members": [{"name": "Hanno"}, {"name": "Jumbo"}]}]
    shown = TypeAdapter(Herd).dump_python(herd, mode="json", exclude={"name": True, "members": {0: True, 1: {"age"}}})
    assert (set(shown), len(shown["members"]), "age" in shown["members"][0]) == ({"members"}, 1, False)


def test_the_schema_of_what_comes_in_asks_for_what_nobody_else_gives() -> None:
    schema = BEASTS.json_schema(mode="validation")
    assert (schema["title"], schema["required"], schema["additionalProperties"]) == ("Beast", ["name"], False)
    properties = schema["properties"]
    assert set(properties) == {*WHOLE, "id", "call", "made", "herd_id"}
    assert properties["call"] == {"title": "Call", "type": "string", "readOnly": True}
    assert properties["mood"] == {"$ref": "#/$defs/Mood", "default": "calm"}
    assert properties["age"]["anyOf"] == [{"type": "integer", "minimum": -32768, "maximum": 32767}, {"type": "null"}]
    assert properties["photo"]["anyOf"][0] == {"type": "string", "format": "byte", "contentEncoding": "base64"}
    vector = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
    assert properties["shape"]["anyOf"][0] == vector


def test_the_schema_of_what_goes_out_has_all_columns_and_relations() -> None:
    schema = TypeAdapter(Herd).json_schema(mode="serialization")
    herd, beast = schema["$defs"]["Herd"], schema["$defs"]["Beast"]
    assert herd["required"] == ["id", "name"]
    assert herd["properties"]["members"]["items"] == {"$ref": "#/$defs/Beast"}
    assert set(beast["required"]) == {*WHOLE, "id", "call", "made", "herd_id"}
    assert beast["properties"]["herd"]["anyOf"] == [{"$ref": "#/$defs/Herd"}, {"type": "null"}]
    assert beast["properties"]["shape"]["anyOf"][0] == {"type": "array", "items": {"type": "number"}}
    assert beast["properties"]["weight"]["type"] == "string"


def test_the_schemas_say_what_the_table_says_of_itself() -> None:
    seats = TypeAdapter(Seat)
    assert seats.json_schema(mode="validation")["description"] == "Where somebody sits."
    assert seats.json_schema(mode="serialization")["$defs"]["Seat"]["description"] == "Where somebody sits."
    assert Seat.pydantic().model_json_schema()["description"] == "Where somebody sits."
    assert "description" not in BEASTS.json_schema(mode="validation")


def test_a_table_is_a_field_of_a_model() -> None:
    class Report(pydantic.BaseModel):
        herd: Herd
        beasts: list[Beast] = []

    report = Report.model_validate({"herd": {"name": "north"}, "beasts": [{"name": "Hanno"}]})
    assert (type(report.herd), type(report.beasts[0])) == (Herd, Beast)
    assert report.model_dump(include={"herd"}) == {"herd": {"name": "north"}}
    assert (
        Report.model_validate_json('{"herd": {"name": "n"}}').model_dump_json() == '{"herd":{"name":"n"},"beasts":[]}'
    )


def test_a_model_of_a_table_has_its_columns(db: Database, sql: Sql) -> None:
    wants("vector", sql)
    db.create_tables(Herd, Beast)
    model = Beast.pydantic()
    assert model is Beast.pydantic()
    assert (model.__name__, model.__module__) == ("BeastModel", __name__)
    assert set(model.model_fields) == {*WHOLE, "id", "call", "made", "herd_id"}
    given = model(**{name: one for name, (one, _) in WHOLE.items()})
    assert (given.id, given.made, given.shape) == (None, None, Vector([1, 2, 0.5]))
    with pytest.raises(ValidationError, match="nmae"):
        model(name="Hanno", nmae="Hanno")
    row = db.save(BEASTS.validate_python(given))
    assert model.model_validate(row).model_dump(mode="json") == BEASTS.dump_python(row, mode="json")
    assert model.model_validate(Beast(name="new")).model_dump(exclude_none=True)["name"] == "new"


def asked(method: str, path: str, **options: Any) -> httpx.Response:
    """Ask a service that takes and gives rows."""

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app=service())
        async with httpx.AsyncClient(transport=transport, base_url="http://beasts") as client:
            return await client.request(method, path, **options)

    return asyncio.run(asking())


def service() -> FastAPI:
    """Give a service that takes and gives rows."""
    app = FastAPI()

    @app.post("/one")
    async def one(beast: Annotated[Beast, Body()]) -> Beast:
        return beast

    @app.post("/several", response_model=list[Beast], response_model_exclude_none=True)
    async def several(beasts: list[Beast]) -> Any:
        return beasts

    @app.get("/page", response_model=Page[Herd], response_model_exclude={"items": {"__all__": {"id"}}})
    async def page() -> Any:
        return Page([Herd(id=1, name="north")], "more")  # type: ignore[call-arg]

    @app.post("/model")
    async def model(herd: Herd.pydantic()) -> Herd:  # type: ignore[valid-type]
        return Herd(**herd.model_dump(exclude_unset=True))

    assert [one, several, page, model]
    return app


def test_a_service_takes_and_gives_rows() -> None:
    body = {name: given for name, (given, _) in WHOLE.items()}
    answer = asked("POST", "/one", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {**body, "herd_id": None}
    answer = asked("POST", "/several", json=[{"name": "Hanno"}, {"name": "Jumbo", "age": 3}])
    assert [(one["name"], one.get("age")) for one in answer.json()] == [("Hanno", None), ("Jumbo", 3)]
    assert "token" not in answer.json()[0]
    assert asked("GET", "/page").json() == {"items": [{"name": "north"}], "next": "more"}
    assert asked("POST", "/model", json={"name": "north"}).json() == {"name": "north"}


def test_a_service_refuses_a_body_by_its_fields() -> None:
    answer = asked("POST", "/several", json=[{"name": "Hanno"}, {"age": "old"}])
    assert answer.status_code == 422
    places = [tuple(one["loc"]) for one in answer.json()["detail"]]
    assert places == [("body", 1, "name"), ("body", 1, "age")]
    assert asked("POST", "/one", content="[1").status_code == 422
    assert asked("POST", "/model", json={"name": "Mysuru"}).status_code == 422


def test_a_service_describes_its_rows() -> None:
    told = asked("GET", "/openapi.json").json()
    shapes = told["components"]["schemas"]
    assert {"BeastInput", "Beast", "HerdModel", "Herd", "Mood"} <= set(shapes)
    assert not [name for name in shapes if "__" in name]
    body = told["paths"]["/one"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"] == "#/components/schemas/BeastInput"


def test_row_that_no_annotation_tells_of_shows_its_columns_alone(db: Database) -> None:
    db.create_tables(Herd)
    herd = db.save(Herd(name="one"))
    assert dict(herd) == herd.asdict() == {"id": 1, "name": "one"}
    assert jsonable_encoder(herd) == {"id": 1, "name": "one"}
    assert jsonable_encoder([db.get(Herd, 1)]) == [{"id": 1, "name": "one"}]
