"""`kazasu serve`: runs the server, on the practice route with its station and accounts."""

from __future__ import annotations

import argparse
import asyncio
import gc
import socket
from typing import TYPE_CHECKING, Any

from app.rules.visit.visit import Route
from app.settings import Settings

if TYPE_CHECKING:
    from app.web.office.desk import Desk


def serve(chosen: argparse.Namespace) -> int:
    """Run the server; on the practice route, create its station and accounts first."""
    gc.disable()  # what a start makes stays: looking for garbage among it takes a tenth of the time
    import uvicorn  # noqa: PLC0415 - only this command needs a server

    from app.cli.seed import seed  # noqa: PLC0415
    from app.log import configure  # noqa: PLC0415
    from app.main import create_app  # noqa: PLC0415

    given = {name: value for name in ("host", "port") if (value := getattr(chosen, name)) is not None}
    settings = Settings(**given)
    if not settings.is_loopback and not settings.origin:
        settings = settings.model_copy(update={"origin": f"http://{_reachable_address()}:{settings.port}"})
    configure()
    kazasu = create_app(settings)
    if settings.route is Route.PRACTICE:
        link = asyncio.run(seed(kazasu))
        _greet(settings, link.token, kazasu.desk)
    else:
        print(f"\n  かざす（{settings.route.value}）  {settings.public_origin}/office\n", flush=True)
    # Objects made so far live as long as the server: frozen, they are skipped by collections during requests.
    gc.freeze()
    gc.enable()
    uvicorn.run(kazasu.asgi, **_server(settings))
    return 0


def _server(settings: Settings) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(settings.proxies),
        "forwarded_allow_ips": settings.proxies,
        "log_level": "warning",
        "timeout_graceful_shutdown": 5,
    }


def _greet(settings: Settings, token: str, desk: Desk) -> None:
    origin = settings.public_origin
    now = desk.clock.now()
    lines = [
        "",
        "  かざす（練習）",
        f"  練習のステーション  {origin}/f/{token}",
        f"  練習の世界          {origin}/practice/",
        f"  事務所の画面        {origin}/office",
        *(
            f"    {each.name}  名前 {each.login}  パスワード {each.password}  コード {code}"
            for each, code in ((each, desk.secrets.code(each.totp, now)) for each in desk.practice)
        ),
        "    （コードは30秒ごとに変わります。今のコードは、事務所のログイン画面に出ます）",
        "",
    ]
    if not settings.is_loopback:
        lines += ["  注意: この機械の外からも開けます。練習だけに使い、本物の患者さまには使わないでください。", ""]
    print("\n".join(lines), flush=True)


def _reachable_address() -> str:
    """Return this machine's address as others reach it, from the route of a UDP socket; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
