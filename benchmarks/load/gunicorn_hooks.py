"""Watching a web process from inside: its pool of connections, and who waits for a thread.

Given to gunicorn with `--config` for a load run; nothing else differs from the server as served.
"""

import json
import os
import time
from pathlib import Path
from threading import Thread
from typing import Any

EVERY_S = 0.05
WRITES_EVERY = 10


def post_worker_init(worker: Any) -> None:
    Thread(target=_watch, args=(worker,), daemon=True).start()


def _watch(worker: Any) -> None:
    # Django is set up by now; this file is read before it is.
    from django.db import connections  # noqa: PLC0415

    pool: Any = connections["default"].pool  # type: ignore[attr-defined]
    file = Path(os.environ["ATMR_LOAD_FOLDER"]) / f"web-{os.getpid()}.json"
    seen = {"used": 0, "waiting": 0, "queued": 0, "wait_ms": 0, "most": pool.max_size}
    seen |= {"threads_waiting": 0, "samples": 0, "samples_waiting": 0}
    while True:
        for _ in range(WRITES_EVERY):
            time.sleep(EVERY_S)
            _look(seen, pool.get_stats(), worker.tpool._work_queue.qsize())  # noqa: SLF001
        file.write_text(json.dumps(seen))


def _look(seen: dict[str, int], stats: dict[str, int], threads_waiting: int) -> None:
    # Connections still being opened are of the pool, and nobody's yet: not before all were there.
    if stats["pool_available"] or seen["used"]:
        used = stats["pool_size"] - stats["pool_available"]
        seen["used"] = max(seen["used"], used)
    seen["waiting"] = max(seen["waiting"], stats["requests_waiting"])
    seen["queued"] = stats.get("requests_queued", 0)
    seen["wait_ms"] = stats.get("requests_wait_ms", 0)
    seen["threads_waiting"] = max(seen["threads_waiting"], threads_waiting)
    seen["samples"] += 1
    seen["samples_waiting"] += threads_waiting > 0
