"""The folder in which the processes of a machine count, each in files of its own.

What processes that have ended counted is added up in one file, so that the sum never falls and
the folder does not grow with restarts. That is what `prometheus_client` leaves to its users.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

ENDED = 0  # in place of a process: no process has this number


@contextmanager
def tidied(folder: Path) -> Iterator[None]:
    """Add up what has ended, and keep others from doing so: nothing is read twice."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        add_up_ended(folder)
        yield


def add_up_ended(folder: Path) -> None:
    """Add what ended processes counted to one file; their gauges say nothing any more."""
    for path in sorted(folder.glob("*.db")):
        kind, _, number = path.stem.rpartition("_")
        if int(number) == ENDED or is_alive(int(number)):
            continue
        if not kind.startswith("gauge"):
            total = MmapedDict(str(folder / f"{kind}_{ENDED}.db"))
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
                total.write_value(key, total.read_value(key)[0] + value, 0.0)
            total.close()
        path.unlink()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, so alive
        return True
    return True
