"""Error pages: what happened, what was saved, and a way on. Never a stack trace, never a bare status."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from app.rules.words.furigana import N_
from app.web.kit.pages import Pages


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of error page."""

    status: int
    title: str
    says: str
    on: str = "/start"
    on_label: str = N_("はじめの{画面|がめん}へ")
    picture: str = "problem"


PROBLEMS: Final = {
    "not_found": Problem(
        404,
        N_("このページは{見|み}つかりません"),
        N_(
            "{住所|じゅうしょ}（URL）がちがうか、もう{使|つか}われていません。{事業所|じぎょうしょ}の{二次元|にじげん}コードを、もう{一度|いちど}{読|よ}み{取|と}ってください。"
        ),
    ),
    "not_in_office": Problem(
        404,
        N_("このページはありません"),
        N_(
            "{住所|じゅうしょ}がちがうか、まだ{用意|ようい}されていません。{公式|こうしき}のURLの{印刷物|いんさつぶつ}は、URLを{取|と}りこむと{出|で}ます。"
        ),
    ),
    "wrong_method": Problem(
        405,
        N_("この{開|ひら}き{方|かた}はできません"),
        N_("{画面|がめん}のボタンから{進|すす}んでください。{入力|にゅうりょく}したものは、{変|か}わっていません。"),
        on="/visit",
        on_label=N_("{訪問|ほうもん}の{画面|がめん}にもどる"),
    ),
    "old_link": Problem(
        410,
        N_("この{二次元|にじげん}コードは{古|ふる}くなりました"),
        N_(
            "{事業所|じぎょうしょ}が{新|あたら}しいものに{替|か}えています。{新|あたら}しい{紙|かみ}か{訪問|ほうもん}バッグのカードを{読|よ}み{取|と}ってください。"
        ),
    ),
    "no_visit": Problem(
        410,
        N_("この{訪問|ほうもん}は{終|お}わっています"),
        N_(
            "30{分|ぷん}{使|つか}わないと、{自動|じどう}で{終|お}わります。ほかのブラウザに{移|うつ}したときも、ここでは{終|お}わりです。"
            "{公式|こうしき}の{画面|がめん}で{登録|とうろく}が{終|お}わっていたら、やり{直|なお}さずに、{事業所|じぎょうしょ}で{確|たし}かめます。"
        ),
        on_label=N_("はじめからやり{直|なお}す"),
        picture="expired",
    ),
    "return_elsewhere": Problem(
        410,
        N_("このブラウザに、{続|つづ}きの{訪問|ほうもん}はありません"),
        N_(
            "ほかのブラウザで{始|はじ}めた{訪問|ほうもん}かもしれません。はじめに{開|ひら}いていた{画面|がめん}にもどってください。{登録|とうろく}されたかどうかは、ここからは{分|わ}かりません。"
        ),
        on_label=N_("あらためて{始|はじ}める"),
    ),
    "foreign": Problem(
        403,
        N_("{送信|そうしん}を{受|う}け{取|と}れませんでした"),
        N_(
            "この{画面|がめん}から{送|おく}られたものか、{確|たし}かめられませんでした。{何|なに}も{保存|ほぞん}していません。{画面|がめん}を{開|ひら}き{直|なお}して、もう{一度|いちど}{押|お}してください。"
        ),
        on="/visit",
        on_label=N_("{訪問|ほうもん}の{画面|がめん}にもどる"),
    ),
    "forbidden": Problem(
        403,
        N_("この{画面|がめん}は、{管理者|かんりしゃ}だけが{開|ひら}けます"),
        N_("{必要|ひつよう}なときは、{事業所|じぎょうしょ}の{管理者|かんりしゃ}に{頼|たの}んでください。"),
    ),
    "other_visit": Problem(
        409,
        N_("{別|べつ}の{訪問|ほうもん}の{画面|がめん}でした"),
        N_(
            "{前|まえ}の{訪問|ほうもん}の{画面|がめん}が{残|のこ}っていたようです。{何|なに}も{保存|ほぞん}していません。いまの{訪問|ほうもん}の{画面|がめん}から{進|すす}んでください。"
        ),
        on="/visit",
        on_label=N_("いまの{訪問|ほうもん}へ"),
    ),
    "key_reused": Problem(
        409,
        N_("{同|おな}じ{画面|がめん}から{二度|にど}{送|おく}られました"),
        N_(
            "{先|さき}に{届|とど}いた{内容|ないよう}だけを{保存|ほぞん}しました。いまの{内容|ないよう}を{確|たし}かめてください。"
        ),
        on="/visit",
        on_label=N_("いまの{内容|ないよう}を{見|み}る"),
    ),
    "too_large": Problem(
        413,
        N_("{送|おく}られたものが{大|おお}きすぎます"),
        N_(
            "この{画面|がめん}では、{写真|しゃしん}やファイルは{受|う}け{取|と}りません。{何|なに}も{保存|ほぞん}していません。"
        ),
        on="/visit",
        on_label=N_("{訪問|ほうもん}の{画面|がめん}にもどる"),
    ),
    "picture_too_large": Problem(
        413,
        N_("{画像|がぞう}が{大|おお}きすぎます"),
        N_(
            "8MBまでの{画像|がぞう}を{送|おく}れます。{二次元|にじげん}コードのまわりだけを{切|き}り{取|と}った{画像|がぞう}を{選|えら}んでください。{何|なに}も{保存|ほぞん}していません。"
        ),
    ),
    "file_too_large": Problem(
        413,
        N_("ファイルが{大|おお}きすぎます"),
        N_(
            "32MBまでのファイルを{取|と}り{込|こ}めます。{端末|たんまつ}から{出|だ}したままのファイルかを、{確|たし}かめてください。{何|なに}も{変|か}わっていません。"
        ),
        on="/office/files",
        on_label=N_("ファイルの{画面|がめん}にもどる"),
    ),
    "bad_form": Problem(
        422,
        N_("{送信|そうしん}の{形|かたち}が{正|ただ}しくありません"),
        N_(
            "{途中|とちゅう}で{切|き}れたのかもしれません。{何|なに}も{保存|ほぞん}していません。{画面|がめん}を{開|ひら}き{直|なお}して、もう{一度|いちど}{押|お}してください。"
        ),
        on="/visit",
        on_label=N_("{訪問|ほうもん}の{画面|がめん}にもどる"),
    ),
    "too_many": Problem(
        429,
        N_("{少|すこ}し{待|ま}ってください"),
        N_(
            "{短|みじか}い{間|あいだ}に、たくさん{送|おく}られました。1{分|ぷん}ほど{待|ま}ってから、もう{一度|いちど}{押|お}してください。{入力|にゅうりょく}したものは、{変|か}わっていません。"
        ),
        on="/visit",
        on_label=N_("{訪問|ほうもん}の{画面|がめん}にもどる"),
        picture="expired",
    ),
    "broken": Problem(
        500,
        N_("うまくいきませんでした"),
        N_(
            "こちらの{不具合|ふぐあい}です。{保存|ほぞん}できたところまでは、{残|のこ}っています。もう{一度|いちど}{開|ひら}いて{確|たし}かめてください。"
        ),
        on="/visit",
        on_label=N_("もう{一度|いちど}{開|ひら}く"),
    ),
    "unavailable": Problem(
        503,
        N_("いま、{保存|ほぞん}できません"),
        N_(
            "サーバーが{混|こ}み{合|あ}っているか、{止|と}まっています。{最後|さいご}に{押|お}したものは、まだ{保存|ほぞん}されていません。{少|すこ}し{待|ま}って、もう{一度|いちど}{押|お}してください。"
        ),
        on="/visit",
        on_label=N_("もう{一度|いちど}{開|ひら}く"),
        picture="expired",
    ),
    "read_only": Problem(
        503,
        N_("{記録|きろく}を{確|たし}かめています"),
        N_(
            "{事業所|じぎょうしょ}の{記録|きろく}に、{合|あ}わないところがあります。{事務所|じむしょ}で{確|たし}かめるまで、{新|あたら}しく{書|か}けません。いま{押|お}したものは、まだ{保存|ほぞん}されていません。"
            "{登録|とうろく}は、{公式|こうしき}のURLをじかに{開|ひら}くとできます。えらんだことは、{紙|かみ}に{書|か}いておきます。"
        ),
        picture="expired",
    ),
    "read_only_in_office": Problem(
        503,
        N_("{記録|きろく}を{確|たし}かめています"),
        N_(
            "{事業所|じぎょうしょ}の{記録|きろく}に、{合|あ}わないところがあります。{管理者|かんりしゃ}が{確|たし}かめるまで、{新|あたら}しく{書|か}けません。いま{送|おく}ったものは、{保存|ほぞん}されていません。"
        ),
        on="/office/restored",
        on_label=N_("{足|た}りないものを{見|み}る"),
        picture="expired",
    ),
}

_IN_OFFICE: Final = {"not_found": "not_in_office", "read_only": "read_only_in_office"}
"""Problems with other words for the office."""

BY_STATUS: Final = {
    400: "bad_form",
    404: "not_found",
    405: "wrong_method",
    413: "too_large",
    422: "bad_form",
    429: "too_many",
}


@dataclass(frozen=True)
class Problems:
    """Answers problem pages."""

    pages: Pages

    def answer(self, request: Request, name: str, **values: Any) -> Response:
        """Answer the page of a problem."""
        is_office = request.url.path.startswith("/office")
        problem = PROBLEMS[_IN_OFFICE.get(name, name) if is_office else name]
        if is_office and not problem.on.startswith("/office"):
            problem = replace(problem, on="/office", on_label=N_("{事務所|じむしょ}の{画面|がめん}へ"))
        response = self.pages.respond(
            request,
            "kit/problem.html",
            status=problem.status,
            problem=problem,
            problem_id=name,
            **values,
        )
        if problem.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            response.headers["Retry-After"] = "60"
        if name == "read_only":
            response.headers["Kazasu-Held"] = "1"
        return response
