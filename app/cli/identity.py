"""`kazasu identity`: our keys at the identity provider, and a check of it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from app.adapters.oidc.client_keys import KeyInUse, KeyRing, NoSuchKey
from app.cli.refusal import wrong
from app.settings import Settings


def show(_: argparse.Namespace) -> int:
    """Print what is registered with the provider, and which key signs."""
    settings = Settings()
    kept = KeyRing(settings.identity_keys).kept()
    print(f"issuer        {settings.identity_issuer or '(not set)'}")
    print(f"client id     {settings.identity_client_id or '(not set)'}")
    print(f"redirect uri  {settings.return_address}")
    print(f"signs         {kept.signs or '(no key yet; kazasu identity new-key)'}")
    print(json.dumps(kept.public(), indent=2))
    return 0


def check(_: argparse.Namespace) -> int:
    """Check the configured issuer; the exit status is 1 if anything is wrong."""
    from app.adapters.clock import SystemClock  # noqa: PLC0415
    from app.adapters.oidc.check import examine  # noqa: PLC0415
    from app.adapters.oidc.handoff import line  # noqa: PLC0415

    settings = Settings()
    settings.check_identity()
    KeyRing(settings.identity_keys).signing()
    http = line(settings.deadline)
    found = asyncio.run(examine(settings.identity_issuer, http, SystemClock(), settings.deadline))
    print("\n".join(f"{'ok   ' if each.is_right else 'WRONG'}  {each.says}" for each in found))
    return 0 if all(each.is_right for each in found) else 1


def new_key(_: argparse.Namespace) -> int:
    """Make the next key, and print its public half."""
    from app.adapters.clock import SystemClock  # noqa: PLC0415

    ring = KeyRing(Settings().identity_keys)
    made = ring.new(SystemClock().now())
    print(json.dumps(made.as_dict(private=False), indent=2))
    waits = "it signs from now on" if ring.kept().signs == made.kid else f"then: kazasu identity use {made.kid}"
    print(f"kazasu: register this public key with the provider; {waits}", file=sys.stderr)
    return 0


def use(chosen: argparse.Namespace) -> int:
    """Sign with another key from now on."""
    try:
        KeyRing(Settings().identity_keys).use(chosen.kid)
    except NoSuchKey:
        return wrong("no such key; `kazasu identity show` lists the keys")
    print(f"{chosen.kid} signs from now on; a running server needs no restart")
    return 0


def retire(chosen: argparse.Namespace) -> int:
    """Delete a key that does not sign."""
    try:
        KeyRing(Settings().identity_keys).retire(chosen.kid)
    except NoSuchKey:
        return wrong("no such key; `kazasu identity show` lists the keys")
    except KeyInUse:
        return wrong("this key signs; put another one to use first: kazasu identity use KID")
    print(f"{chosen.kid} is gone; take it out of the registration too")
    return 0
