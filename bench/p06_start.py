"""P6: from starting the process to its first answer. The quickest start is judged: a neighbour only adds."""

from __future__ import annotations

import time
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

from bench.load import Answer, connect, get, run_to_end, spread
from bench.load_server import Defect, Server, aside, bare, kazasu, others, planted, subfolder
from bench.report import Control, Finding, Profile

FLOOR: Final = 2.0
TARGET: Final = 1.2
STARTS: Final = {Profile.CI: 5, Profile.BENCH: 15, Profile.SOAK: 41}
WAITS: Final = Defect("app/main.py", "import time\n\ntime.sleep(2)")


class Start(NamedTuple):
    """One start: seconds from the spawn to the first answer, on the clock and of the processor."""

    seconds: float
    cpu: float
    is_right: bool


def run(profile: Profile, _: int) -> Finding:
    """Start product and bare server in turn, then the product with a defect."""
    with aside() as folder:
        own, other = subfolder(folder, "product"), subfolder(folder, "bare")
        with others() as load:
            first = _start(kazasu(own))
            pairs = [(_start(kazasu(own)), _start(bare(other, b"-" * 8000))) for _ in range(STARTS[profile])]
        slow = _with_defect(folder).seconds
    seconds = [ours.seconds for ours, _ in pairs]
    return Finding(
        n=len(pairs) + 1,
        failures=sum(not start.is_right for start in (first, *(ours for ours, _ in pairs))),
        figures={
            "floor_s": FLOOR,
            "target_s": TARGET,
            "start_s": spread(seconds),
            "start_cpu_s": spread(ours.cpu for ours, _ in pairs),
            "bare_s": spread(plain.seconds for _, plain in pairs),
            "cpu_over_bare": spread(ours.cpu / plain.cpu for ours, plain in pairs),
            "first_ever_s": round(first.seconds, 2),
            "with_defect_s": round(slow, 2),
            "cores_busy_with_others": load["cores_busy_with_others"],
        },
        control=Control("two seconds of waiting at the start", caught=slow > FLOOR),
        passed=min(seconds) <= FLOOR,
        cores_busy_with_others=load["cores_busy_with_others"],
    )


def _start(server: Server) -> Start:
    """Start a server, ask it once, and stop it."""
    with server:
        answer = run_to_end(_first(server))
        return Start(time.perf_counter() - server.began, server.cpu, answer.status == HTTPStatus.OK)


async def _first(server: Server) -> Answer:
    line = await connect(server.port)
    answer = await line.ask(get(server.port, "/"))
    line.close()
    return answer


def _with_defect(folder: Path) -> Start:
    own = subfolder(folder, "defect")
    return _start(kazasu(own, tree=planted(own, WAITS)))
