"""Names and words that may not be: vague modules, fields for a PIN or a My Number, a false claim."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"
MODULES = sorted(APP.rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
OURS = [path for path in TEMPLATES if "practice" not in path.parts]


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- names of modules ---------------------------------------------------------------------------------------

VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "service", "base"}


def is_vague(path: Path) -> bool:
    return bool(VAGUE & {path.stem, path.parent.name})


def test_every_module_has_found_its_name() -> None:
    assert [shown(path) for path in MODULES if is_vague(path)] == []


@pytest.mark.parametrize("name", ["app/utils.py", "app/web/base.py", "app/common/__init__.py"])
def test_a_vague_name_is_noticed(name: str) -> None:
    assert is_vague(Path(name))


# --- nothing that could hold a PIN or a My Number -----------------------------------------------------------


class Inputs(HTMLParser):
    """Collects the fields in which a PIN or a My Number would feel at home."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.unfit: list[str] = []
        self.feed(re.sub(r"{%.*?%}", "", re.sub(r"{{.*?}}", "x", source, flags=re.DOTALL), flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        fits = (
            given.get("inputmode") not in {"numeric", "decimal", "tel"}
            and given.get("maxlength") not in {"4", "12"}
            and "4}" not in given.get("pattern", "")
            and "12}" not in given.get("pattern", "")
            and not (tag == "input" and given.get("type") == "tel")
            and (given.get("type") != "number" or 0 < len(given.get("max", "")) < len("1234"))
            and (given.get("type") != "password" or given.get("autocomplete") in OF_AN_ACCOUNT)
            and not SECRET.fullmatch(given.get("name", ""))
        )
        if not fits:
            self.unfit.append(self.get_starttag_text() or tag)


OF_AN_ACCOUNT = {"current-password", "new-password"}
"""A password of the office's own accounts; the visit's pages have no field of that type at all."""

SECRET = re.compile(
    r"_*(pin|pin_?(code|number)|pass_?code|(my|individual|personal)_?number|暗証番号|マイナンバー)",
    re.IGNORECASE,
)
"""What a field, a column or a parameter may never be called."""


@pytest.mark.parametrize("template", [path for path in OURS if "office" not in path.parts], ids=shown)
def test_no_page_of_the_visit_has_a_field_for_a_password(template: Path) -> None:
    assert 'type="password"' not in template.read_text(encoding="utf-8")


@pytest.mark.parametrize("template", OURS, ids=shown)
def test_no_field_is_made_for_four_or_twelve_digits(template: Path) -> None:
    assert Inputs(template.read_text(encoding="utf-8")).unfit == []


@pytest.mark.parametrize(
    "field",
    [
        '<input inputmode="numeric">',
        '<input maxlength="4">',
        '<input\n maxlength="12">',
        r'<input pattern="\d{4}">',
        '<input type="password">',
        '<input name="pin">',
        '<input name="my_number" {% if a > b %}required{% endif %}>',
    ],
)
def test_such_a_field_is_noticed(field: str) -> None:
    assert len(Inputs(field).unfit) == 1


def names(tree: ast.AST) -> Iterator[str]:
    """Yield every name that a module gives: variables, fields, parameters, keywords, columns and keys."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Call):
            yield from constants(node.args)
        elif isinstance(node, ast.Dict):
            yield from constants(node.keys)


def constants(given: list[ast.expr] | list[ast.expr | None]) -> Iterator[str]:
    yield from (each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str))


def secret(source: str) -> list[str]:
    return [name for name in names(ast.parse(source)) if SECRET.fullmatch(name)]


KNOWS_DIGITS = [
    path for path in MODULES if path == APP / "rules" / "words" / "digits.py" or APP / "practice" in path.parents
]


@pytest.mark.threat("T11")
@pytest.mark.parametrize("module", [path for path in MODULES if path not in KNOWS_DIGITS], ids=shown)
def test_nothing_can_hold_a_pin_or_a_my_number(module: Path) -> None:
    assert secret(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "pin = 1",
        "class A:\n    my_number: str",
        "def f(pin): ...",
        "f(my_number=1)",
        "self.pin = 1",
        'Column("pin", Text)',
        'Question("my_number")',
        'body = {"pin": 1}',
    ],
)
def test_such_a_name_is_noticed(source: str) -> None:
    assert len(secret(source)) == 1


def test_outcomes_may_speak_of_the_pin() -> None:
    assert secret('PIN_LOCKED = "pin_locked"\nf(Finding.PIN, reason="pin_forgotten")') == []


# --- a claim that only the office can make ------------------------------------------------------------------

CLAIM = re.compile(r"登録(が|は)?完了")


def plainly(text: str) -> str:
    """Return a text without readings, so that no claim hides behind them."""
    return re.sub(r"\{([^{}|]+)\|[^{}|]+\}", r"\1", text)


@pytest.mark.parametrize(
    "file",
    [
        *TEMPLATES,
        *MODULES,
        *sorted(APP.rglob("*.toml")),
        *sorted(path for path in (ROOT / "static").rglob("*.js") if "vendor" not in path.parts),
    ],
    ids=shown,
)
def test_nothing_claims_that_the_registration_is_complete(file: Path) -> None:
    assert CLAIM.search(plainly(file.read_text(encoding="utf-8"))) is None


@pytest.mark.parametrize("claim", ["登録完了", "{登録|とうろく}{完了|かんりょう}", "登録が完了しました"])
def test_such_a_claim_is_noticed(claim: str) -> None:
    assert CLAIM.search(plainly(claim))
