"""Paired rounds: product and bare server in turn, the order reversed each other time, one ratio a round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from bench.load import Sent, get, percentile, send_all, spread
from bench.load_server import Server
from bench.load_visit import Phone
from bench.report import Profile

LINES: Final = 8
ROUNDS: Final = {Profile.CI: 3, Profile.BENCH: 9, Profile.SOAK: 21}
TRIES: Final = 5

Scripts: TypeAlias = Sequence[Iterable[bytes]]


class Kind(NamedTuple):
    """One kind of request: where it goes, how those of a round are made, how many, and the right status."""

    server: Server
    scripts: Callable[[int], Scripts]
    each: int
    status: int = 200


class Cost(NamedTuple):
    """What a number of requests cost a server."""

    cpu: float
    """Seconds of processor time for each answer."""
    sent: Sent

    @property
    def busy(self) -> float:
        """How much of its core the server used: near 1, the server was the limit, not the generator."""
        return self.cpu * len(self.sent.answers) / self.sent.seconds


Kinds: TypeAlias = Mapping[str, Kind]
Rounds: TypeAlias = Mapping[str, list[Cost]]


async def cost(kind: Kind, each: int) -> Cost:
    """Send one round of a kind; return what it cost."""
    scripts = kind.scripts(each)
    before = kind.server.cpu
    sent = await send_all(kind.server.port, scripts)
    return Cost((kind.server.cpu - before) / len(sent.answers), sent)


async def rounds(kinds: Kinds, count: int) -> Rounds:
    """Return the costs of each kind, round by round, after a short one to warm up."""
    for kind in kinds.values():
        await cost(kind, kind.each // 5)
    found: dict[str, list[Cost]] = {name: [] for name in kinds}
    for turn in range(count):
        for name in list(kinds)[:: -1 if turn % 2 else 1]:
            found[name].append(await cost(kinds[name], kinds[name].each))
    return found


async def quiet_rounds(kinds: Kinds, count: int, name: str, floor: float) -> Rounds:
    """Return rounds, and up to `TRIES` times as many while the cheapest of a kind is over the floor.

    What else runs on the machine takes cache and clock, which only adds to a cost: the cheapest round is the product's.
    """
    found = await rounds(kinds, count)
    for _ in range(TRIES - 1):
        if min(ratios(found, name)) <= floor:
            break
        for kind, costs in (await rounds(kinds, count)).items():
            found[kind].extend(costs)
    return found


def ratios(found: Rounds, name: str) -> list[float]:
    """Return processor time of a kind over that of the bare answer, for each round."""
    return [one.cpu / other.cpu for one, other in zip(found[name], found["bare"], strict=True)]


def middle(values: Sequence[float]) -> float:
    """Return the value in the middle."""
    return sorted(values)[len(values) // 2]


def answered(found: Rounds) -> int:
    """Return how many answers came."""
    return sum(len(each.sent.answers) for costs in found.values() for each in costs)


def unlike(found: Rounds, kinds: Kinds) -> int:
    """Return how many answers have another status than is right."""
    return sum(each.sent.unlike(kinds[name].status) for name, costs in found.items() for each in costs)


def figures(found: Rounds) -> dict[str, object]:
    """Return what each kind cost: smallest, middle and largest of the rounds."""
    return {name: _figures(found, name) for name in found}


def _figures(found: Rounds, name: str) -> dict[str, object]:
    costs = found[name]
    times = [time * 1e3 for each in costs for time in each.sent.times]
    return {
        "n": len(times),
        "cpu_us": spread((each.cpu * 1e6 for each in costs), 1),
        "cpu_over_bare": spread(ratios(found, name)),
        "busy": spread(each.busy for each in costs),
        "ms_at_saturation": {"p50": round(middle(times), 2), "p99": round(percentile(times, 0.99), 2)},
    }


async def phones(server: Server, reference: str = "") -> list[Phone]:
    """Return phones that stand at the page of choices, each in a visit of its own."""
    found = [Phone(server) for _ in range(LINES)]
    for phone in found:
        await phone.reach_consent(reference)
        phone.close()
    return found


def bare_kind(server: Server, each: int) -> Kind:
    """Return the kind that everything is compared with."""
    return Kind(server, lambda many: [[get(server.port, "/")] * many for _ in range(LINES)], each)
