"""The embedded servers, with real processes in folders of their own."""

import json
import os
import pwd
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from django.apps import apps

from atmr.embedded import EmbeddedError, Services
from atmr.embedded.folders import Account, runs
from atmr.embedded.valkey import Valkey

ROOT = Path(__file__).parent.parent
START = """
import json, sys
from pathlib import Path
from atmr.embedded import EmbeddedError, Services
services = Services.of_checkout(Path(sys.argv[1]), profile="demo", environ={})
try:
    services.ensure()
except EmbeddedError as exc:
    sys.exit(str(exc))
print(json.dumps(services.status()))
"""


@pytest.fixture(scope="module")
def make_checkout():
    """Make folders that any user can reach; stop what was started in them."""
    made = []

    def make(mode=0o755):
        folder = Path(tempfile.mkdtemp(prefix="atmr-checkout-"))
        folder.chmod(mode)
        made.append(folder)
        return folder

    yield make
    for folder in made:
        services = services_of(folder)
        services.stop()
        shutil.rmtree(services.postgres.folders.home, ignore_errors=True)
        shutil.rmtree(services.postgres.folders.sockets, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def checkout(make_checkout):
    """One for all tests that do not look at its first start: making a cluster takes a second."""
    return make_checkout()


def services_of(folder, environ=()):
    return Services.of_checkout(folder, profile="demo", environ=dict(environ))


def start(folder, **options):
    """Start the servers of a checkout from another process."""
    return subprocess.Popen(
        [sys.executable, "-c", START, folder],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def outcome(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def ask(services, query):
    with psycopg.connect(services.postgres.url, autocommit=True) as connection:
        answer = connection.execute(query)
        return answer.fetchone() if answer.description else None


def test_six_processes_at_once_start_one_server_and_join_it(make_checkout):
    checkout = make_checkout()
    outcomes = [outcome(process) for process in [start(checkout) for _ in range(6)]]

    assert [code for code, _, _ in outcomes] == [0] * 6, outcomes
    statuses = [json.loads(out) for _, out, _ in outcomes]
    assert statuses.count(statuses[0]) == 6
    assert statuses[0]["postgres"]["running"]
    assert statuses[0]["valkey"]["running"]


def test_rows_survive_a_kill_of_the_server(checkout):
    services = services_of(checkout)
    services.ensure()
    ask(services, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    before = services.postgres.pid()
    os.kill(before, signal.SIGKILL)

    services.ensure()

    assert services.postgres.pid() != before
    assert ask(services, "SELECT count(*) FROM kept") == (1000,)


def test_valkey_comes_back_after_a_kill(checkout):
    valkey = services_of(checkout).valkey
    valkey.ensure()
    before = valkey.pid()
    os.kill(before, signal.SIGKILL)
    while runs(before, "valkey-server"):
        pass

    valkey.ensure()

    assert valkey.pid() != before


def test_a_killed_client_leaves_the_server_to_the_next(make_checkout):
    checkout = make_checkout()
    process = start(checkout, start_new_session=True)
    services = services_of(checkout)
    scratch = services.postgres.folders.state
    while not list(scratch.glob("postgres*new*")) and process.poll() is None:
        pass
    os.killpg(process.pid, signal.SIGKILL)
    outcome(process)

    services.ensure()

    assert ask(services, "SELECT 1") == (1,)


def test_two_checkouts_run_side_by_side(checkout, make_checkout):
    one, other = services_of(checkout), services_of(make_checkout())
    one.ensure()
    other.ensure()

    ask(one, "CREATE TABLE only_here (n int)")

    assert ask(other, "SELECT to_regclass('only_here')") == (None,)
    assert one.postgres.pid() != other.postgres.pid()
    assert one.valkey.pid() != other.valkey.pid()


def test_stopping_is_clean_and_can_be_repeated(checkout):
    services = services_of(checkout)
    services.ensure()

    assert services.stop() == ["postgres", "valkey"]
    assert services.stop() == []
    assert not services.is_running()
    assert "database system is shut down" in services.postgres.log.read_text()


def test_the_server_speaks_utf8_and_has_no_network_port(checkout):
    services = services_of(checkout)
    services.postgres.ensure()

    assert ask(services, "SHOW server_encoding") == ("UTF8",)
    assert ask(services, "SHOW listen_addresses") == ("",)
    assert ask(services, "SHOW max_connections") == ("200",)
    assert ask(services, "SELECT lower('ÉCOLE')") == ("école",)
    assert services.postgres.folders.sockets.stat().st_mode & 0o777 == 0o700


def test_a_stale_pid_used_again_by_another_program_is_no_obstacle(checkout):
    postgres = services_of(checkout).postgres
    postgres.ensure()
    postgres.stop()
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n")

    postgres.ensure()

    assert postgres.pid() != os.getpid()


def test_a_checkout_moved_while_its_server_runs_is_served_at_its_new_place(checkout):
    services_of(checkout).postgres.ensure()
    moved = checkout.with_name(f"{checkout.name}-moved")
    checkout.rename(moved)
    postgres = services_of(moved).postgres
    try:
        postgres.ensure()

        assert ask(services_of(moved), "SELECT 1") == (1,)
    finally:
        postgres.stop()
        moved.rename(checkout)


def test_data_lies_outside_a_closed_home_that_the_server_could_not_enter(make_checkout):
    services = services_of(make_checkout(mode=0o700))
    services.ensure()

    home = services.postgres.folders.home

    drops_to_another_user = os.geteuid() == 0
    assert (home.parent == Path("/var/tmp")) == drops_to_another_user
    assert ask(services, "SELECT 1") == (1,)
    if drops_to_another_user:
        assert home.stat().st_mode & 0o777 == 0o700


def test_a_full_disk_is_said_in_one_line(make_checkout):
    process = start(
        make_checkout(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20)),
    )

    code, _, err = outcome(process)

    assert code == 1
    assert err.startswith("The disk is full: PostgreSQL needs")
    assert err.count("\n") == 1


def test_a_socket_held_by_another_server_is_said_in_one_line(checkout):
    postgres = services_of(checkout).postgres
    postgres.ensure()
    holder = postgres.pid()
    elsewhere = postgres.data.with_name("elsewhere")
    postgres.data.rename(elsewhere)
    try:
        with pytest.raises(EmbeddedError, match=f"is taken by process {holder}"):
            postgres.ensure()
    finally:
        shutil.rmtree(postgres.data)
        elsewhere.rename(postgres.data)


def test_without_a_wheel_the_installed_server_is_used(checkout, monkeypatch):
    wheel = services_of(checkout).postgres.programs()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(wheel))

    assert services_of(checkout).postgres.programs() == wheel


def test_without_a_wheel_or_an_installed_server_the_message_says_what_to_do(
    make_checkout, monkeypatch
):
    checkout = make_checkout()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("atmr.embedded.postgres.installed", list)

    with pytest.raises(EmbeddedError, match="Install PostgreSQL 15 or newer, or set DATABASE_URL"):
        services_of(checkout).postgres.ensure()


def test_without_any_valkey_messages_go_through_files(make_checkout, monkeypatch):
    checkout = make_checkout()
    monkeypatch.setattr(Valkey, "is_available", staticmethod(lambda: False))
    services = services_of(checkout, {"DATABASE_URL": "postgresql://db.example/atmr"})

    services.ensure()

    assert services.valkey is None
    assert Path(services.file_queue["data_folder_in"]).is_dir()


def test_root_without_an_unprivileged_user_is_told_so(tmp_path, monkeypatch):
    def nobody_is_there(name):
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", nobody_is_there)

    with pytest.raises(EmbeddedError, match="do not run as root, and there is no user postgres"):
        Account.for_servers(tmp_path / "none")


def test_a_folder_of_another_user_is_refused(make_checkout):
    checkout = make_checkout()
    postgres = services_of(checkout).postgres
    postgres.folders.sockets.symlink_to(checkout)
    try:
        with pytest.raises(EmbeddedError, match="belongs to another user"):
            postgres.ensure()
    finally:
        postgres.folders.sockets.unlink()


def test_what_the_environment_names_is_not_embedded(make_checkout):
    checkout = make_checkout()
    services = services_of(
        checkout,
        {"DATABASE_URL": "postgresql://db.example/atmr", "REDIS_URL": "redis://cache.example"},
    )

    services.ensure()

    assert not services.are_needed
    assert services.status() == {"postgres": {"embedded": False}, "valkey": {"embedded": False}}
    assert not (checkout / "var").exists()


def test_the_command_prints_one_json_object():
    done = subprocess.run(
        [sys.executable, "manage.py", "embedded", "status", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    status = json.loads(done.stdout)

    assert set(status) == {"postgres", "valkey"}


def test_commands_that_need_no_database_start_nothing(make_checkout):
    checkout = make_checkout()
    shutil.copy(ROOT / "manage.py", checkout)
    ours = {Path(app.path).name for app in apps.get_app_configs() if Path(app.path).parent == ROOT}
    for name in ours | {"atmr", "benchmarks"}:
        shutil.copytree(ROOT / name, checkout / name)

    subprocess.run([sys.executable, "manage.py", "check"], cwd=checkout, check=True)

    assert not (checkout / "var").exists()
