"""A figure of the search on one instance: cost over time for each seed, and the best plan's routes.

Plain SVG, written by hand: it needs no drawing library and is the same wherever it is made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10
from pathlib import Path
from xml.sax.saxutils import escape

from atmr.errors import DomainError
from benchmarks.darp import exact
from benchmarks.darp.finding import Case
from benchmarks.darp.solving import OURS, Outcome

WIDTH, HEIGHT = 1080, 500
# left, top, right, bottom of the two panels
COST = (84.0, 64.0, 560.0, 432.0)
MAP = (636.0, 64.0, 1052.0, 432.0)
COLOURS = (
    "#1f6fb4", "#d1495b", "#2e8b57", "#8a5fbf", "#c77d0a", "#0f8b8d", "#a23b72", "#5b6c7d",
    "#7a9e1e", "#b5523b", "#3d5a98", "#96742a", "#4b8f8c", "#c0559a",
)  # fmt: skip
GREY, INK = "#8b949e", "#24292f"

Point = tuple[float, float]


class OneInstance(DomainError):
    message = "--trace draws one instance of the plane: name one of the first three families."


class NoFolderForIt(DomainError):
    message = "There is no folder for “%(file)s”."


class NothingToDraw(DomainError):
    message = "No run served everybody: there is no plan to draw."


def require_one(file: Path, cases: Sequence[Case]) -> None:
    """Refuse before anything has run what could not be drawn.

    :raises NoFolderForIt: the file could not be written.
    :raises OneInstance: there is not exactly one instance, or its places have no coordinates.
    """
    if not file.absolute().parent.is_dir():
        raise NoFolderForIt(file=file)
    if len(cases) != 1 or exact.read_facts(cases[0].path).matrix:
        raise OneInstance


def write_figure(file: Path, instance: Path, outcomes: Sequence[Outcome]) -> None:
    """Draw our complete runs with the largest budget.

    :raises NothingToDraw: there is none.
    """
    ours = [outcome for outcome in outcomes if outcome.solver == OURS and outcome.complete]
    if not ours:
        raise NothingToDraw
    budget = max(outcome.budget_s for outcome in ours)
    drawn = [outcome for outcome in ours if outcome.budget_s == budget]
    best = min(drawn, key=lambda outcome: outcome.cost)
    facts = exact.read_facts(instance)
    parts = [*_frame(best, len(drawn)), *_costs(drawn), *_routes(facts, best)]
    style = 'font-family="system-ui, sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {style}>'
    file.write_text("\n".join([head, *parts, "</svg>\n"]), encoding="utf-8")


def _frame(best: Outcome, seeds: int) -> Iterator[str]:
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    many = "seeds" if seeds > 1 else "seed"
    yield _text(COST[0], 34, f"{best.instance}: cost of the best plan so far, {seeds} {many}", 16)
    yield _text(MAP[0], 34, f"Its best plan: {best.cost:.2f} in {_used(best)} routes", 16)


def _used(outcome: Outcome) -> int:
    return sum(bool(route) for route in outcome.routes)


def _text(
    x: float, y: float, words: str, size: int = 13, *, more: str = "", fill: str = INK
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}"'
    return f"<text {place} {more}>{escape(words)}</text>"


def _line(points: Sequence[Point], colour: str, width: float, more: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"'
        f' stroke-linejoin="round" {more}/>'
    )


@dataclass(frozen=True)
class Scale:
    """Seconds on a logarithmic axis, cost on a linear one, in the box of the left panel."""

    decade: int
    decades: float
    lowest: float
    height: float

    @classmethod
    def of(cls, traces: Sequence[Sequence[Point]], budget: float, known: float | None) -> "Scale":
        last = min(trace[-1][1] for trace in traces)
        lowest, highest = min(last, known or last), max(trace[0][1] for trace in traces)
        decade = floor(log10(min(trace[0][0] for trace in traces)))
        margin = 0.06 * max(highest - lowest, 0.01 * lowest)
        return cls(
            decade, max(log10(budget) - decade, 0.5), lowest - margin, highest - lowest + 2 * margin
        )

    def at(self, seconds: float, cost: float) -> Point:
        x = (log10(seconds) - self.decade) / self.decades
        y = (cost - self.lowest) / self.height
        return COST[0] + x * (COST[2] - COST[0]), COST[3] - y * (COST[3] - COST[1])


def _costs(drawn: Sequence[Outcome]) -> Iterator[str]:
    traces = [
        [(max(seconds, 1e-4), cost) for seconds, missed, cost in outcome.trace if missed == 0]
        for outcome in drawn
    ]
    budget = max(drawn[0].budget_s, *(trace[-1][0] for trace in traces))
    known = drawn[0].best_known
    scale = Scale.of(traces, budget, known)
    yield from _axes(scale, budget)
    if known is not None:
        x, y = scale.at(budget, known)
        yield _line([(COST[0], y), (x, y)], INK, 1.2, 'stroke-dasharray="6 4"')
        yield _text(COST[0] + 6, y - 6, f"best known {known:.2f}", 12)
    for k, (outcome, trace) in enumerate(zip(drawn, traces, strict=True)):
        colour = COLOURS[k % len(COLOURS)]
        yield _line(_steps(scale, trace, budget), colour, 1.8)
        words = f"seed {outcome.seed}: {outcome.cost:.2f}"
        yield _text(
            COST[2] - 8, COST[1] + 18 + 17 * k, words, 12, more='text-anchor="end"', fill=colour
        )


def _steps(scale: Scale, trace: Sequence[Point], budget: float) -> list[Point]:
    """A cost holds until the next better plan."""
    points = [scale.at(*trace[0])]
    for (_, before), (seconds, cost) in pairwise(trace):
        points += [scale.at(seconds, before), scale.at(seconds, cost)]
    return [*points, scale.at(budget, trace[-1][1])]


def _axes(scale: Scale, budget: float) -> Iterator[str]:
    left, top, right, bottom = COST
    for decade in range(scale.decade, floor(log10(budget)) + 1):
        x, _ = scale.at(10.0**decade, scale.lowest)
        yield _line([(x, top), (x, bottom)], "#e4e7eb", 1)
        words = f"{10.0**decade:g} s" if decade >= 0 else f"{10.0 ** (decade + 3):g} ms"
        yield _text(x, bottom + 20, words, 12, more='text-anchor="middle"', fill=GREY)
    step = _round_step(scale.height / 5)
    cost = ceil(scale.lowest / step) * step
    while cost <= scale.lowest + scale.height:
        _, y = scale.at(1.0, cost)
        yield _line([(left, y), (right, y)], "#e4e7eb", 1)
        yield _text(left - 8, y + 4, f"{cost:g}", 12, more='text-anchor="end"', fill=GREY)
        cost += step
    yield _line([(left, top), (left, bottom), (right, bottom)], GREY, 1)
    words = "seconds of search, logarithmic"
    yield _text((left + right) / 2, bottom + 44, words, 13, more='text-anchor="middle"')
    middle = (top + bottom) / 2
    turned = f'text-anchor="middle" transform="rotate(-90 24 {middle})"'
    yield _text(24, middle, "driving, in units of the instance", 13, more=turned)


def _round_step(wanted: float) -> float:
    """1, 2 or 5 times a power of ten, at least as large."""
    power: float = 10.0 ** floor(log10(wanted))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= wanted)


def _routes(facts: exact.Facts, best: Outcome) -> Iterator[str]:
    """The plane, each route in a colour; filled where somebody boards, open where one leaves."""
    depots = {shift.start for shifts in facts.vehicles for shift in shifts}
    places = [node.place for node in (*facts.pickups, *facts.deliveries)] + sorted(depots)
    (x0, x1), (y0, y1) = ((min(axis), max(axis)) for axis in zip(*places, strict=True))
    left, top, right, bottom = MAP
    zoom = min((right - left) / max(x1 - x0, 1e-9), (bottom - top) / max(y1 - y0, 1e-9))

    def at(place: Point) -> Point:
        middle = (left + right) / 2, (top + bottom) / 2
        return (
            middle[0] + (place[0] - (x0 + x1) / 2) * zoom,
            middle[1] - (place[1] - (y0 + y1) / 2) * zoom,
        )

    dots = []
    for v, route in enumerate(best.routes):
        if not route:
            continue
        shift, colour = facts.vehicles[v][0], COLOURS[v % len(COLOURS)]
        stops = [(s, facts.pickups[s - 1] if s > 0 else facts.deliveries[-s - 1]) for s in route]
        way = [at(place) for place in (shift.start, *(node.place for _, node in stops), shift.end)]
        yield _line(way, colour, 1.6, 'opacity="0.8"')
        for signed, node in stops:
            x, y = at(node.place)
            fill = colour if signed > 0 else "#ffffff"
            dots.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{fill}" stroke="{colour}"'
                ' stroke-width="1.4"/>'
            )
    yield from dots
    for depot in sorted(depots):
        x, y = at(depot)
        yield f'<rect x="{x - 6:.1f}" y="{y - 6:.1f}" width="12" height="12" fill="{INK}"/>'
    words = "■ depot  ·  ● pickup  ·  ○ delivery  ·  one colour for each vehicle"
    yield _text((left + right) / 2, bottom + 44, words, 12, more='text-anchor="middle"')
