"""Makes the pages that are derived from the code: `docs/flow.md`, `docs/architecture.md` and `locales/kazasu.pot`.

`make docs` writes them; `python -m scripts.docs --check` says whether they are fresh and writes nothing.
None holds a date or a line number: they change when flow, imports, a message or the way of a POST changes.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeAlias

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import write_po

from app.rules.content import ITEMS
from app.rules.visit.flow import FLOW, RESTING, path
from app.rules.visit.journey import furthest, go_on
from app.rules.visit.step import Question, Step
from app.rules.visit.visit import NOTHING, Holder, Intent, Route, Visit
from app.rules.words.dates import JST
from app.rules.words.furigana import plain
from scripts import architecture
from scripts.architecture import PAGE as ARCHITECTURE_PAGE

ROOT: Final = Path(__file__).parents[1]
FLOW_PAGE: Final = "docs/flow.md"
CATALOGUE: Final = "locales/kazasu.pot"
SOON: Final = timedelta(days=30)

JAPANESE: Final = re.compile(
    r"[\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Hiragana, katakana (full and half width) and kanji; not the punctuation between them."""

# --- the flow -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edge:
    """One way from a step to another, and what leads there."""

    start: str
    end: str
    why: str = ""


def _visit(over_40: str) -> Visit:
    """Return a visit on the day on which the items were checked, in which nothing stands in the way."""
    day = max(item.checked_on for item in ITEMS)
    at = int(datetime.combine(day, time(12), JST).timestamp())
    return Visit("", "", at, at, answers={"need": {"over_40": over_40, "intent": "first"}})


def _with(visit: Visit, step: Step, question: Question, option: str) -> Visit:
    given = {**visit.answers.get(step.id, {}), question.name: option}
    return replace(visit, answers={**visit.answers, step.id: given})


def edges() -> Iterator[Edge]:
    """Yield every way through the visit, found by asking the path and not written down a second time."""
    visit = _visit("yes")
    main = path(visit)
    for step, following in pairwise(main):
        yield Edge(step.id, following.id)
    for step in main:
        for question in step.questions(visit):
            for option in question.options:
                yield from _ways_out(step, question, option)
    known = {*pairwise(main)}
    for intent in (Intent.FIRST, Intent.SHORT):
        officially = replace(visit, route=Route.OFFICIAL, answers={"need": {"intent": intent}})
        for step, following in pairwise(path(officially)):
            if (step, following) not in known:
                yield Edge(step.id, following.id, f"official route: {intent}" if step is FLOW[0] else "")


def _ways_out(step: Step, question: Question, option: str) -> Iterator[Edge]:
    """Yield the way out that an answer leads to, and the way on from there, if there is one."""
    answered = _with(_visit("yes"), step, question, option)
    ordinary = path(_visit("yes"))
    for way, following in pairwise(path(answered)):
        if not way.leaves and way not in ordinary:
            yield Edge(step.id, way.id, f"{question.name}: {option}")
            yield Edge(way.id, following.id)
    for way in path(answered):
        if way.leaves:
            yield Edge(step.id, way.id, f"{question.name}: {option}")
            onward = go_on(way, answered)
            if way not in path(onward):
                yield Edge(way.id, furthest(onward).id, "goes on all the same")
            for before, following in pairwise(path(onward)):
                if not {before, following} <= {*ordinary, way}:
                    yield Edge(before.id, following.id)


_HEAD: Final = """\
<!-- Generated from app/rules/visit/flow.py by `make docs`. Do not edit. -->

# The visit, step by step

A step's id is its address (`/visit/<id>`), its template (`templates/bedside/steps/<id>.html`), its key in the answers
and its name in the tests. Nothing else stores the order: what comes next, what may be opened and what "n / m"
says are questions to the path (`app/rules/visit/journey.py`).

"""
_DIAGRAM: Final = """
A box is a page; on a rounded one the visit may end. A thick arrow: the phone changes hands, and a
page of its own says who should take it.

"""
_NOTES: Final = """
**Asks**: the options as they are kept; a question without options is a short text. The items of `consent` are
those in force on {day}. **Rests on**: when an answer of one of these steps changes, this step is open again,
and only then. **Counted**: whether it counts in "n / m". **Way out**: a page that ends the visit with
dignity; the path stops there unless the person goes on all the same.
"""


