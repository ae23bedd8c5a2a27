"""The row-at-a-time way: what a competent first version of planning a day would do in this ORM.

It is what `bench_dispatch` measures ours against, and nothing in the product imports it. What
it is, and is not:

- It reads relation by relation, the way templates and loops lead one to: a list of bookings, then
  for each of them its assignment, client, places, likings, outbound. It writes row by row: `save()`
  by `save()`, `create()` by `create()`, the metrics per driver and per ride, a notice a query.
- It is correct. It takes the same locks, asks the same questions of a ride under these locks
  (has its booking changed, has the driver a shift, another ride at this time), keeps one
  transaction for applying, and leaves in the database exactly what ours leaves; every
  repeat of the benchmark compares the two and reports nothing if they differ.
- It is not padded: no query whose answer is not used, no transaction a row. Its questions are
  those of a function that assigns one ride, asked ride by ride: also of the driver whom the ride
  before was given to, because such a function does not know of the ride before. Its metrics are
  a function of their own, which asks each driver for the rides and each ride for its places.
- The work outside the database is the same code in both: building the problem, the matrix,
  checking the plan, explaining it, the words of notices. To leave it out of both would measure
  statements and no longer a dispatch day; to write it a second time would measure Python. It takes
  the same time in both, so the ratio is smaller than that of the database's work alone.
"""
