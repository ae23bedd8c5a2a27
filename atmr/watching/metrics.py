"""Every figure that processes count for Prometheus, by name.

A label is a name out of the code: a route, a task, a state. Never an id, a company or a text.
Figures read from the database when Prometheus asks are in `dispatch/services/gauges.py`.
"""

from django.conf import settings

# Reading the settings tells the library, before it is imported, to count in files.
FOLDER = settings.METRICS_DIR

from prometheus_client import Counter, Gauge, Histogram  # noqa: E402

# --- The database -------------------------------------------------------------------------------

STATEMENT_SECONDS = Histogram(
    "atmr_statement_seconds",
    "How long statements took, as their sender waited for them.",
    ["database"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)
SLOW_STATEMENTS = Counter(
    "atmr_slow_statements",
    "Statements slower than SLOW_STATEMENT_MS, by what sent them: a request, a task, a command.",
    ["kind", "sender"],
)
POOL_CONNECTIONS = Gauge(
    "atmr_pool_connections",
    "Connections of the web processes: open, in use, the most allowed, and threads that wait.",
    ["state"],
    multiprocess_mode="livesum",
)

# --- Requests and tasks -------------------------------------------------------------------------

REQUESTS = Counter("atmr_requests", "Requests answered.", ["route", "method", "status"])
REQUEST_SECONDS = Histogram(
    "atmr_request_seconds",
    "How long requests took.",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
TASKS = Counter("atmr_tasks", "Background tasks that ended.", ["task", "state"])
TASK_SECONDS = Histogram(
    "atmr_task_seconds",
    "How long background tasks took.",
    ["task"],
    buckets=(0.1, 0.5, 1, 5, 10, 30, 60, 300),
)

# --- Dispatch -----------------------------------------------------------------------------------

RUNS = Counter("atmr_runs", "Times that a dispatch run came to a state.", ["state", "trigger"])
RUN_SECONDS = Histogram(
    "atmr_run_seconds",
    "How long the phases of dispatch runs took.",
    ["phase"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
RUN_BOOKINGS = Counter(
    "atmr_run_bookings", "Bookings that runs gave a driver, or did not.", ["outcome"]
)
CONFLICTS = Counter(
    "atmr_conflicts",
    "Plans that met something else: refused by the check, stale bookings left as they were,"
    " clashes that the database refused, another run under way.",
    ["kind"],
)
