"""Compiled kernels of the optimiser: feasibility, cost, insertion and the search loop.

Everything works on flat arrays (``Data`` is the problem, ``State`` the plan being changed); times
are int64 ticks. A route is a row of stop codes: ``r`` picks up request ``r``, ``n + r`` delivers
it, ``2 n`` is the break. Positions count from 1; 0 is the start and ``length + 1`` the end.

A route is stored without its break in ``State.base``; beside it up to ``VARIANTS`` ways to place
the break, the cheapest first, are kept with their earliest and latest times, and insertions are
tried into each of them.

Run this package to compile everything: ``python -m dispatch.darp.kernel``. What Python reads of
it is named here.
"""

from dispatch.darp.kernel.columns import (
    ABOARD,
    BEST_COST,
    BEST_MISSED,
    CLASS,
    CLOSES,
    CODE,
    COMMITTED,
    DRIVE,
    DRIVER,
    FIXED,
    HELD,
    HERE,
    HUGE,
    IMPROVED,
    INF,
    LATE,
    MASK,
    NEVER,
    OPENS,
    PLACE,
    POOL,
    POOLED,
    PRIORITY,
    REQUIRED,
    REQUIRES,
    RIDE,
    SERVICE,
    STAY,
    THRESHOLD,
    TOP,
    VARIANTS,
    Data,
    State,
    Work,
)
from dispatch.darp.kernel.explanation import lift, put_back, weigh
from dispatch.darp.kernel.forcing import forced_times
from dispatch.darp.kernel.loads import load_spare, loads_fit
from dispatch.darp.kernel.loop import ADOPT, BUILD, IMPROVE, act, measure
from dispatch.darp.kernel.pricing import final_times
from dispatch.darp.kernel.quoting import find_insertions, time_insertions
from dispatch.darp.kernel.routes import set_route

__all__ = [
    "ABOARD",
    "ADOPT",
    "BEST_COST",
    "BEST_MISSED",
    "BUILD",
    "CLASS",
    "CLOSES",
    "CODE",
    "COMMITTED",
    "DRIVE",
    "DRIVER",
    "FIXED",
    "HELD",
    "HERE",
    "HUGE",
    "IMPROVE",
    "IMPROVED",
    "INF",
    "LATE",
    "MASK",
    "NEVER",
    "OPENS",
    "PLACE",
    "POOL",
    "POOLED",
    "PRIORITY",
    "REQUIRED",
    "REQUIRES",
    "RIDE",
    "SERVICE",
    "STAY",
    "THRESHOLD",
    "TOP",
    "VARIANTS",
    "Data",
    "State",
    "Work",
    "act",
    "final_times",
    "find_insertions",
    "forced_times",
    "lift",
    "load_spare",
    "loads_fit",
    "measure",
    "put_back",
    "set_route",
    "time_insertions",
    "weigh",
]
