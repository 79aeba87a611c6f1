"""Where a Japanese line may break."""

from __future__ import annotations

import pytest

from app.web.kit.phrases import html_in_phrases, in_phrases


@pytest.mark.parametrize(
    ("message", "html"),
    [
        ("看護師にスマホをわたす", "看護師に\u200bスマホを\u200bわたす"),
        ("確かめて、つぎへ進む", "確かめて、\u200bつぎへ\u200b進む"),
        ("「同意する」を押す", "「同意する」を\u200b押す"),
        ("あと%(days)s日で期限です", "あと\u200b%(days)s日で\u200b期限です"),
        ("取得する・変更する", "取得する・変更する"),
        ("A&B<C", "A&amp;B&lt;C"),
        ("ある診療所の記録（2024年3月15日）", "ある\u200b診療所の\u200b記録\u200b（2024年3月15日）"),
        ("オンライン資格確認等コールセンター", "オンライン\u200b資格確認等\u200bコールセンター"),
        ("", ""),
    ],
)
def test_a_line_breaks_between_phrases_alone(message: str, html: str) -> None:
    assert in_phrases(message, readings=False) == html


def test_readings_stand_above_and_nothing_breaks_inside_their_word() -> None:
    assert in_phrases("{訪問看護|ほうもんかんご}で{見|み}る", readings=True) == (
        "<ruby>訪問看護<rp>（</rp><rt>ほうもんかんご</rt><rp>）</rp></ruby>で\u200b"
        "<ruby>見<rp>（</rp><rt>み</rt><rp>）</rp></ruby>る"
    )


def test_a_template_breaks_in_its_texts_alone() -> None:
    before = (
        'の長い一覧です">同意を<b>消す前に確かめる</b>&nbsp;<option>長い選択肢の文です</option><a title="別の長い文です'
    )
    after = before.replace("消す前に確かめる", "消す前に\u200b確かめる")
    assert html_in_phrases(before) == after
