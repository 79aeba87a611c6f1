"""Paired rounds: product and bare server in turn, in reversed order each other round, a ratio for each round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from bench.load import Sent, get, percentile, send_all, spread
from bench.load_server import Server
from bench.load_visit import Phone
from bench.report import Profile

LINES: Final = 8
ROUNDS: Final = {Profile.CI: 3, Profile.BENCH: 9, Profile.SOAK: 21}

Scripts: TypeAlias = Sequence[Iterable[bytes]]


class Cost(NamedTuple):
    """What a number of requests cost a server."""

    cpu: float
    """Seconds of processor time for each answer."""
    sent: Sent

    @property
    def busy(self) -> float:
        """How much of its core the server used: near 1, the server was the limit, not the generator."""
        return self.cpu * len(self.sent.answers) / self.sent.seconds


class Kind(NamedTuple):
    """One kind of request: where it goes, how a round's requests are made, and the status that is right."""

    server: Server
    scripts: Callable[[], Scripts]
    status: int


Rounds: TypeAlias = Mapping[str, list[Cost]]


async def cost(kind: Kind) -> Cost:
    """Send one round of a kind; return what it cost."""
    scripts = kind.scripts()
    before = kind.server.cpu
    sent = await send_all(kind.server.port, scripts)
    return Cost((kind.server.cpu - before) / len(sent.answers), sent)


async def rounds(kinds: Mapping[str, Kind], count: int) -> Rounds:
    """Return the costs of each kind, round by round, after a round to warm up."""
    for kind in kinds.values():
        await cost(kind)
    found: dict[str, list[Cost]] = {name: [] for name in kinds}
    for turn in range(count):
        for name in list(kinds)[:: -1 if turn % 2 else 1]:
            found[name].append(await cost(kinds[name]))
    return found


def ratios(found: Rounds, name: str, to: str = "bare") -> list[float]:
    """Return processor time of a kind over that of the bare answer, for each round."""
    return [one.cpu / other.cpu for one, other in zip(found[name], found[to], strict=True)]


def unlike(found: Rounds, kinds: Mapping[str, Kind]) -> int:
    """Return how many answers have another status than is right."""
    return sum(each.sent.unlike(kinds[name].status) for name, costs in found.items() for each in costs)


def figures(found: Rounds) -> dict[str, object]:
    """Return what each kind cost: smallest, middle and largest of the rounds."""
    said: dict[str, object] = {}
    for name, costs in found.items():
        times = [time for each in costs for time in each.sent.times]
        said[name] = {
            "n": len(times),
            "cpu_us": spread((each.cpu * 1e6 for each in costs), 1),
            "cpu_over_bare": spread(ratios(found, name)),
            "busy": spread(each.busy for each in costs),
            "ms_at_saturation": {"p50": _ms(times, 0.5), "p99": _ms(times, 0.99)},
        }
    return said


def _ms(times: Sequence[float], share: float) -> float:
    return round(percentile(times, share) * 1e3, 2)


async def phones(server: Server) -> list[Phone]:
    """Return phones that stand at the page of choices, each in a visit of its own."""
    found = [Phone(server) for _ in range(LINES)]
    for phone in found:
        await phone.reach_consent()
        phone.close()
    return found


def bare_kind(server: Server, each: int) -> Kind:
    """Return the kind that everything is compared with."""
    return Kind(server, lambda: [[get(server.port, "/")] * each for _ in range(LINES)], 200)
