"""A time that a person chose, within what the rules allow."""

from dataclasses import replace

from dispatch.darp.problem import Problem, Rule, TimeWindow


def pinned(problem: Problem, number: int, tick: int) -> Problem:
    """Bind one request's pickup to a tick; outside its window no vehicle may take it."""
    request = problem.requests[number]
    forbidden = problem.forbidden
    if request.pickup_window.earliest <= tick <= request.pickup_window.latest:
        request = replace(request, pickup_window=TimeWindow(tick, tick))
    else:
        forbidden = forbidden.copy()
        forbidden[number] = Rule.PICKUP_WINDOW
    requests = (*problem.requests[:number], request, *problem.requests[number + 1 :])
    return replace(problem, requests=requests, forbidden=forbidden)
