"""Makes `snapshots.sql` anew: `python -m tests.python.orm.snapshots`. What it then holds is for a reader to judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import howdah
from howdah import embedded
from tests.python.orm.catalogue import CONDITIONS, QUERIES, WRITES
from tests.python.orm.schema import Person, fill

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = Path(__file__).with_name("snapshots.sql")


class Recorder:
    """Stands in the place of a query's database, and keeps the statements instead of sending them."""

    def __init__(self) -> None:
        """Begin with none."""
        self.statements: list[dict[str, Any]] = []

    def execute_statement(self, statement: dict[str, Any]) -> int:
        """Keep a statement."""
        self.statements.append(statement)
        return 0

    def fetch_rows(self, statement: dict[str, Any], into: object) -> list[Any]:
        """Keep a statement."""
        del into
        self.statements.append(statement)
        return []


def written(db: howdah.Database, kind: str, name: str) -> str:
    """Give the text of a statement of the catalogue."""
    if kind == "condition":
        return db.find(Person, CONDITIONS[name]()).select(Person.id).sql()[0]
    if kind == "query":
        text: str = QUERIES[name](db).sql()[0]
        return text
    recorder: Any = Recorder()
    recorder.find = lambda table, *conditions: howdah.Query(table, recorder).where(*conditions)
    WRITES[name](recorder)
    return howdah._core.render(recorder.statements[0])[0]


def snapshots() -> dict[str, str]:
    """Read the file: the texts by the kinds and names of their statements."""
    found: dict[str, str] = {}
    for block in FILE.read_text("utf-8").split("\n\n"):
        name, _, text = block.strip().partition("\n")
        found[name.removeprefix("-- ")] = text
    return found


def names() -> list[tuple[str, str]]:
    """Give the kinds and names of all statements."""
    kinds: dict[str, Mapping[str, object]] = {"condition": CONDITIONS, "query": QUERIES, "write": WRITES}
    return [(kind, name) for kind, those in kinds.items() for name in those]


def main() -> None:
    """Write the file."""
    with embedded.server() as server, howdah.Database(server.url) as db:
        fill(db)
        blocks = [f"-- {kind}: {name}\n{written(db, kind, name)}" for kind, name in names()]
    FILE.write_text("\n\n".join(blocks) + "\n", "utf-8")


if __name__ == "__main__":
    main()