def flow_page(flow: Sequence[Step] = FLOW) -> str:
    """Return `docs/flow.md`."""
    columns = ("Id", "Title", "Holds the phone", "Asks", "Rests on", "Counted", "Way out", "Carries out")
    rows = [columns, ("---",) * len(columns), *(_row(step) for step in flow)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    notes = _NOTES.format(day=max(item.checked_on for item in ITEMS))
    return f"{_HEAD}{table}\n{notes}{_DIAGRAM}```mermaid\n{_diagram(flow)}```\n"


def _row(step: Step) -> tuple[str, ...]:
    return (
        f"`{step.id}`",
        plain(step.title),
        _holder(step),
        "<br>".join(_asked(step)) or "nothing",
        ", ".join(f"`{other.id}`" for other in FLOW if step in RESTING[other.id]),
        _yes(step.counted),
        _way_out(step),
        step.guide,
    )


def _holder(step: Step) -> str:
    officially = f" (official route: {step.held_officially.value})" if step.held_officially else ""
    return f"{step.holder.value}{officially}"


def _yes(value: bool) -> str:  # noqa: FBT001 - a word for a fact
    return "yes" if value else ""


def _way_out(step: Step) -> str:
    opened = " or ".join(f"`{each}`" for each in step.open_from)
    later = f", also from any page after {opened}" if opened else ""
    return f"yes{later}" if step.leaves else ""


def _asked(step: Step) -> Iterator[str]:
    """Yield what a step asks: of everybody, and only from 40 on."""
    of_all = {question.name for question in step.questions(_visit("no"), NOTHING)}
    asked = step.questions(_visit("yes"), NOTHING)
    there = step.questions(replace(_visit("yes"), route=Route.OFFICIAL), NOTHING)
    for question in (*asked, *(each for each in there if each not in asked)):
        options = " · ".join(question.options) or "text"
        notes = ", ".join(note for note, holds in _remarks(question, of_all) if holds)
        notes = "instead, on the official route" if question not in asked else notes
        yield f"`{question.name}`: {options}" + (f" ({notes})" if notes else "")


def _remarks(question: Question, of_all: set[str]) -> Iterable[tuple[str, bool]]:
    return (("optional", not question.missing), ("only from 40 on", question.name not in of_all))


_COLOURS: Final = {Holder.STAFF: "#5109ad", Holder.PATIENT: "#0017c1"}


def _diagram(flow: Sequence[Step]) -> str:
    lines = ["flowchart TD"]
    last = path(_visit("yes"))[-1].id
    for step in flow:
        opening, closing = ('(["', '"])') if step.leaves or step.id == last else ('["', '"]')
        label = f"{step.id}<br>{plain(step.title)}<br>{step.holder.value}"
        lines.append(f"    {_node(step.id)}{opening}{label}{closing}:::{step.holder.value}")
    holders = {step.id: step.holder for step in flow}
    for edge in edges():
        arrow = "-->" if holders[edge.start] is holders[edge.end] else "==>"
        why = f'|"{edge.why}"|' if edge.why else ""
        lines.append(f"    {_node(edge.start)} {arrow}{why} {_node(edge.end)}")
    for holder, colour in _COLOURS.items():
        lines.append(f"    classDef {holder.value} fill:{colour},color:#ffffff,stroke:#333333")
    return "".join(f"{line}\n" for line in lines)


def _node(step_id: str) -> str:
    return step_id.replace("-", "_")


# --- the messages -------------------------------------------------------------------------------------------

Found: TypeAlias = tuple[str, int, str]
"""A message: its file, where in the file it stands, and its text."""

_NOT_WORDS: Final = frozenset({"source", "official"})
"""Fields of the content files that hold Japanese and are no messages: never shown, or shown as they are."""

_INTRODUCTION: Final = """\
# Messages of かざす (Kazasu). Generated from templates and code by `make docs`. Do not edit.
#
# {漢字|かんじ} is a word with its reading. Only Japanese texts keep readings; others drop them.
# %(name)s is filled in with a value and stays as it is.
#
msgid ""
msgstr ""
"Project-Id-Version: kazasu\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def catalogue(root: Path = ROOT) -> str:
    """Return `locales/kazasu.pot`: every message once, in the order of files and within them of reading."""
    found = Catalog(charset="utf-8")
    for file, line, text in messages(root):
        found.add(text, locations=[(file, line)])
        # Babel takes our furigana for str.format(); tools would then refuse translations without it.
        found[text].flags.discard("python-brace-format")
    written = io.BytesIO()
    write_po(written, found, width=0, omit_header=True, sort_by_file=True, include_lineno=False)
    return _INTRODUCTION + written.getvalue().decode()


def messages(root: Path = ROOT) -> Iterator[Found]:
    """Yield every text for people: of templates, of code, of content files and of the practice patients."""
    for folder, language, ending in (("templates", "jinja2", "html"), ("app", "python", "py")):
        for path_ in sorted((root / folder).rglob(f"*.{ending}")):
            yield from ((_name(root, path_), line, text) for line, text in _texts(language, path_.read_bytes()))
    for path_ in sorted((root / "app" / "rules" / "content").glob("*.toml")):
        texts = content_words(tomllib.loads(path_.read_text(encoding="utf-8")))
        yield from ((_name(root, path_), place, text) for place, text in enumerate(texts, 1))
    path_ = root / "app" / "practice" / "people.toml"
    people = tomllib.loads(path_.read_text(encoding="utf-8"))["person"]
    yield from ((_name(root, path_), place, person["purpose"]) for place, person in enumerate(people, 1))


def _name(root: Path, file: Path) -> str:
    return file.relative_to(root).as_posix()


_MARKS: Final[Mapping[str, dict[str, None]]] = {
    "jinja2": {"_": None, "_plain": None, "_original": None},
    "python": {"N_": None},
}
"""Which calls hold a message, by the language of the file."""


@cache
def _texts(language: str, content: bytes) -> tuple[tuple[int, str], ...]:
    """Return line and text of each message in a file."""
    found = extract(language, io.BytesIO(content), _MARKS[language], options={"silent": "false"})
    return tuple((line, message if isinstance(message, str) else message[0]) for line, message, *_ in found)


def content_words(value: object) -> Iterator[str]:
    """Yield the Japanese texts of a content file, in its order; where a fact comes from is no message."""
    if isinstance(value, str):
        if JAPANESE.search(value):
            yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _NOT_WORDS:
                yield from content_words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from content_words(inner)


# --- the command --------------------------------------------------------------------------------------------


def pages(root: Path = ROOT) -> dict[str, str]:
    """Return what each generated file should hold."""
    return {FLOW_PAGE: flow_page(), ARCHITECTURE_PAGE: architecture.page(root), CATALOGUE: catalogue(root)}


def stale(root: Path = ROOT) -> list[str]:
    """Return the generated files that are missing or no longer what the code says."""
    return list(_changed(root))


def _changed(root: Path) -> dict[str, str]:
    return {name: text for name, text in pages(root).items() if _read(root / name) != text}


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def write(root: Path = ROOT) -> list[str]:
    """Write what is stale; return which files that was."""
    changed = _changed(root)
    for name, text in changed.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return list(changed)


def falls_due(today: date, folder: Path = ROOT / "app/rules/content") -> Iterator[str]:
    """Yield what must be checked again within `SOON` days: content files, and rows with a day of their own."""

    def dated(found: object, name: str) -> Iterator[str]:
        if isinstance(found, dict):
            day = found.get("review_by")
            if day and day <= today + SOON:
                yield f"{name} {found.get('id', '')}".rstrip() + f": to be checked by {day}"
            found = list(found.values())
        for each in found if isinstance(found, list) else ():
            yield from dated(each, name)

    for file in sorted(folder.glob("*.toml")):
        yield from dated(tomllib.loads(file.read_text(encoding="utf-8")), file.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write both files, or check them."""
    parser = argparse.ArgumentParser(prog="python -m scripts.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    if parser.parse_args(arguments).check:
        old = stale()
        for name in old:
            print(f"{name} is stale: run `make docs`")
        return 1 if old else 0
    for name in write():
        print(f"{name} written")
    for line in falls_due(datetime.now(JST).date()):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
