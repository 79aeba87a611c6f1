"""Servers to put load on: Kazasu as its command starts it, a bare one, and copies with a planted defect."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from app.adapters.sql.database import reading
from bench.load import Line, connect
from bench.report import ROOT, Void

CORES: Final = sorted(os.sched_getaffinity(0))
PATIENCE: Final = 30.0
_PORTS: Final = range(20_000, 32_000)
"""Below those that the system gives to whoever connects."""
_PARTS: Final = ("app", "templates", "static", "locales")
_LINK: Final = re.compile(r"/f/(\w+)")


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect to plant in a copy of the product: what to put at a file's end, or in place of `over`."""

    file: str
    put: str
    over: str = ""


class Server:
    """A server process on a core of its own: the first, unless told otherwise."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a process needs
        self,
        command: Sequence[str],
        port: int,
        folder: Path,
        settings: Mapping[str, str],
        tree: Path,
        core: int = CORES[0],
    ) -> None:
        """Start it; what it says goes into files of the folder."""
        self.port, self.folder = port, folder
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KAZASU_")}
        environment |= {"PYTHONPATH": str(tree), **settings}
        self._said = folder / "said"
        with self._said.open("wb") as said, (folder / "log").open("ab") as log, on_core(core):
            self.began = time.perf_counter()
            self._process = subprocess.Popen(command, cwd=tree, env=environment, stdout=said, stderr=log)

    def __enter__(self) -> Self:
        """Wait until it listens."""
        while not self.is_listening():
            if self._process.poll() is not None or time.perf_counter() - self.began > PATIENCE:
                self.__exit__()
                raise Void((self.folder / "log").read_text(encoding="utf-8")[-2000:] or "the server did not start")
            time.sleep(0.002)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)

    def kill(self) -> None:
        """End it as a crash does: at once, in the middle of whatever it does."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def is_listening(self) -> bool:
        """Whether somebody answers at the port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far, of all threads that it has or had."""
        return time.clock_gettime((~self._process.pid << 3) | 2)  # the kernel's name for a process's clock

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def rss(self) -> float:
        """MiB of memory in use."""
        return self._memory("VmRSS")

    @property
    def peak_rss(self) -> float:
        """MiB of memory that were in use at the most."""
        return self._memory("VmHWM")

    def _memory(self, which: str) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        return int(re.findall(rf"{which}:\s+(\d+) kB", status)[0]) / 1024

    @property
    def entry(self) -> str:
        """The station's entry, as its QR code says."""
        found = _LINK.search(self._said.read_text(encoding="utf-8"))
        if not found:
            raise Void("the server named no station link")
        return found[0]

    async def dial(self) -> Line:
        """Return an open line."""
        return await connect(self.port)

    def ask(self, query: str) -> int:
        """Return one number from the database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/kazasu.db?mode=ro", uri=True)) as database:
            return int(database.execute(query).fetchone()[0])

    def assert_durable(self) -> dict[str, object]:
        """Return how the database under test commits; anything but WAL and FULL makes the bench void."""
        engine = reading(f"sqlite:///{self.folder}/kazasu.db")
        with (
            contextlib.closing(sqlite3.connect(self.folder / "kazasu.db")) as stranger,
            engine.connect() as ours,
        ):
            journal = stranger.execute("PRAGMA journal_mode").fetchone()[0]
            synchronous = ours.exec_driver_sql("PRAGMA synchronous").scalar()
        engine.dispose()
        if (journal, synchronous) != ("wal", 2):
            raise Void(f"journal_mode {journal}, synchronous {synchronous}")
        return {"journal_mode": journal, "synchronous": synchronous}


def kazasu(folder: Path, *, tree: Path = ROOT, port: int = 0, core: int = CORES[0], **settings: str) -> Server:
    """Return Kazasu as production starts it, but with limits that one address can live with.

    What it leaves for a while lies in its folder, too.
    """
    port, spare = port or free_port(), folder / "tmp"
    spare.mkdir(exist_ok=True)
    given = {
        "KAZASU_DATA": str(folder),
        **dict.fromkeys(("TMPDIR", "SQLITE_TMPDIR"), str(spare)),
        "PYTHONDONTWRITEBYTECODE": "",  # compiled once, as in production, whatever is set around the bench
        "KAZASU_STARTS_PER_MINUTE": "1000000",
        "KAZASU_POSTS_PER_MINUTE": "10000000",
        **{f"KAZASU_{name.upper()}": value for name, value in settings.items()},
    }
    return Server([sys.executable, "-m", "app.cli", "serve", "--port", str(port)], port, folder, given, tree, core)


def bare(folder: Path, content: bytes) -> Server:
    """Return a server that answers every request with the same bytes, and does nothing else."""
    port, file = free_port(), folder / "content"
    file.write_bytes(content)
    return Server([sys.executable, "-m", "bench.load_bare", str(port), str(file)], port, folder, {}, ROOT)


def peer(folder: Path) -> Server:
    """Return the same page by an ordinary FastAPI application."""
    port = free_port()
    return Server([sys.executable, "-m", "bench.load_peer", str(port), str(folder)], port, folder, {}, ROOT)


def planted(folder: Path, *defects: Defect) -> Path:
    """Return a copy of the product with defects in it."""
    tree = folder / "tree"
    for part in _PARTS:
        if (ROOT / part).exists():
            shutil.copytree(ROOT / part, tree / part, dirs_exist_ok=True)
    for defect in defects:
        file = tree / defect.file
        text = file.read_text(encoding="utf-8")
        if defect.over not in text:
            raise Void(f"{defect.file} has no place for the planted defect")
        changed = text.replace(defect.over, defect.put, 1) if defect.over else f"{text}\n{defect.put}\n"
        file.write_text(changed, encoding="utf-8")
    return tree


def free_port() -> int:
    """Return a port of this machine that nobody listens on, and that is given to nobody while a server is down."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run on one core, and start children there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def others() -> Iterator[dict[str, float]]:
    """Yield figures that say, once the block is left, how many cores were busy with something else."""
    said: dict[str, float] = {}
    before, began = _strangers(), time.perf_counter()
    yield said
    said["cores_busy_with_others"] = round((_strangers() - before) / (time.perf_counter() - began), 2)


def _strangers() -> float:
    """Return the seconds of processor time that went to neither us nor to children that have ended."""
    user, nice, system, _, _, irq, soft, steal, *_ = Path("/proc/stat").read_text("ascii").split()[1:]
    everybody = sum(map(int, (user, nice, system, irq, soft, steal))) / os.sysconf("SC_CLK_TCK")
    return everybody - sum(os.times()[:4])


@contextlib.contextmanager
def aside() -> Iterator[Path]:
    """Run on the last core, away from the servers; yield a folder that goes with its content."""
    with on_core(CORES[-1]), tempfile.TemporaryDirectory(prefix="kazasu-bench-") as folder:
        yield Path(folder)


def subfolder(folder: Path, name: str) -> Path:
    """Return a new folder for one server."""
    made = folder / name
    made.mkdir()
    return made
