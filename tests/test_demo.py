"""What `make demo` starts, `make stop` ends, and nothing else."""

import signal
import socket
import subprocess
import sys

import pytest

from atmr import demo

HOLD = """
import signal, sys
signal.pause()
"""


@pytest.fixture
def serving(tmp_path):
    return demo.Serving(tmp_path)


def hold(lock):
    """Start what holds the lock until it is told to end."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD], pass_fds=[lock.fileno()], start_new_session=True
    )


def test_a_checkout_is_served_once(serving):
    refused = pytest.raises(demo.DemoError, match="served already")
    with serving.locked(), refused, serving.locked():
        pass

    assert not serving.is_on()


def test_stopping_ends_what_a_killed_supervisor_left_behind(serving):
    with serving.locked() as lock:
        process = hold(lock)
        serving.record([process.pid])
    assert serving.is_on()

    serving.stop()

    assert process.wait(10) == -signal.SIGTERM
    assert not serving.is_on()


def test_stopping_touches_no_process_once_the_lock_is_free(serving):
    with serving.locked():
        pass
    bystander = subprocess.Popen([sys.executable, "-c", HOLD], start_new_session=True)
    serving.record([bystander.pid])

    serving.stop()

    assert bystander.poll() is None
    bystander.kill()
    bystander.wait(10)


def test_stopping_where_nothing_was_ever_served_is_no_error(serving):
    serving.stop()

    assert not (serving.folder / "serving.json").exists()


def test_a_taken_port_is_passed_over_unless_it_was_asked_for():
    with socket.socket() as taken:
        taken.bind((demo.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(demo.DemoError, match=f"Port {port} is taken"):
            demo.free_port(str(port))

    assert demo.free_port("") >= demo.FIRST_PORT
