"""The site lists every page, the reference every public name, and tables agree with the code."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

import howdah
from howdah import codec, embedded, outcomes, testing
from tests.python.documentation.pages import DOCS, README, ROOT, name_of, navigation, settings
from tools import generate_llms

if TYPE_CHECKING:
    from pathlib import Path

MOST_README_LINES = 150

LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)#:]+)(?:#[^)]*)?\)|!\[[^\]]*\]\(([^)]+)\)")
# A ratio in a table of figures, before a multiplication sign or alone in its column.
RATIO = re.compile(r"(\d+\.\d+) \u00d7|(?<=\| )(\d+\.\d+)(?= \|)")
ROW = re.compile(r"^\| (\S+) \| .* \| `(\w+)` \|$", re.MULTILINE)


def directives() -> list[tuple[str, list[str]]]:
    """Give the names that the reference documents, and the members that it lists of each."""
    text = "".join(page.read_text() for page in sorted((DOCS / "reference").glob("*.md")))
    return [(name, generate_llms.MEMBER.findall(options)) for name, options in generate_llms.DIRECTIVE.findall(text)]


def test_navigation_has_every_page_once() -> None:
    listed = [page for _, page in navigation()]
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= MOST_README_LINES


@pytest.mark.parametrize("page", [README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"], ids=name_of)
def test_links_of_repository_page_lead_to_files(page: Path) -> None:
    links = [one or other for one, other in LINK.findall(page.read_text())]
    missing = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert not missing


def test_reference_has_every_public_name_once() -> None:
    names = [name for name, _ in directives()]
    wanted = [f"howdah.{name}" for name in howdah.__all__]
    wanted += [codec.__name__, embedded.__name__, testing.__name__, f"{outcomes.__name__}.outcome_of"]
    assert Counter(names) == Counter(wanted)


def test_reference_lists_members_that_exist() -> None:
    found = {name: members for name, members in directives() if members}
    assert found
    for name, members in found.items():
        kind = getattr(howdah, name.removeprefix("howdah."))
        assert [member for member in members if not hasattr(kind, member)] == [], name


@pytest.mark.parametrize("name", ["Database", "Query", "Session", "Transaction"])
def test_reference_lists_the_same_members_for_both_apis(name: str) -> None:
    listed = dict(directives())
    assert listed[f"howdah.{name}"] == listed[f"howdah.Async{name}"]


def test_reference_lists_every_verb_of_database_that_has_an_example() -> None:
    listed = dict(directives())["howdah.Database"]
    verbs = [name for name in dir(howdah.Database) if not name.startswith("_")]
    with_example = [name for name in verbs if "Example:" in (getattr(howdah.Database, name).__doc__ or "")]
    assert len(with_example) > 15
    assert not set(with_example) - set(listed)


def test_llms_txt_lists_every_page() -> None:
    text = generate_llms.summary()
    assert text.startswith(f"# {settings()['site_name']}\n\n> ")
    for title, page in navigation():
        line = re.search(rf"^- \[{re.escape(title)}\]\({re.escape(page)}\): (.+)$", text, re.MULTILINE)
        assert line, page
        assert not set(line[1]) & set("|>{"), f"{page}: the first paragraph is no sentence: {line[1]}"


def test_llms_full_txt_has_every_page_and_docstring() -> None:
    text = generate_llms.whole()
    for _, page in navigation():
        assert (DOCS / page).read_text().splitlines()[0] in text
    assert ":::" not in text
    assert "Run a query and return its first row" in text


def errors_page() -> tuple[dict[str, str], dict[str, str], str]:
    """Give what the page says of single SQLSTATEs, of classes, and of all others."""
    rows = dict(ROW.findall((DOCS / "errors.md").read_text()))
    others = rows.pop("any", "OperationalError")
    return (
        {code: name for code, name in rows.items() if len(code) == 5},
        {code: name for code, name in rows.items() if len(code) == 2},
        others,
    )


def test_errors_page_says_what_the_core_does() -> None:
    source = (ROOT / "src/error.rs").read_text()
    mapping = source[source.index("pub fn class_of") : source.index("#[cfg(test)]")]
    arms = {
        code: kind
        for codes, kind in re.findall(r'((?:"\w+"\s*\|?\s*)+)=>\s*(?:return )?Class::(\w+)', mapping)
        for code in re.findall(r'"(\w+)"', codes)
    }
    single, classes, _ = errors_page()
    assert set(single) | set(classes) == set(arms)
    # One name of a class of the core is one exception.
    assert len({(kind, (single | classes)[code]) for code, kind in arms.items()}) == len(set(arms.values()))


def test_errors_page_says_what_is_raised(db: howdah.Database) -> None:
    single, classes, others = errors_page()
    wanted = single | {f"{code}{'001' if code in {'10', 'F0', 'XX'} else '000'}": classes[code] for code in classes}
    wanted |= dict.fromkeys(("28000", "40003", "53100", "54001", "55000", "57000", "58030", "P0001"), others)
    db.execute(
        "CREATE FUNCTION fail(code text) RETURNS void LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = 'on request'; END $$"
    )
    for code, name in wanted.items():
        with pytest.raises(howdah.Error) as caught:
            db.execute("SELECT fail($1)", code)
        assert (caught.value.sqlstate, type(caught.value).__name__) == (code, name)


def test_types_page_names_every_type_of_the_core() -> None:
    source = (ROOT / "src/types/mod.rs").read_text()
    rows = [line.split("|")[1] for line in source.splitlines() if line.startswith("//! |") and "[`" in line]
    table = (DOCS / "types.md").read_text().split("\n\n")[3]
    named = " ".join(line.split("|")[1] for line in table.splitlines())
    wanted = {word for row in rows for word in re.findall(r"[a-z]\w+", row)} - {"any", "other"}
    assert len(wanted) > 20
    assert [word for word in sorted(wanted) if word not in named] == []


@pytest.mark.parametrize("page", [README, DOCS / "performance.md"], ids=name_of)
def test_ratios_of_page_are_those_of_the_reports(page: Path) -> None:
    bars = "".join(
        report.read_text().partition("## Bars")[2].partition("\n## ")[0]
        for report in (ROOT / "benches/results").glob("*.md")
    )
    measured = set(re.findall(r"(?<=\| )\d+\.\d+(?= +\|)", bars))
    ratios = [one or other for one, other in RATIO.findall(page.read_text())]
    assert len(ratios) >= 7
    assert [ratio for ratio in ratios if ratio not in measured] == []
