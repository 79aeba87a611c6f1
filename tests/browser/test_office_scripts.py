"""What the office's pages do in a real browser: camera, passkeys, copies, prints, secrets behind #, and the cover."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import qrcode
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, CDPSession, ConsoleMessage, Page, Playwright, expect

from scripts import vendor
from tests.browser.conftest import ARGUMENTS
from tests.browser.office_pages import ASSETS, OfficePages

pytestmark = pytest.mark.browser

OFFICIAL: Final = "https://visit.example.go.jp/entry?station=6123456789&key=" + "Zx9_-q" * 12
WATCH: Final = """addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    globalThis.kazasuSaw?.(`${violatedDirective} ${blockedURI}`))"""
DECODER: Final = ASSETS.url("vendor/qr.js")


def film(path: Path, text: str) -> Path:
    """Write what a camera sees that is held over a QR code, a little askew and in poor light."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_Q, border=4, box_size=6)
    code.add_data(text)
    picture = code.make_image().get_image().convert("L").point(lambda level: 60 + level * 110 // 255)
    seen = Image.new("L", (1280, 720), 150)
    tilted = picture.rotate(8, Image.Resampling.BICUBIC, expand=True, fillcolor=150)
    seen.paste(tilted, ((seen.width - tilted.width) // 2, (seen.height - tilted.height) // 2))
    grey = bytes([128]) * (seen.width * seen.height // 2)
    frame = b"FRAME\n" + seen.tobytes() + grey
    path.write_bytes(f"YUV4MPEG2 W{seen.width} H{seen.height} F10:1 Ip A1:1 C420jpeg\n".encode() + 5 * frame)
    return path


@pytest.fixture(scope="module")
def _pages() -> Iterator[OfficePages]:
    with OfficePages() as pages:
        yield pages


@pytest.fixture
def pages(_pages: OfficePages) -> OfficePages:
    _pages.forget()
    return _pages


@pytest.fixture(scope="module")
def computer(playwright: Playwright, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a browser on a computer whose camera sees a QR code."""
    seen = film(tmp_path_factory.mktemp("camera") / "seen.y4m", OFFICIAL)
    arguments = [one for one in ARGUMENTS if "resolver" not in one]
    arguments += [
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={seen}",
    ]
    opened = playwright.chromium.launch(executable_path=chromium, args=arguments)
    yield opened
    opened.close()


@pytest.fixture
def desk(computer: Browser, pages: OfficePages) -> Iterator[BrowserContext]:
    """Return a desk where nothing may go wrong unseen."""
    context = computer.new_context(locale="ja-JP", base_url=pages.origin)
    context.set_default_timeout(8_000)
    noticed: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            noticed.append(message.text)

    context.expose_binding("kazasuSaw", lambda _, what: noticed.append(f"content policy: {what}"))
    context.add_init_script(WATCH)
    context.on("console", hear)
    context.on("weberror", lambda error: noticed.append(str(error.error)))
    yield context
    context.close()
    assert not noticed


@pytest.fixture
def tab(desk: BrowserContext) -> Page:
    return desk.new_page()


def presses(tab: Page, words: str) -> None:
    tab.get_by_role("button", name=words).click()


# --- the camera -------------------------------------------------------------------------------------------------


@pytest.fixture
def camera(desk: BrowserContext) -> None:
    desk.grant_permissions(["camera"])


CAMERA_IS_ON: Final = "() => document.querySelector('video').srcObject?.active === true"
KEEP_TRACKS: Final = """globalThis.tracks = [];
const ask = MediaDevices.prototype.getUserMedia;
MediaDevices.prototype.getUserMedia = async function (wish) {
    globalThis.wish = wish;
    const stream = await ask.call(this, wish);
    tracks.push(...stream.getTracks());
    return stream;
};"""
BLIND: Final = """globalThis.BarcodeDetector = class {
    static async getSupportedFormats() { return ["qr_code"]; }
    async detect() { return []; }
};"""


def camera_is_off(tab: Page) -> bool:
    """Whether everything that was ever opened was stopped."""
    answer: bool = tab.evaluate(
        "tracks.length > 0 && tracks.every((track) => track.readyState === 'ended') && !document.querySelector('video').srcObject"
    )
    return answer


def test_the_decoder_reads_a_code_by_the_camera(pages: OfficePages, tab: Page, camera: None) -> None:
    tab.goto("/scan")
    assert tab.evaluate("typeof BarcodeDetector") == "undefined", "else this test reads by the browser's own"
    assert DECODER not in pages.asked
    presses(tab, "カメラで読む")
    expect(tab.get_by_role("heading", name="受け取りました")).to_be_visible()
    assert pages.sent == [{"address": OFFICIAL}]
    assert pages.asked.count(DECODER) == 1


def test_the_browsers_own_detector_is_taken_where_it_knows_the_code(
    pages: OfficePages, tab: Page, camera: None
) -> None:
    tab.add_init_script(BLIND.replace("return [];", 'return [{ rawValue: "https://own.example.jp/" }];'))
    tab.goto("/scan")
    presses(tab, "カメラで読む")
    expect(tab.get_by_role("heading", name="受け取りました")).to_be_visible()
    assert pages.sent == [{"address": "https://own.example.jp/"}]
    assert DECODER not in pages.asked


def test_the_decoder_is_taken_where_the_browsers_own_does_not(pages: OfficePages, tab: Page, camera: None) -> None:
    tab.add_init_script(BLIND.replace('["qr_code"]', '["ean_13"]'))
    tab.goto("/scan")
    presses(tab, "カメラで読む")
    expect(tab.get_by_role("heading", name="受け取りました")).to_be_visible()
    assert pages.sent == [{"address": OFFICIAL}]


def test_who_stops_finds_the_camera_off_and_no_reproach(pages: OfficePages, tab: Page, camera: None) -> None:
    tab.add_init_script(KEEP_TRACKS + BLIND)
    tab.goto("/scan")
    ways: list[Callable[[], None]] = [lambda: presses(tab, "やめる"), lambda: tab.keyboard.press("Escape")]
    for stop in ways:
        presses(tab, "カメラで読む")
        tab.wait_for_function(CAMERA_IS_ON)
        assert tab.evaluate("wish.video.facingMode") == "environment"
        stop()
        expect(tab.get_by_role("dialog")).to_be_hidden()
        tab.wait_for_function("() => !document.querySelector('video').srcObject")
        assert camera_is_off(tab)
        expect(tab.locator("[data-scan-refused]")).to_be_hidden()
        expect(tab.get_by_role("button", name="カメラで読む")).to_be_focused()
    assert pages.sent == []


def test_a_page_out_of_sight_looks_no_longer(pages: OfficePages, tab: Page, camera: None) -> None:
    tab.add_init_script(KEEP_TRACKS + BLIND)
    tab.goto("/scan")
    presses(tab, "カメラで読む")
    tab.wait_for_function(CAMERA_IS_ON)
    tab.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true }); document.dispatchEvent(new Event('visibilitychange'))"
    )
    expect(tab.get_by_role("alert")).to_have_text("カメラを使えません")
    assert camera_is_off(tab)
    assert pages.sent == []


def test_a_camera_that_is_pulled_out_is_said(tab: Page, camera: None) -> None:
    tab.add_init_script(KEEP_TRACKS + BLIND)
    tab.goto("/scan")
    presses(tab, "カメラで読む")
    tab.wait_for_function(CAMERA_IS_ON)
    tab.evaluate("tracks[0].dispatchEvent(new Event('ended'))")
    expect(tab.get_by_role("alert")).to_have_text("カメラを使えません")
    expect(tab.get_by_role("dialog")).to_be_hidden()
    assert camera_is_off(tab)


def test_a_refused_camera_is_said_and_can_be_asked_again(pages: OfficePages, desk: BrowserContext, tab: Page) -> None:
    tab.goto("/scan")
    presses(tab, "カメラで読む")
    expect(tab.get_by_role("alert")).to_have_text("カメラを使えません")
    expect(tab.get_by_role("dialog")).to_be_hidden()
    desk.grant_permissions(["camera"])
    presses(tab, "カメラで読む")
    expect(tab.get_by_role("heading", name="受け取りました")).to_be_visible()
    assert len(pages.sent) == 1


def test_a_stop_before_the_camera_answers_holds(tab: Page, camera: None) -> None:
    wait = "globalThis.late = new Promise((done) => { globalThis.answer = done; });"
    tab.add_init_script(
        KEEP_TRACKS + BLIND + wait + "const soon = MediaDevices.prototype.getUserMedia;"
        "MediaDevices.prototype.getUserMedia = async function (wish) { await late; return soon.call(this, wish); };"
    )
    tab.goto("/scan")
    presses(tab, "カメラで読む")
    presses(tab, "やめる")
    tab.evaluate("answer()")
    tab.wait_for_function("() => tracks.length > 0 && tracks[0].readyState === 'ended'")
    expect(tab.locator("[data-scan-refused]")).to_be_hidden()
    assert camera_is_off(tab)


def test_without_cameras_the_button_stays_away(tab: Page) -> None:
    tab.add_init_script("delete Navigator.prototype.mediaDevices")
    tab.goto("/scan")
    expect(tab.locator("[data-scan]")).to_be_hidden()


def test_the_decoder_is_what_the_locked_packages_make(tmp_path: Path) -> None:
    for wanted in (one for one in vendor.WANTED if one.is_joined):
        vendor.join(vendor.ROOT / "node_modules" / wanted.package / wanted.source, tmp_path / wanted.file)
        assert (tmp_path / wanted.file).read_bytes() == (vendor.VENDOR / wanted.file).read_bytes()


# --- passkeys ---------------------------------------------------------------------------------------------------


class Device:
    """The authenticator inside the computer, as Chromium imitates it."""

    def __init__(self, tab: Page) -> None:
        self._wire: CDPSession = tab.context.new_cdp_session(tab)
        self._wire.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        answer = self._wire.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self._id = answer["authenticatorId"]

    def knows_nobody(self) -> None:
        """Let every finger be the wrong one."""
        self._wire.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": False})

    @property
    def kept(self) -> list[dict[str, Any]]:
        """Return the passkeys on it."""
        answer: dict[str, Any] = self._wire.send("WebAuthn.getCredentials", {"authenticatorId": self._id})
        return list(answer["credentials"])


@pytest.fixture
def device(tab: Page) -> Device:
    return Device(tab)


OLD_BROWSER: Final = """delete PublicKeyCredential.parseCreationOptionsFromJSON;
delete PublicKeyCredential.parseRequestOptionsFromJSON;
delete PublicKeyCredential.prototype.toJSON;"""


@pytest.mark.parametrize("script", ["", OLD_BROWSER], ids=["today's browser", "without the JSON forms"])
def test_a_passkey_is_made_and_proves_who_it_is(pages: OfficePages, tab: Page, device: Device, script: str) -> None:
    tab.add_init_script(script)
    tab.goto("/create")
    presses(tab, "パスキーを使う")
    expect(tab.get_by_role("heading", name="作りました")).to_be_visible()
    assert pages.passkey is not None
    assert [one["isResidentCredential"] for one in device.kept] == [True]
    for _ in range(2):
        tab.goto("/get")
        presses(tab, "パスキーを使う")
        expect(tab.get_by_role("heading", name="確かめました")).to_be_visible()


@pytest.mark.parametrize("script", ["", OLD_BROWSER], ids=["today's browser", "without the JSON forms"])
def test_a_device_that_has_one_says_so(tab: Page, device: Device, script: str) -> None:
    tab.add_init_script(script)
    tab.goto("/create")
    presses(tab, "パスキーを使う")
    expect(tab.get_by_role("heading", name="作りました")).to_be_visible()
    tab.goto("/create")
    presses(tab, "パスキーを使う")
    expect(tab.get_by_role("alert")).to_have_text("この端末にはもうあります")


def test_a_finger_that_is_not_known_is_refused(pages: OfficePages, tab: Page, device: Device) -> None:
    device.knows_nobody()
    tab.goto("/create")
    presses(tab, "パスキーを使う")
    expect(tab.get_by_role("alert")).to_have_text("パスキーを使えませんでした")
    expect(tab.get_by_role("button", name="パスキーを使う")).to_be_enabled()
    assert pages.passkey is None


def test_without_passkeys_the_button_stays_away(tab: Page) -> None:
    tab.add_init_script("delete globalThis.PublicKeyCredential")
    tab.goto("/create")
    expect(tab.locator("[data-passkey]")).to_be_hidden()


# --- small things -----------------------------------------------------------------------------------------------

COUNT_PRINTS: Final = "globalThis.printed = 0; globalThis.print = () => { printed += 1; }"


def test_a_button_prints(tab: Page) -> None:
    tab.add_init_script(COUNT_PRINTS)
    tab.goto("/print")
    assert tab.evaluate("printed") == 0
    presses(tab, "印刷する")
    assert tab.evaluate("printed") == 1


def test_a_page_that_is_there_to_be_printed_does_so_once(tab: Page) -> None:
    tab.add_init_script(COUNT_PRINTS)
    tab.goto("/print-now")
    tab.wait_for_function("printed === 1")


def test_a_secret_behind_the_hash_goes_into_the_form_and_nowhere_else(
    pages: OfficePages, desk: BrowserContext, tab: Page
) -> None:
    tab.goto("/print")
    tab.goto("/fragment#invite-4711")
    field = tab.locator("[data-fragment]")
    expect(field).to_have_value("invite-4711")
    assert tab.url == f"{pages.origin}/fragment"
    tab.evaluate("location.hash = 'pasted-4712'")
    expect(field).to_have_value("pasted-4712")
    assert tab.url == f"{pages.origin}/fragment"
    presses(tab, "つぎへ")
    expect(tab.get_by_role("heading", name="受け取りました")).to_be_visible()
    assert pages.sent == [{"secret": "pasted-4712"}]
    history = desk.new_cdp_session(tab).send("Page.getNavigationHistory")
    # (what a person typed is remembered beside it, in memory; no page can change that)
    assert not any("#" in entry["url"] for entry in history["entries"])
    assert "471" not in " ".join(pages.asked)
    tab.go_back()
    assert tab.url == f"{pages.origin}/fragment"


def test_texts_are_copied_and_it_is_said(desk: BrowserContext, tab: Page) -> None:
    desk.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto("/copy")
    for button, said, text in (
        ("リンクをコピー", "コピーしました", "https://example.jp/f/abc"),
        ("番号をコピー", "写しました", "K7P-42"),
    ):
        presses(tab, button)
        expect(tab.get_by_role("status").filter(has_text=said)).to_be_visible()
        assert tab.evaluate("navigator.clipboard.readText()") == text


def test_htmx_keeps_the_content_policy_and_new_parts_work(desk: BrowserContext, tab: Page) -> None:
    desk.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto("/rows")
    presses(tab, "番号をコピー")
    expect(tab.get_by_role("status").filter(has_text="写しました")).to_be_visible()
    effective: dict[str, Any] = tab.evaluate("htmx.config")
    for name in ("allowEval", "allowScriptTags", "includeIndicatorStyles"):
        assert effective[name] is False
    assert (effective["selfRequestsOnly"], effective["historyCacheSize"]) == (True, 0)
    assert tab.locator("style").count() == 0


def test_the_script_says_no_words_of_its_own() -> None:
    assert ASSETS["office/office.js"].content.isascii()


# --- the cover --------------------------------------------------------------------------------------------------

COVER: Final = "しばらく操作がありません"


def is_covered(tab: Page) -> bool:
    tab.wait_for_timeout(50)
    covered: bool = tab.evaluate("'covered' in document.documentElement.dataset")
    assert tab.get_by_role("heading", name=COVER).is_visible() is covered
    return covered


@pytest.fixture
def morning(desk: BrowserContext) -> BrowserContext:
    """Return the desk with a clock that tests can set."""
    desk.clock.install(time="2027-04-01T09:00:00+09:00")
    return desk


def minutes(desk: BrowserContext, count: int) -> None:
    desk.clock.fast_forward(f"{count:02}:00")


def test_a_page_left_alone_covers_itself_and_keeps_its_place(morning: BrowserContext, tab: Page) -> None:
    tab.goto("/kept")
    note = tab.get_by_role("textbox")
    note.fill("途中まで書い")
    minutes(morning, 9)
    assert not is_covered(tab)
    minutes(morning, 2)
    assert is_covered(tab)
    expect(tab.get_by_role("heading", name=COVER)).to_be_focused()
    expect(tab.locator("[inert] textarea")).to_have_value("途中まで書い")
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("button", name="つづける")).to_be_focused()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('main')") is None
    presses(tab, "つづける")
    expect(note).to_be_focused()
    assert not is_covered(tab)
    tab.keyboard.type("た")
    expect(note).to_have_value("途中まで書いた")
    minutes(morning, 11)
    assert is_covered(tab)


@pytest.mark.parametrize("sign", ["key", "pointer", "wheel"])
def test_any_sign_of_life_puts_it_off(morning: BrowserContext, tab: Page, sign: str) -> None:
    tab.goto("/kept")
    acts: dict[str, Callable[[int], None]] = {
        "key": lambda _: tab.keyboard.press("Shift"),
        "pointer": lambda turn: tab.mouse.move(40 * turn, 40),
        "wheel": lambda _: tab.mouse.wheel(0, 20),
    }
    acts[sign](1)
    for turn in (2, 3, 4):
        minutes(morning, 9)
        acts[sign](turn)
        assert not is_covered(tab)
    minutes(morning, 11)
    assert is_covered(tab)


def test_what_is_done_in_one_tab_counts_in_all(morning: BrowserContext, tab: Page) -> None:
    other = morning.new_page()
    tab.goto("/kept")
    other.goto("/kept")
    for _ in range(3):
        minutes(morning, 8)
        other.mouse.move(30, 30, steps=2)
        other.mouse.move(60, 60, steps=2)
        assert not is_covered(tab)
        assert not is_covered(other)
    minutes(morning, 11)
    assert is_covered(tab)
    assert is_covered(other)
    presses(other, "つづける")
    assert not is_covered(other)
    assert is_covered(tab)  # who came back there has not come back here
    assert tab.evaluate("Object.keys(localStorage)") == ["kazasu-last"]
    assert tab.evaluate("localStorage['kazasu-last']").isdigit()


@pytest.mark.parametrize("first", ["a key", "the page itself"])
def test_a_laptop_that_slept_is_covered_before_anything_counts(morning: BrowserContext, tab: Page, first: str) -> None:
    tab.goto("/kept")
    tab.get_by_role("textbox").focus()
    morning.clock.pause_at("2027-04-01T09:01:00+09:00")
    morning.clock.set_system_time("2027-04-01T12:00:00+09:00")  # no timer ran meanwhile
    assert not is_covered(tab)
    if first == "a key":
        tab.keyboard.press("a")
    else:
        tab.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert is_covered(tab)


def test_a_clock_that_is_set_back_neither_covers_nor_waits_for_ever(morning: BrowserContext, tab: Page) -> None:
    tab.goto("/kept")
    morning.clock.set_system_time("2027-04-01T06:00:00+09:00")
    minutes(morning, 1)
    assert not is_covered(tab)
    minutes(morning, 11)
    assert is_covered(tab)


def test_the_cover_switches_the_camera_off(morning: BrowserContext, tab: Page, camera: None) -> None:
    tab.add_init_script(KEEP_TRACKS + BLIND)
    tab.goto("/scan")
    presses(tab, "カメラで読む")
    tab.wait_for_function(CAMERA_IS_ON)
    minutes(morning, 11)
    assert is_covered(tab)
    assert camera_is_off(tab)
    expect(tab.get_by_role("dialog")).to_be_hidden()


def test_a_browser_without_storage_goes_by_the_tab_itself(morning: BrowserContext, tab: Page) -> None:
    tab.add_init_script("Object.defineProperty(globalThis, 'localStorage', { get() { throw new Error('no'); } })")
    tab.goto("/kept")
    minutes(morning, 9)
    tab.keyboard.press("Shift")
    minutes(morning, 9)
    assert not is_covered(tab)
    minutes(morning, 2)
    assert is_covered(tab)


def test_a_page_without_a_limit_is_never_covered(morning: BrowserContext, tab: Page) -> None:
    tab.goto("/free")
    minutes(morning, 59)
    assert not is_covered(tab)
