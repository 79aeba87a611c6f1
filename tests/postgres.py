"""A PostgreSQL server of one's own, and a fresh database on it whenever one is asked for."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier

from app.adapters.sql.database import OLDEST, migrate

_PATIENCE: Final = 60.0
_ROOM: Final = 2 * 1024**3
_PREFIX: Final = "kazasu-pg-"
_OLD: Final = 3600
"""Seconds after which a folder without a server is nobody's any more."""
_MISSING: Final = (
    f"PostgreSQL {OLDEST} or newer is needed. Please run once:\n"
    "  sudo sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql'"
)
_SPARE: Final = ("shared_buffers=32MB", "max_connections=200", "log_min_messages=fatal", "max_wal_size=128MB")
_count = itertools.count()


class Missing(Exception):
    """There is no PostgreSQL on this machine: the message says how to get it."""


class Cluster:
    """A server that listens on a socket in a folder of its own; what is acknowledged is on the disk."""

    def __init__(self, folder: Path, *settings: str) -> None:
        """Make the folder a cluster that sorts by bytes, and start the server."""
        self.folder, self._settings = folder, (*_SPARE, *settings)
        self._as = _somebody_else()
        if self._as:
            shutil.chown(folder, self._as["user"], self._as["group"])
        given = ("--pgdata=data", "--username=postgres", "--auth=trust", "--locale=C", "--encoding=UTF8", "--no-sync")
        self._run("initdb", *given)
        self.start()
        with self._administering() as administrator:
            administrator.execute("CREATE ROLE kazasu LOGIN CREATEDB")

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = [
            f"-c{each}" for each in ("listen_addresses=", f"unix_socket_directories={self.folder}", *self._settings)
        ]
        command = [*_ends_with_us(), binary("postgres"), "-D", "data", *options]
        self._said = (self.folder / "said").open("ab")
        self._process = subprocess.Popen(command, cwd=self.folder, stdout=self._said, stderr=self._said, **self._as)
        began = time.monotonic()
        while True:
            try:
                self._administering().close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() - began > _PATIENCE:
                    raise RuntimeError((self.folder / "said").read_text(encoding="utf-8")) from None
                time.sleep(0.01)
            else:
                return

    def stop(self) -> None:
        """End it, and every connection with it."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(_PATIENCE)
        self._said.close()

    def url(self, database: str) -> str:
        """Return the address of a database, as the product takes it."""
        return f"postgresql+psycopg://kazasu@/{database}?host={self.folder}"

    def fresh(self, template: str = "template0", *, locale: str = "C") -> str:
        """Return the name of a new database: empty, or with what the template holds."""
        name = f"fresh_{next(_count)}"
        made = SQL("CREATE DATABASE {} OWNER kazasu TEMPLATE {} LOCALE {}")
        with self._administering() as administrator:
            administrator.execute(made.format(Identifier(name), Identifier(template), locale))
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected to it."""
        with self._administering() as administrator:
            administrator.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(database)))

    def ask(self, database: str, query: str) -> list[tuple[Any, ...]]:
        """Return what an administrator reads in a database."""
        with self._administering(database) as administrator:
            return administrator.execute(query.encode()).fetchall()

    def tell(self, statements: str, database: str = "postgres") -> None:
        """Run statements as an administrator."""
        with self._administering(database) as administrator:
            administrator.execute(statements.encode())

    def kill_backends(self, database: str) -> int:
        """End every connection to a database, as a failover does; return how many."""
        ended = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
        )
        return int(self.ask(database, f"{ended}'{database}'")[0][0])

    def _administering(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(host=str(self.folder), user="postgres", dbname=database, autocommit=True)

    def _run(self, command: str, *arguments: str) -> None:
        subprocess.run([binary(command), *arguments], cwd=self.folder, check=True, capture_output=True, **self._as)


@contextlib.contextmanager
def cluster(*settings: str, on_disk: bool = False) -> Iterator[Cluster]:
    """Run a server while the block lasts; in memory if there is room, unless what it writes has to reach a disk."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=None if on_disk else in_memory()))
    _tidy(folder.parent)
    try:
        running = Cluster(folder, *settings)
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder)


def _ends_with_us() -> list[str]:
    """Return what lets a server end when whoever started it was killed."""
    return ["setpriv", "--pdeathsig", "INT", "--"] if shutil.which("setpriv") else []


def _tidy(parent: Path) -> None:
    """Remove what such servers have left behind."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _OLD and not (folder / "data" / "postmaster.pid").exists():
                shutil.rmtree(folder, ignore_errors=True)


def in_memory() -> Path | None:
    """Return a file system in memory if it has room: hundreds of databases are made and dropped."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of our own in it
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM else None


def migrated(running: Cluster) -> str:
    """Return a new database with the newest schema."""
    name = running.fresh()
    migrate(running.url(name))
    return name


def binary(name: str) -> str:
    """Return where a command of PostgreSQL lies: Debian keeps the server's out of the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    found = shutil.which(name, path=os.pathsep.join([*map(str, debian), os.environ.get("PATH", "")]))
    if found is None:
        raise Missing(_MISSING)
    return found


def _somebody_else() -> dict[str, Any]:
    """Return how to start a command as somebody else, where we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    name = next((each.pw_name for each in pwd.getpwall() if each.pw_name == "postgres"), "nobody")
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}
