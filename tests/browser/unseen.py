"""The way to a page, made without showing it: the same forms, filled in and sent. Other stories walk it step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import APIResponse, BrowserContext

from app.rules.visit.flow import STEPS
from tests.web.bedside.page import Page

TOLD: Final = frozenset(
    [
        "need",
        "age",
        "official",
        "reinquiry",
        "withdrawal",
        "ready",
        "another-way",
        "consent",
        "check",
        "revoke",
        "handoff",
        "result",
        "error-code",
        "done",
    ]
)
"""The steps that stories tell. Another one is answered as it comes, wherever the flow has it."""


def untold(path: Callable[[], str]) -> Iterator[str]:
    """Yield each page of a step that no story tells, as long as one is at hand; fail where one does not go on."""
    seen = set[str]()
    while (step := path().removeprefix("/visit/")) in STEPS and step not in TOLD:
        assert step not in seen, f"{step} was answered, and is still here"
        seen.add(step)
        yield step


class Unseen:
    """Sends forms with the cookies of a phone, and leaves in it those that come back."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        """Begin nowhere."""
        self._http, self._origin = context.request, origin
        self._headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        self.page: Page

    def opens(self, address: str) -> None:
        """Open a page."""
        where = address if address.startswith("http") else self._origin + address
        self._reads(self._http.get(where, ignore_https_errors=True))

    def sends(self, address: str, **given: str) -> None:
        """Fill in a form of the page at hand, and send it."""
        self._posts(self._origin + address, {**self.page.form_fields(address), **given})

    def _posts(self, where: str, fields: dict[str, str]) -> None:
        form: dict[str, str | float | bool] = {**fields}
        self._reads(self._http.post(where, form=form, headers=self._headers, ignore_https_errors=True))

    def _reads(self, answer: APIResponse) -> None:
        assert answer.ok, (answer.status, answer.url)
        self._url = answer.url
        self.page = Page(answer.status, answer.headers, answer.text().replace("\u200b", ""), urlsplit(answer.url).path)

    def comes_to_the_card(self, entry: str, *, over_40: bool, reference: str) -> None:
        """Go from the station's entry to the card, and agree to everything on the way."""
        self.opens(entry)
        self.sends(entry)
        age = "yes" if over_40 else "no"
        self.sends("/visit/need", over_40=age, reference=reference, intent="first")
        self.sends("/visit/hand-over")
        self.sends("/visit/ready", ready="all")
        for _ in untold(lambda: self.page.path):
            radios = [each.attrs for each in self.page.root.all("input") if each.attrs.get("type") == "radio"]
            self.sends(self.page.path, **{each["name"]: each["value"] for each in reversed(radios)})
        items = {each.attrs["name"] for each in self.page.root.all("input") if each.attrs.get("value") == "agree"}
        self.sends("/visit/consent", **dict.fromkeys(items, "agree"))
        self.sends("/visit/check", confirmed="yes")

    def goes_through_the_app(self, app: str, who: str) -> str:
        """Go through the practice app to its good end; return where it leads back to."""
        self.opens(app)
        cards = (each for each in self.page.root.all("button") if each.attrs.get("name") == "person")
        card = next(each for each in cards if bare(each.all("b")[0].text) == bare(who))
        for button in ({"person": card.attrs["value"]}, {"outcome": "right"}, {"outcome": "read"}):
            self._posts(self._url, button)
        return self.page.link("サービスにもどる")


def bare(text: str) -> str:
    """Return a text without any blanks: where a line breaks is no matter of words."""
    return "".join(text.replace("\u200b", "").split())
