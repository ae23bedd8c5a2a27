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
    folder = Path(os.environ["ATMR_LOAD_FOLDER"])
    while not (folder / "began").exists():
        time.sleep(EVERY_S)
    before = pool.get_stats()
    seen = {"used": 0, "waiting": 0, "most": pool.max_size, "samples": 0, "samples_waiting": 0}
    while True:
        for _ in range(WRITES_EVERY):
            time.sleep(EVERY_S)
            _look(seen, before, pool.get_stats(), worker.tpool._work_queue.qsize())  # noqa: SLF001
        (folder / f"web-{os.getpid()}.json").write_text(json.dumps(seen))


def _look(
    seen: dict[str, int], before: dict[str, int], stats: dict[str, int], threads_waiting: int
) -> None:
    seen["used"] = max(seen["used"], stats["pool_size"] - stats["pool_available"])
    seen["waiting"] = max(seen["waiting"], stats["requests_waiting"])
    for name in ("requests_queued", "requests_wait_ms"):
        seen[name] = stats.get(name, 0) - before.get(name, 0)
    seen["samples"] += 1
    seen["samples_waiting"] += threads_waiting > 0
