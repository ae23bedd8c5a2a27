"""What a whole plan costs beside its routes, and whether it is one."""

from dispatch.darp.kernel.columns import COMMITTED, DRIVER, FAIRNESS, PAIRS, REQUIRES
from dispatch.darp.kernel.compiling import inner, tight


@inner
def sound(d, s):
    """Whether nobody is served without whom they require (committed work aside)."""
    for r in range(s.vehicle_of.shape[0]):
        q = d.request[r, REQUIRES]
        if q >= 0 and s.vehicle_of[r] >= 0 and s.vehicle_of[q] < 0 and d.request[r, COMMITTED] < 0:
            return False
    return True


@tight
def split_cost(d, s, r, v):
    """What serving ``r`` with ``v`` adds for pairs that want one driver."""
    cost = 0.0
    if d.weight[PAIRS] == 0.0:
        return cost
    for h in range(d.pair_start[r], d.pair_start[r + 1]):
        other = s.vehicle_of[d.pair_other[h]]
        if other >= 0 and d.vehicle[other, DRIVER] != d.vehicle[v, DRIVER]:
            cost += d.weight[PAIRS]
    return cost


@inner
def fairness(d, s):
    """The fairness term; the price of one more tick for each driver goes to ``s.marginal``."""
    weight = d.weight[FAIRNESS]
    if weight == 0.0:
        return 0.0
    drivers = d.driver_duty.shape[0]
    loads = s.driver_ticks
    for i in range(drivers):
        loads[i] = 0.0
    for v in range(s.size.shape[0]):
        if s.size[v] > 0:
            loads[d.vehicle[v, DRIVER]] += s.duration[v]
    counted = 0
    mean = 0.0
    for i in range(drivers):
        if d.driver_duty[i] > 0:
            loads[i] = (loads[i] + d.driver_past[i]) / d.driver_duty[i]
            mean += loads[i]
            counted += 1
    if counted == 0:
        return 0.0
    mean /= counted
    term = 0.0
    above = 0.0
    for i in range(drivers):
        if d.driver_duty[i] > 0 and loads[i] > mean:
            term += (loads[i] - mean) * d.driver_duty[i]
            above += d.driver_duty[i]
    for i in range(drivers):
        if d.driver_duty[i] > 0:
            s.marginal[i] = -weight * above / (counted * d.driver_duty[i])
            if loads[i] > mean:
                s.marginal[i] += weight
    return weight * term


@inner
def total(d, s):
    """The cost of the plan, fairness prices refreshed."""
    cost = fairness(d, s)
    for v in range(s.size.shape[0]):
        cost += s.cost[v]
    if d.weight[PAIRS] > 0.0:
        split = 0.0
        for r in range(s.vehicle_of.shape[0]):
            if s.vehicle_of[r] >= 0:
                split += split_cost(d, s, r, s.vehicle_of[r])
        cost += split / 2
    return cost
