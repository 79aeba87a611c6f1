"""A page as a strict reader sees it: the test client judges every answer by the product's page craft."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from app.rules.words.languages import LANGUAGES

VOID = frozenset({"wbr", "meta", "link", "img", "input", "br", "hr", "use", "rect", "circle", "path", "source"})
TAGS = {language.tag for language in LANGUAGES}
HELD = frozenset({"visit", "version", "key", "token"})
FREE_FORMS = re.compile(r"/f/[^/]+$")


@dataclass
class Element:
    """One element with its attributes and what stands inside."""

    tag: str
    attrs: dict[str, str]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        """Return every element of that tag below this one."""
        found = []
        for child in self.children:
            found += [child] if child.tag == tag else []
            found += child.all(tag)
        return found

    @property
    def text(self) -> str:
        """The words inside, without readings."""
        return re.sub(r"\s+", " ", "".join(self.words)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.at = self.root
        self.complaints: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.complaints.append(f"<{tag}> has an attribute twice")
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.children.append(Element(tag, {name: value or "" for name, value in attrs}, self.at))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if self.at.tag != tag:
            self.complaints.append(f"</{tag}> closes <{self.at.tag}>")
        elif self.at.parent is not None:
            self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        element: Element | None = self.at
        if self.at.tag in {"rt", "rp", "style", "script"}:
            return
        while element is not None:
            element.words.append(data)
            element = element.parent


class Page:
    """One answer of the server."""

    def __init__(self, status: int, headers: dict[str, str], text: str, path: str) -> None:
        """Read the page."""
        reader = _Reader()
        reader.feed(text)
        self.status, self.headers, self.source, self.path = status, headers, text, path
        self.root, self._complaints = reader.root, reader.complaints
        if reader.at is not reader.root:
            self._complaints.append(f"<{reader.at.tag}> is never closed")

    @property
    def title(self) -> str:
        """The document's title."""
        return self.root.all("title")[0].text

    @property
    def h1(self) -> str:
        """The one heading."""
        return self.root.all("h1")[0].text

    @property
    def text(self) -> str:
        """All words of the page's body."""
        return self.root.all("body")[0].text

    def forms(self, action: str) -> list[Element]:
        """Return the forms that send to this address."""
        return [each for each in self.root.all("form") if each.attrs.get("action") == action]

    def form_fields(self, action: str, nth: int = 0) -> dict[str, str]:
        """Return the hidden fields of a form, as whoever looked at the page for long would send them."""
        found = {
            each.attrs["name"]: each.attrs.get("value", "")
            for each in self.forms(action)[nth].all("input")
            if each.attrs.get("type") == "hidden"
        }
        return {**found, "made": "0"} if "made" in found else found

    def checked(self) -> dict[str, Any]:
        """Return the radio buttons that are chosen."""
        return {each.attrs["name"]: each.attrs["value"] for each in self.root.all("input") if "checked" in each.attrs}

    def link(self, words: str) -> str:
        """Return the address of the link with these words."""
        return next(each.attrs["href"] for each in self.root.all("a") if words in each.text)

    def complaints(self) -> list[str]:
        """Say everything that is badly made."""
        return [*self._complaints, *self._head(), *self._body(), *self._forms()]

    def _head(self) -> list[str]:
        html = self.root.all("html")
        spoken = html[0].attrs.get("lang", "") if html else ""
        wrong = [] if spoken in TAGS else [f"html has lang={spoken}"]
        if len(self.root.all("h1")) != 1:
            return [*wrong, f"{len(self.root.all('h1'))} h1"]
        expected = self.title.removeprefix("エラー：")
        if self.root.all("title")[0].text.endswith("– かざす") and not self.path.startswith("/f/"):
            wrong += [] if expected.startswith(_bare(self)) else [f"title {self.title!r} does not begin with the h1"]
        is_error = self.status >= 400 and self.status != 409 and not self.path.startswith("/return")
        is_error &= (self.path, self.status) != ("/review", 403)  # nothing is wrong: it asks for the letters
        if is_error and spoken == "ja" and not self.title.startswith("エラー："):
            wrong.append("an error page's title begins with エラー：")
        return wrong

    def _body(self) -> list[str]:
        wrong = []
        elements = self.root.all("body")[0]
        for element in _each(elements):
            wrong += [
                f"inline {name} on <{element.tag}>"
                for name in element.attrs
                if name == "style" or name.startswith(("on", "hx-on"))
            ]
            if element.tag == "img" and not {"alt", "width", "height"} <= set(element.attrs):
                wrong.append("an img without alt, width or height")
            if element.tag == "a" and element.attrs.get("target") and "data-out" not in element.attrs:
                wrong.append("a link opens another tab")
            if element.tag == "script" and not element.attrs.get("src"):
                wrong.append("inline script")
        ids = [element.attrs["id"] for element in _each(elements) if "id" in element.attrs]
        wrong += [f"id {one} twice" for one in set(ids) if ids.count(one) > 1]
        wrong += [f"#{ref} leads nowhere" for ref in _references(elements) if ref not in ids]
        return wrong

    def _forms(self) -> list[str]:
        wrong = []
        for form in self.root.all("form"):
            names = {each.attrs.get("name", "") for each in form.all("input")}
            action = form.attrs.get("action", "")
            if form.attrs.get("method") == "post" and action.startswith("/visit") and not names >= HELD:
                wrong.append(f"form to {action} without its held fields")
            for each in form.all("input"):
                if each.attrs.get("type") == "text" and not _labelled(form, each):
                    wrong.append(f"input {each.attrs.get('name')} without a label")
                if each.attrs.get("maxlength") in {"4", "12"}:
                    wrong.append("a field for 4 or 12 characters")
        return wrong


def _bare(page: Page) -> str:
    return page.h1


def _each(element: Element) -> list[Element]:
    return [element, *(below for child in element.children for below in _each(child))]


def _references(element: Element) -> list[str]:
    found = []
    for each in _each(element):
        for name in ("aria-describedby", "aria-labelledby", "for"):
            found += each.attrs.get(name, "").split()
        href = each.attrs.get("href", "")
        found += [href[1:]] if each.tag == "a" and href.startswith("#") else []
    return found


def _labelled(form: Element, field_: Element) -> bool:
    return any(label.attrs.get("for") == field_.attrs.get("id") for label in form.all("label"))
