"""A visit in the words of those who make it: the nurse and the patient, with one phone between them."""

from __future__ import annotations

from typing import Final

from app.practice.people import load_people
from app.rules.content import ITEMS
from app.rules.words.furigana import plain
from tests.browser.phone import Phone

AGREE: Final = "同意する"
DECLINE: Final = "同意しない"
ITEM_NAMES: Final = tuple(plain(item.name) for item in ITEMS)
FROM_40: Final = tuple(plain(item.name) for item in ITEMS if item.from_age)
_NUMBERS: Final = {person.name: person.number for person in load_people()}
HANAKO: Final = "練習　花子"


class Holder:
    """Whoever has the phone in hand."""

    receives: str
    """How the hand-over page calls upon this person."""

    def __init__(self, phone: Phone) -> None:
        """Sit down at the bedside."""
        self.phone = phone

    def reads(self, *sentences: str) -> None:
        """Find these sentences on the page."""
        self.phone.reads(*sentences)

    def does_not_read(self, *sentences: str) -> None:
        """Find none of them."""
        self.phone.does_not_read(*sentences)

    def is_at(self, heading: str) -> None:
        """Stand at the page with this heading."""
        self.phone.stands_at(heading)

    def goes_back(self) -> None:
        """Press もどる."""
        self.phone.follows("もどる")

    def hands_the_phone_to(self, other: Holder) -> None:
        """Pass the phone; the other one says that it has arrived, unless the page asks for more at once."""
        self.is_at(other.receives)
        if not self.phone.shows("[name=ready]"):
            self.phone.presses("受け取りました")


class Nurse(Holder):
    """The visiting nurse."""

    receives = "スマホを職員にお渡しください"

    def opens_the_entry(self) -> None:
        """Open what the station's QR code holds."""
        self.phone.opens(self.phone.server.entry)

    def starts(self) -> None:
        """Begin a visit from the station's entry."""
        self.opens_the_entry()
        is_again = self.phone.shows("#open")  # a visit is open on this phone
        self.phone.presses("新しくはじめる" if is_again else "はじめる")
        self.is_at("今日、登録は必要ですか")

    def says_the_age(self, *, over_40: bool = True) -> None:
        """Say whether the patient is 40 or over."""
        self.phone.answers("患者さまは40歳以上ですか", "はい" if over_40 else "いいえ")

    def notes_the_reference(self, number: str) -> None:
        """Write down the office's own number of this patient."""
        self.phone.unfolds("照会番号を入れる")
        self.phone.fills_in("照会番号", number)

    def says_first_time(self, *, over_40: bool = True) -> None:
        """Say the age, and that nothing was registered before; on the official route, that all is read here first."""
        self._says("はじめて登録する", "登録する：ここで1つずつ読んで選び、公式へ", over_40=over_40)

    def goes_the_short_way(self) -> None:
        """Leave the choice to the official page."""
        self.phone.presses("登録する：公式の画面で選ぶ")
        self.is_at("公式のページで登録します")

    def _says(self, intent: str, officially: str = "", *, over_40: bool) -> None:
        """Say what is to be done; the official route asks the age later, of whoever reads and chooses here."""
        if self.phone.shows("[type=radio][name=over_40]"):
            self.says_the_age(over_40=over_40)
            self.phone.presses(intent)
            return
        self.phone.presses(officially or intent)
        if self.phone.path == "/visit/age":
            self.phone.presses("40歳以上" if over_40 else "39歳以下")

    def says_care_continues(self, *, over_40: bool = True) -> None:
        """Say the age, and that a registration was made before."""
        self._says("前に登録した", over_40=over_40)

    def says_something_changes(self, *, over_40: bool = True) -> None:
        """Say the age, and that the patient wants other choices."""
        self._says("同意を変えたい", over_40=over_40)

    def says_withdrawal(self, *, over_40: bool = True) -> None:
        """Say the age, and that the patient takes everything back."""
        self._says("同意を取り消したい", over_40=over_40)

    def goes_on_all_the_same(self) -> None:
        """Register today although it may not be needed."""
        self.phone.presses("それでも、今日登録する")

    def asks_again(self) -> None:
        """Ask the eligibility system once more."""
        self.phone.presses("もう一度確認する")

    def leaves_it_for_later(self) -> None:
        """Go on without an answer: the office will look."""
        self.phone.presses("あとで確認することにして、つぎへ")

    def goes_on(self) -> None:
        """Go on from the result to the farewell."""
        self.phone.presses("つぎへ")

    def reports(self, what: str) -> None:
        """Say what the app's screen said."""
        self.phone.presses(what)

    def looks_at_the_other_way(self) -> None:
        """Ask what can be done instead."""
        self.phone.presses("どうすればよいか見る")

    def takes_the_way(self, row: str) -> None:
        """Choose why the card cannot be used today."""
        self.phone.presses(row)

    def ends_with_this_way(self) -> None:
        """End the visit with another way instead."""
        self.phone.presses("この方法にして終わる")
        self.is_at_the_end()

    def ends_without_registering(self) -> None:
        """End a visit that needs no card."""
        self.phone.presses("今日の登録はしないで終わる")
        self.is_at_the_end()

    def leaves_it_to_the_office(self) -> None:
        """End a visit whose wish the office carries out: somebody called, nothing was sent from here."""
        self.phone.reads("この画面からは、事業所に何も伝わりません")
        self.phone.presses("電話で頼んだので、終わる")
        self.is_at_the_end()

    def withdraws_here(self) -> None:
        """Withdraw everything now, with the card."""
        self.phone.presses("いま、カードで取り消す")

    def ends_the_visit(self) -> None:
        """End the visit on this phone."""
        self.phone.presses("この訪問を終わる")
        self.is_at_the_end()

    def is_at_the_end(self) -> None:
        """Stand at the station's entry again, with nothing left."""
        assert self.phone.path == f"/f/{self.phone.server.link}", self.phone.path
        assert "visit" not in self.phone.cookies()
        self.reads("訪問を終わりました。このスマホには何も残っていません")


