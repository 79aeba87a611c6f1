"""Texts about the terminal's files: meanings of codes, odd values, and reasons for a refusal."""

from __future__ import annotations

from typing import Final

from app.rules.terminal.values import Limits

_MIB: Final = 1024 * 1024

MEANINGS: Final = {
    "given": "あり",
    "not_given": "なし",
    "expired": "期限切れ",
    "unobtainable": "取得困難",
    "unknown": "不明",
}
ODDS: Final = {
    "code": "表にないコードです。そのまま残し、「不明」として見せます",
    "time": "日時の形（14けた）ではありません。日時なしとして扱います",
    "day": "日付の形（8けた）ではありません。日付なしとして扱います",
    "insurer": "保険者番号の形ではありません。取り込む内容には使いません",
    "repeated": "同じ項目が、ちがう値で2回あります。「不明」として見せます",
    "no_code": "日時だけあって、同意のコードがありません",
    "no_time": "同意ありなのに、同意した日時がありません",
    "no_reception": "受付番号がありません",
}
"""What each kind of odd value means for the import."""

_AGAIN: Final = "端末から、もう一度ファイルを出してください。"
REASONS: Final = {
    "empty": "ファイルが空です。" + _AGAIN,
    "too_large": f"大きすぎます（{Limits().file // _MIB}MBまで）。端末の結果ファイルかを、確かめてください。",
    "not_xml": "端末の結果ファイル（XMLかZIP）ではありません。",
    "encoding": "文字の種類を、Shift_JISでもUTF-8でもないと書いています（{about}）。" + _AGAIN,
    "letters": "ファイルの中に、文字として読めないところがあります。" + _AGAIN,
    "cut_off": "ファイルが途中で切れています。コピーが終わる前に取り出したのかもしれません。" + _AGAIN,
    "broken": "ファイルの形がこわれています。" + _AGAIN,
    "doctype": "端末が書かない指定（DOCTYPE）があります。安全のため、読みません。",
    "form": "決まった場所でないところに、中身があります（{about}）。" + _AGAIN,
    "too_much": "端末のファイルにしては、多すぎるか深すぎる中身です（{about}）。読むのをやめました。",
    "other_kind": "訪問診療等の「同意済資格情報取得」の結果ではない、別のファイルです（{about}）。",
    "request": "これは端末へ渡す依頼ファイルです。端末が返した結果（名前に res があるもの）をえらんでください。",
    "no_station": "どの事業所の結果かが、書かれていません。",
    "wrong_station": "ほかの事業所（医療機関コード {about}）の結果です。この事業所の端末のファイルをえらんでください。",
    "zip_broken": "ZIPがこわれているか、端末が使わない詰め方です。" + _AGAIN,
    "zip_entries": "ZIPの中のファイルが、1つではありません。端末が出したままのZIPをえらんでください。",
    "zip_path": "ZIPの中の名前に、フォルダーの指定があります。安全のため、読みません。",
    "zip_name": "ZIPの中に、XMLファイルがありません。",
    "zip_locked": "ZIPに、パスワードがかかっています。かかっていないものをえらんでください。",
}
"""Why a file is refused as a whole, and what one can do."""
