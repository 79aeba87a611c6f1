"""The command `kazasu`: serve, verify, export, settings."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from app.settings import Settings, UnsafeSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except ValidationError as wrong:
        names = ", ".join(f"KAZASU_{str(error['loc'][0]).upper()}: {error['msg']}" for error in wrong.errors())
        print(f"kazasu: {names}", file=sys.stderr)
        return 2
    except UnsafeSettings as unsafe:
        print(f"kazasu: {unsafe}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kazasu", description="訪問先での同意登録の案内")
    commands = parser.add_subparsers(required=True)

    serve = commands.add_parser("serve", help="start the server")
    serve.add_argument("--host")
    serve.add_argument("--port", type=int)
    serve.set_defaults(run=_serve)

    export = commands.add_parser("export", help="write a station's record to standard output, one JSON line each")
    export.add_argument("facility")
    export.set_defaults(run=_export)

    verify = commands.add_parser("verify", help="check an exported record against the head printed on a receipt")
    verify.add_argument("log")
    verify.add_argument("--head", required=True)
    verify.set_defaults(run=_verify)

    settings = commands.add_parser("settings", help="list every setting, its value and what it does")
    settings.set_defaults(run=_settings)
    return parser


def _serve(chosen: argparse.Namespace) -> int:
    import uvicorn  # noqa: PLC0415 - only this command needs a server

    from app.log import configure  # noqa: PLC0415
    from app.main import create_app, seed_practice  # noqa: PLC0415

    given = {name: value for name in ("host", "port") if (value := getattr(chosen, name)) is not None}
    settings = Settings(**given)
    if not settings.is_loopback and not settings.origin:
        settings = settings.model_copy(update={"origin": f"http://{_reachable_address()}:{settings.port}"})
    configure()
    kazasu = create_app(settings)
    link = asyncio.run(seed_practice(kazasu.store, kazasu.clock))
    _greet(settings, link.token)
    uvicorn.run(
        kazasu.asgi,
        host=settings.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        # Only a proxy with TLS in front may say who the client is.
        proxy_headers=settings.is_secure,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
    return 0


def _greet(settings: Settings, token: str) -> None:
    origin = settings.public_origin
    lines = [
        "",
        "  かざす（練習）",
        f"  練習のステーション  {origin}/f/{token}",
        f"  練習の世界          {origin}/practice/",
        "",
    ]
    if not settings.is_loopback:
        lines += [
            "  注意: この機械の外からも開けます。練習だけに使い、本物の患者さまには使わないでください。",
            "",
        ]
    print("\n".join(lines), flush=True)


def _reachable_address() -> str:
    """Return this machine's address as others see it; a UDP socket is asked for its route and sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _export(chosen: argparse.Namespace) -> int:
    from app.adapters.store_sql import SqlStore  # noqa: PLC0415
    from app.main import SystemClock  # noqa: PLC0415

    async def write() -> None:
        store = SqlStore(Settings().database, SystemClock())
        async for logged in store.export(chosen.facility):
            sys.stdout.buffer.write(logged.line())
        await store.close()

    asyncio.run(write())
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    from app.verify import main as verify  # noqa: PLC0415

    return verify([chosen.log, "--head", chosen.head])


def _settings(_: argparse.Namespace) -> int:
    settings = Settings()
    for name, field in Settings.model_fields.items():
        shown = "(set)" if name == "secret_keys" and settings.secret_keys else getattr(settings, name)
        print(f"KAZASU_{name.upper()}={shown}\n    {field.description}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
