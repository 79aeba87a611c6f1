"""The invented patients of the practice world, read from `people.toml`."""

from __future__ import annotations

import base64
import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).with_name("people.toml")


class Birthday(StrEnum):
    """A birthday relative to the day of the query, so that the stated age always fits."""

    TODAY = "today"
    TOMORROW = "tomorrow"
    LONG_AGO = "long_ago"


_DAYS_TO_BIRTHDAY: Final = {Birthday.TODAY: 0, Birthday.TOMORROW: 1, Birthday.LONG_AGO: -150}


@dataclass(frozen=True, slots=True)
class PracticeInsurance:
    """One insurance, as the terminal would send it: numbers of 6 digits have two blanks before them."""

    kind: str
    insurer_number: str
    insurer_name: str
    valid: bool = True


@dataclass(frozen=True, slots=True)
class PracticePerson:
    """One invented patient with a practice card."""

    id: str
    name: str
    kana: str
    sex: str
    """As the terminal writes it: 1 男, 2 女, 3 未設定."""
    age: int
    number: str
    """The four digits printed on the practice card. They are on its page and in no request."""
    purpose: str
    insurances: tuple[PracticeInsurance, ...]
    birthday: Birthday = Birthday.LONG_AGO
    registered: bool = True
    """Whether the card is registered as an insurance card (保険証利用登録)."""
    certificate_valid: bool = True
    limit_amount: str | None = None
    specific_disease: str | None = None

    @property
    def valid(self) -> bool:
        """Whether any insurance holds today."""
        return any(insurance.valid for insurance in self.insurances)

    def born(self, today: date) -> date:
        """Return the birth date that gives this person the stated age on that day."""
        ahead = _DAYS_TO_BIRTHDAY[self.birthday]
        birthday = today + timedelta(days=ahead)
        return _years_before(birthday, self.age + 1 if ahead > 0 else self.age)

    def subject(self, client_id: str) -> str:
        """Return the pairwise pseudonym of this person for one client."""
        digest = hashlib.sha256(f"practice\0{client_id}\0{self.id}".encode()).digest()
        return base64.urlsafe_b64encode(digest[:24]).decode()


def age_on(born: date, day: date) -> int:
    """Return the age in full years on a day."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def load_people() -> tuple[PracticePerson, ...]:
    """Return the patients in the order of the file."""
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))["person"]
    return tuple(_person(row) for row in rows)


def _person(row: dict[str, Any]) -> PracticePerson:
    insurances = tuple(PracticeInsurance(**insurance) for insurance in row.pop("insurances"))
    birthday = Birthday(row.pop("birthday", Birthday.LONG_AGO))
    return PracticePerson(**row, insurances=insurances, birthday=birthday)


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February, which that year did not have
        return date(day.year - years, 3, 1)
