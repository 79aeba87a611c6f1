"""Keeps the patient's catalogues: `locales/patient.pot`, and for each language its `.po` and the `.mo` made from it.

A native reader corrects the `.po`; `make docs` does the rest: it brings every catalogue up to the messages that the
pages have, keeps what is translated, and writes what the server reads. Nothing here invents a translation.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from app.rules.visit.flow import FLOW
from app.rules.visit.visit import Holder
from app.rules.words.languages import DOMAIN, LANGUAGES, Language
from scripts.docs import ROOT, messages

PATIENTS: Final = (
    "app/rules/station/station.py",
    "app/rules/visit/consent.py",
    "app/rules/content/before.toml",
    "app/rules/content/items.toml",
    "app/rules/content/names.toml",
    "app/rules/visit/flow.py",
    "app/rules/visit/journey.py",
    "app/web/kit/problems.py",
    "app/web/copy/history.py",
    "app/web/copy/pages.py",
    "templates/kit/aloud.html",
    "templates/kit/look.html",
    "templates/kit/look-keys.html",
    "templates/kit/languages.html",
    "templates/kit/form.html",
    "templates/kit/operators.html",
    "templates/kit/parts.html",
    "templates/kit/reference.html",
    "templates/bedside/hand-over.html",
    *(f"templates/bedside/taken-up/{step.id}.html" for step in FLOW if step.taken_up),
    "templates/kit/three-things.html",
    "templates/kit/stop.html",
    "templates/kit/layout.html",
    "templates/bedside/consent-item.html",
    "templates/bedside/explanation.html",
    "templates/bedside/item-said.html",
    "templates/bedside/promise.html",
    "templates/bedside/look.html",
    "templates/print/leaflet.html",
    "templates/print/memo.html",
    "templates/kit/problem.html",
    "templates/guide/reading/",
    "templates/bedside/return.html",
    "templates/copy/",
    "templates/bedside/step.html",
    *(f"templates/bedside/steps/{step.id}.html" for step in FLOW if step.holder is Holder.PATIENT),
)
"""Where the messages of the patient's pages stand: files, and folders with all that is in them."""


_ANY_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A catalogue's header holds days: with those of today the file would change on its own."""


def patients(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Yield every message of the patient's pages, and its file, in the order of files and of reading."""
    for file, _, text in messages(root):
        if file.startswith(PATIENTS):
            yield file, text


def _template(root: Path) -> Catalog:
    found = Catalog(project="kazasu", charset="utf-8")
    for file, text in patients(root):
        found.add(text, locations=[(file, 0)])
        found[text].flags.discard("python-brace-format")
    return found


def _file(language: Language, kind: str) -> str:
    return f"locales/{language.folder}/LC_MESSAGES/{DOMAIN}.{kind}"


def _brought_up(language: Language, template: Catalog, root: Path) -> Catalog:
    """Return the language's catalogue with the messages of today; what is translated stays."""
    path = root / _file(language, "po")
    old = read_po(io.BytesIO(path.read_bytes()), locale=language.folder) if path.exists() else Catalog()
    new = Catalog(locale=language.folder, project="kazasu", charset="utf-8")
    for message in template:
        if not message.id:
            continue
        held = old.get(message.id)
        new.add(
            message.id,
            held.string if held else "",
            locations=message.locations,
            user_comments=held.user_comments if held else (),
        )
        new[message.id].flags.discard("python-brace-format")
    return new


def _po(catalogue: Catalog, title: str) -> bytes:
    written = io.BytesIO()
    write_po(written, catalogue, width=0, omit_header=True, include_lineno=False)
    head = (
        f"# {title}\n# {{漢字|かんじ}} is a word with its reading; only Japanese keeps readings.\n"
        "# %(name)s is filled in with a value and stays as it is.\n"
        '# CONTRIBUTING.md tells how to correct a line.\nmsgid ""\nmsgstr ""\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )
    return head.encode() + written.getvalue()


def _mo(catalogue: Catalog) -> bytes:
    said = Catalog(locale=catalogue.locale, charset="utf-8", creation_date=_ANY_DAY, revision_date=_ANY_DAY)
    for message in catalogue:
        if message.id and message.string:
            said.add(message.id, message.string)
    written = io.BytesIO()
    write_mo(written, said)
    return written.getvalue()


def pages(root: Path = ROOT) -> dict[str, bytes]:
    """Return what each file of the catalogues should hold."""
    template = _template(root)
    made = {f"locales/{DOMAIN}.pot": _po(template, "Messages of the patient's pages. Generated by `make docs`.")}
    for language in LANGUAGES:
        if not language.is_official:
            catalogue = _brought_up(language, template, root)
            made[_file(language, "po")] = _po(catalogue, f"{language.name} ({language.code}): the patient's pages")
            made[_file(language, "mo")] = _mo(catalogue)
    return made


def stale(root: Path = ROOT) -> dict[str, bytes]:
    """Return the files that are missing or no longer what they should be, with what they should hold."""
    return {
        name: held
        for name, held in pages(root).items()
        if not (root / name).exists() or (root / name).read_bytes() != held
    }


def write(root: Path = ROOT) -> list[str]:
    """Write what is stale; return which files that was."""
    old = stale(root)
    for name, held in old.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(held)
    return list(old)


if __name__ == "__main__":
    for _name in write():
        print(f"{_name} written")
