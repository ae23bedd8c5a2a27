"""Run uncompiled kernels over arrays that notice negative indices: ``python -m`` this module.

Compiled, an index is taken as it is (see ``dispatch/darp/kernel/compiling.py``): a negative one
would reach memory in front of the array. What Python calls is wrapped here so that the kernels get
every array as one that notes who asks it for something before its begin. Prints which kernels ran
and where that happened, as JSON.
"""

import json
import sys
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numba import config

from dispatch.darp import kernel
from dispatch.darp.committed import relax
from dispatch.darp.explain import explain
from dispatch.darp.insertion import Weigher
from dispatch.darp.plan import ordered
from dispatch.darp.problem import Break, Driver, TimeWindow, Weights
from dispatch.darp.quote import quote
from dispatch.darp.schedule import evaluate
from dispatch.darp.search import Parameters, solve
from tests.darp.building import problem_of, ride, van
from tests.darp.strategies import problems

# Every removal as often as the others, and every way of insertion.
EVENLY = Parameters(removals=(1 / 6,) * 6, blink=0.1, regret_share=0.5)
PRICED = Weights(
    driving_tick=1.0, working_tick=4.0, waiting_aboard_tick=0.5, moved_promise=7.0,
    split_pair=5.0, fairness=0.25, late_tick=5.0,
)  # fmt: skip
negative: set[str] = set()
ran: set[str] = set()


class Watched(np.ndarray):
    """An array whose rows are such arrays too, and that notes where its index is negative."""

    def __getitem__(self, index):
        _note(index)
        return super().__getitem__(index)

    def __setitem__(self, index, value):
        _note(index)
        super().__setitem__(index, value)


def _note(index):
    for number in index if type(index) is tuple else (index,):
        if type(number) is not slice and number < 0:
            asking = sys._getframe(2)
            module = asking.f_globals["__name__"].rpartition(".")[2]
            negative.add(f"{module}.py:{asking.f_lineno}")


def _watched(value):
    if isinstance(value, np.ndarray):
        return value.view(Watched)
    if isinstance(value, tuple):
        return type(value)(*(array.view(Watched) for array in value))
    return value


def _watch(name, function):
    def asked(*args):
        ran.add(name)
        return function(*map(_watched, args))

    setattr(kernel, name, asked)


def day(seed, weights):
    """More than three shifts can serve, with every rule there is, and work under way."""
    chance = np.random.default_rng(seed)
    clients = []
    for r in range(14):
        opens = int(chance.integers(0, 300))
        there, back = chance.choice(8, 2, replace=False).tolist()
        clients.append(
            ride(
                there,
                back,
                pickup_window=TimeWindow(opens, opens + 60),
                delivery_window=TimeWindow(opens, opens + 150),
                load=((1, 0), (0, 1))[r % 5 == 0],
                pickup_service=2,
                delivery_service=1,
                max_ride=(None, 60)[r % 2],
                priority=r % 3,
                requires={4: 5, 6: 7, 7: 6}.get(r),
                promise=TimeWindow(opens + 10, opens + 20) if r % 4 == 0 else None,
                pickup_due=opens + 5 if r % 3 == 0 else None,
                delivery_due=opens + 40 if r % 3 == 1 else None,
            )
        )
    clients[0] = replace(clients[0], aboard=True, max_ride=None, delivery_window=TimeWindow(0, 600))
    clients[1] = replace(clients[1], pickup_window=TimeWindow(0, 600), max_ride=None)
    clients[1] = replace(clients[1], delivery_window=TimeWindow(0, 600))
    shift = van(
        layouts=((2, 1), (4, 0)),
        window=TimeWindow(0, 500),
        break_=Break(TimeWindow(150, 300), 30),
        max_duration=400,
        max_wait_aboard=15,
        fixed_cost=5.0,
    )
    begun = replace(shift, committed=(-1, 2, -2), fixed=1, aboard_layout=0, started=-10)
    share = chance.random((14, 14)) < 0.9
    return problem_of(
        clients,
        [begun, replace(shift, driver=1), replace(shift, driver=2, break_=None)],
        drivers=(Driver(6, 10, 100), Driver(5, 40, 100), Driver(None, 0, 100)),
        may_share=share & share.T,
        pairs=((2, 3), (8, 9)),
        weights=weights,
    )


def ask(problem, iterations, seed):
    """Solve, go on from a plan, and ask everything that can be asked about it."""
    plan = solve(problem, iterations=iterations, seed=seed, parameters=EVENLY).plan
    solve(problem, initial=plan, iterations=2, seed=seed, parameters=EVENLY)
    loaded = Weigher(problem, plan)
    kernel.measure(loaded.data, loaded.state, loaded.work)
    for request in range(min(3, len(problem.requests))):
        quote(problem, plan, request)
        explain(problem, plan, request)
    routes = [route.signed() for route in plan.routes]
    evaluate(problem, routes)
    evaluate(problem, [route[::-1] for route in routes])
    # Routes that no longer stand are taken over request by request.
    solve(problem, initial=ordered([route[::-1] for route in routes]), iterations=0, seed=seed)


@given(problem=problems(max_requests=4), seed=st.integers(0, 9))
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def tiny(problem, seed):
    ask(relax(problem), 10, seed)


def main():
    if not config.DISABLE_JIT:
        sys.exit("only uncompiled kernels can be watched: set NUMBA_DISABLE_JIT=1")
    names = [name for name in kernel.__all__ if callable(getattr(kernel, name))]
    names = [name for name in names if not isinstance(getattr(kernel, name), type)]
    for name in names:
        _watch(name, getattr(kernel, name))
    ask(day(1, PRICED), 15, 1)
    ask(day(2, Weights(driving_tick=1.0)), 15, 2)
    tiny()
    found = {"idle": sorted(set(names) - ran), "negative": sorted(negative)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
