"""What a load run found: waiting times, errors, and what gave way first."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PERCENTILES = (50, 95, 99)
LIST = "list: "
LISTS_P95_MS = 150
BUSY = 0.9
COLUMNS = f"{'request':<32} {'n':>6} {'p50':>6} {'p95':>6} {'p99':>6} {'req/s':>6} {'errors':>6}"

Found = dict[str, Any]


def percentile_ms(times: Mapping[int, int], percent: float) -> int | None:
    """Give what so many percent of requests do not exceed; `times` counts them by milliseconds."""
    left = percent / 100 * sum(times.values())
    for ms in sorted(times):
        left -= times[ms]
        if left <= 1e-9:
            return ms
    return None


def requests_of(entries: Iterable[Mapping[str, Any]], seconds: float) -> list[Found]:
    """Sum up each kind of request; its GET and POST are one."""
    merged: dict[str, tuple[Counter[int], int]] = {}
    for entry in entries:
        times, errors = merged.get(entry["name"], (Counter(), 0))
        times.update({int(ms): n for ms, n in entry["response_times"].items()})
        merged[entry["name"]] = times, errors + entry["num_failures"]
    rows = [_line(name, *found, seconds) for name, found in sorted(merged.items())]
    lists = [found for name, found in merged.items() if name.startswith(LIST)]
    for title, chosen in (("lists together", lists), ("all together", list(merged.values()))):
        times = sum((times for times, _ in chosen), Counter[int]())
        rows.append(_line(title, times, sum(errors for _, errors in chosen), seconds))
    return rows


def _line(name: str, times: Counter[int], errors: int, seconds: float) -> Found:
    return {
        "name": name,
        "requests": times.total(),
        **{f"p{percent}_ms": percentile_ms(times, percent) for percent in PERCENTILES},
        "per_s": round(times.total() / seconds, 2),
        "errors": errors,
        "error_rate": round(errors / times.total(), 4) if times.total() else 0.0,
    }


def saturated(cpu: Mapping[str, float | None], pool: Found) -> str:
    """Say what gave way first. The rule, in this order:

    locust, if it took nearly a core: then it measured itself; the pool, if all of it was in use
    and a request waited; the processors, if nine tenths of them were busy, with who took most;
    the web server's threads, if requests waited for one in a tenth of the samples; else nothing.
    """
    known = {name: share for name, share in cpu.items() if share is not None}
    total = sum(known.values())
    if known.get("locust_core", 0.0) >= BUSY:
        return "locust itself: the figures are its own"
    known.pop("locust_core", None)
    if pool["queued"] and pool["used"] == pool["most"]:
        return f"the pool: {pool['queued']} requests waited for a connection"
    total = sum(known.values())
    if total >= BUSY:
        most = max(known, key=lambda name: known[name])
        return f"the processors: {total:.0%} busy, {most} most"
    if pool["threads_share"] > 1 - BUSY:
        return f"the web server's threads: none free in {pool['threads_share']:.0%} of the time"
    return f"nothing: the processors were {total:.0%} busy" if known else "nothing that shows"


def pool_of(workers: Sequence[Mapping[str, int]]) -> Found:
    """Sum up what the web processes saw of their pools and threads."""
    if not workers:
        return {"used": 0, "most": 0, "waiting": 0, "queued": 0, "threads_share": 0.0}
    samples = sum(worker["samples"] for worker in workers)
    return {
        "used": max(worker["used"] for worker in workers),
        "most": workers[0]["most"],
        "waiting": max(worker["waiting"] for worker in workers),
        "queued": sum(worker["requests_queued"] for worker in workers),
        "wait_ms": sum(worker["requests_wait_ms"] for worker in workers),
        "threads_share": round(sum(w["samples_waiting"] for w in workers) / max(samples, 1), 3),
    }


def targets(found: Found) -> list[tuple[str, bool]]:
    """Say which targets were held."""
    rows = {row["name"]: row for row in found["requests"]}
    lists, everything, pool = rows["lists together"], rows["all together"], found["pool"]
    p95 = lists["p95_ms"]
    return [
        (f"lists p95 below {LISTS_P95_MS} ms: {p95} ms", p95 is not None and p95 < LISTS_P95_MS),
        (f"no errors: {everything['errors']}", not everything["errors"]),
        (f"pool below its maximum: {pool['used']} of {pool['most']}", pool["used"] < pool["most"]),
    ]


def text(found: Found) -> str:
    lines = [found["conditions"], "", COLUMNS]
    for row in found["requests"]:
        cells = [row["requests"], *(row[f"p{p}_ms"] for p in PERCENTILES), row["per_s"]]
        lines.append(f"{row['name']:<32} {_cells(cells)} {row['error_rate']:>6.1%}")
    pool, cpu = found["pool"], found["cpu"]
    shares = [f"{name} {_share(share)}" for name, share in cpu.items() if name != "locust_core"]
    used = f"{pool['used']} of {pool['most']} connections used in a process at most"
    lines += [
        "",
        f"Pool: {used}, {pool['waiting']} waiting at most, {pool['queued']} waited at all.",
        f"Processors ({found['cores']} cores): {', '.join(shares)}.",
        f"Gave way first: {found['saturated']}.",
        *(f"{'held    ' if held else 'NOT HELD'}  {what}" for what, held in targets(found)),
    ]
    lines += [f"{e['occurrences']} x {e['name']}: {e['error']}" for e in found["errors"]]
    return "\n".join(lines)


def _cells(values: Iterable[float | None]) -> str:
    return " ".join(f"{'-' if value is None else value:>6}" for value in values)


def _share(share: float | None) -> str:
    return "elsewhere" if share is None else f"{share:.0%}"
