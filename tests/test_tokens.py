"""Tokens: one spelling, one purpose, no answers inside."""

from __future__ import annotations

import string

import pytest

from app.rules.record.evidence import hashed
from app.tokens import BadToken, Purpose, Signer, new_secret

SIGNER = Signer(("old" * 16, "new" * 16))


def test_it_works() -> None:
    token = SIGNER.sign(Purpose.HANDOFF, "departure", "visit")
    assert SIGNER.read(Purpose.HANDOFF, token) == ("departure", "visit")


def test_a_token_of_the_old_key_is_read_until_the_key_is_gone() -> None:
    old = Signer(("old" * 16,)).sign(Purpose.HANDOFF, "a")
    assert SIGNER.read(Purpose.HANDOFF, old) == ("a",)
    with pytest.raises(BadToken):
        Signer(("new" * 16,)).read(Purpose.HANDOFF, old)


def test_no_purpose_reads_anothers_token() -> None:
    for made in Purpose:
        for read in Purpose:
            token = SIGNER.sign(made, "x")
            if made is read:
                assert SIGNER.read(read, token) == ("x",)
            else:
                with pytest.raises(BadToken):
                    SIGNER.read(read, token)


@pytest.mark.threat("T06")
def test_no_other_spelling_of_a_token_is_read() -> None:
    token = SIGNER.sign(Purpose.HANDOFF, new_secret(), new_secret())
    letters = string.ascii_letters + string.digits + "-_"
    spellings = {token[:-1] + letter for letter in letters} - {token}
    spellings |= {
        token + "=",
        token + "é",
        token + "\n",
        " " + token,
        token.replace(".", "．", 1),
        token + ".",
        "." + token,
    }
    for spelling in spellings:
        with pytest.raises(BadToken):
            SIGNER.read(Purpose.HANDOFF, spelling)


def test_control_itsdangerous_alone_accepts_other_spellings() -> None:
    token = SIGNER.sign(Purpose.HANDOFF, "a", "b")
    plain = SIGNER._serializers[Purpose.HANDOFF]
    accepted = 0
    for letter in string.ascii_letters + string.digits + "-_":
        try:
            plain.loads(token[:-1] + letter)
        except Exception:  # noqa: BLE001, S112
            continue
        accepted += 1
    assert accepted > 1


def test_a_long_or_compressible_payload_is_refused_at_writing() -> None:
    with pytest.raises(ValueError, match="short random ids"):
        SIGNER.sign(Purpose.HANDOFF, "a" * 2000)


def test_a_form_token_belongs_to_one_session() -> None:
    token = SIGNER.form("one")
    assert SIGNER.is_form("one", token)
    assert not SIGNER.is_form("two", token)
    assert not SIGNER.is_form("one", "")
    assert not SIGNER.is_form("one", "日本")


def test_secrets_are_long_and_kept_as_hashes() -> None:
    assert len(new_secret()) == 22
    assert len({new_secret() for _ in range(1000)}) == 1000
    assert len(hashed("x")) == 64