class Patient(Holder):
    """The patient, whose card it is."""

    receives = "スマホを患者さまにお渡しください"

    def __init__(self, phone: Phone, name: str = HANAKO) -> None:
        """Sit down at the bedside, with a practice card."""
        super().__init__(phone)
        self.name = name

    # --- on our pages -------------------------------------------------------------------------------------------

    def has_everything(self) -> None:
        """Have card, registration and number ready, and say so on taking the phone, or later."""
        self.phone.presses("受け取りました" if self.phone.path == "/visit/hand-over" else "そろっています")
        self.phone.passes_by()

    def lacks_something(self) -> None:
        """Lack something, or not be sure."""
        self.phone.presses("ない・わからないものがある")

    def chooses(self, item: str, answer: str) -> None:
        """Agree to one item or decline it."""
        self.phone.answers(item, answer)

    def agrees_to_each(self, *, but: tuple[str, ...] = ()) -> None:
        """Answer every item, one by one."""
        for item in self.phone.questions:
            self.chooses(item, DECLINE if item in but else AGREE)

    def agrees_to_all(self) -> None:
        """Fill in every answer with one tap; they can be seen and changed."""
        self._fills_in_all("すべて同意する")

    def declines_all(self) -> None:
        """Fill in every answer with one tap; they can be seen and changed."""
        self._fills_in_all("すべて同意しない")

    def _fills_in_all(self, words: str) -> None:
        button = self.phone.find("button", words)
        if self.phone.look.scripts:
            self.phone.taps_on(button)
            return
        with self.phone.arrives():
            self.phone.taps_on(button)

    def looks_at_the_choices(self) -> None:
        """Go on to the page that reads the choices back."""
        self.phone.presses("えらんだ内容を確かめる")

    def changes(self, item: str) -> None:
        """Go back to one item from the page that reads the choices back."""
        links = self.phone.page.get_by_role("link").filter(has_text="変更")
        with self.phone.arrives():
            self.phone.taps_on(links.filter(has_text=item))

    def has_come_to_the_card(self, *, over_40: bool = True, reference: str = "") -> None:
        """Have agreed to all and confirmed it: the card is next."""
        self.phone.hurries_to_the_card(over_40=over_40, reference=reference)
        self.is_at("本人確認")

    def has_tapped_the_card(self) -> None:
        """Have been in the app, to its good end, and be back."""
        way = self.phone.find("link", self._way_to_the_app).get_attribute("href")
        self.phone.hurries_through_the_app(way or "", self.name)

    def confirms(self, leads_to: str = "本人確認") -> None:
        """Say that this is what was meant."""
        self.phone.presses("これでよい。カードへ進む")
        self.is_at(leads_to)

    def has_chosen(self) -> None:
        """Be ready, agree to all, and confirm."""
        self.has_everything()
        self.agrees_to_all()
        self.looks_at_the_choices()
        self.confirms()

    def confirms_the_withdrawal(self) -> None:
        """Say that everything is to be withdrawn."""
        self.phone.presses("取り消す。カードへ進む")
        self.is_at("本人確認")

    def opens_the_app(self) -> None:
        """Leave for the app."""
        self.phone.follows("練習用アプリを開く")

    def opens_the_app_again(self) -> None:
        """Leave for the app once more, from a page that says why it did not work."""
        self.phone.follows(self._way_to_the_app)

    @property
    def _way_to_the_app(self) -> str:
        again = "もう一度アプリを開く"
        return again if again in self.phone.words else "練習用アプリを開く"

    def looks_for_another_way(self) -> None:
        """Ask what can be done instead of the card."""
        self.phone.presses("ほかの方法を見る")

    # --- in the practice app ------------------------------------------------------------------------------------

    def lays_down_the_card(self) -> None:
        """Choose one's card."""
        self.phone.presses(self.name)

    def enters_the_number(self) -> None:
        """Type the number that is printed on the practice card."""
        self._types(_NUMBERS[self.name], "番号が合った")

    def enters_a_wrong_number(self) -> None:
        """Type something else."""
        self._types("0000", "番号をまちがえた")

    def _types(self, number: str, outcome: str) -> None:
        if not self.phone.look.scripts:
            self.phone.presses(outcome)
            return
        with self.phone.arrives():
            for digit in number:
                self.phone.taps_on(self.phone.find("button", digit))

    def holds_the_card_still(self) -> None:
        """Hold the card for as long as it takes."""
        self.phone.presses("かざす")

    def sees_the_card(self, outcome: str) -> None:
        """Choose what happens while the card is held."""
        self.phone.presses(outcome)

    def returns_to_the_service(self) -> None:
        """Come back from the app."""
        self.phone.follows("サービスにもどる")

    def comes_to_hold_the_card(self) -> None:
        """Open the app and enter the number: the card is next."""
        self.opens_the_app_again()
        self.lays_down_the_card()
        self.enters_the_number()
        self.is_at("カードをかざしてください")

    def taps_the_card(self) -> None:
        """Go through the app to its good end and come back."""
        self.comes_to_hold_the_card()
        self.sees_the_card("読み取れた")
        self.returns_to_the_service()
