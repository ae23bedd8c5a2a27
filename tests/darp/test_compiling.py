"""Compiled kernels are kept by what they were compiled from."""

import subprocess
import sys

import pytest

from dispatch.darp.kernel.compiling import SOURCES, fingerprint


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text("y = 1\n")
    return tmp_path


def test_the_same_sources_have_the_same_name(folder):
    assert fingerprint(folder) == fingerprint(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.py", "x = 2\n"), ("b.py", "y = 2\n"), ("c.py", ""), ("a.py", "x = 1\ny = 1\n")],
)
def test_another_source_gives_another_name(folder, name, content):
    before = fingerprint(folder)

    (folder / name).write_text(content)

    assert fingerprint(folder) != before


def test_a_line_that_moves_from_one_source_to_another_gives_another_name(folder):
    before = fingerprint(folder)

    (folder / "a.py").write_text("")
    (folder / "b.py").write_text("x = 1\ny = 1\n")

    assert fingerprint(folder) != before


def test_kernels_are_kept_under_the_name_of_their_sources():
    script = "import dispatch.darp.kernel, os; print(os.environ['NUMBA_CACHE_DIR'])"

    found = subprocess.run(
        [sys.executable, "-c", script],
        env={"NUMBA_DISABLE_JIT": "1"}, cwd=SOURCES.parents[2],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert found.stdout.strip().endswith(f"/var/numba/{fingerprint(SOURCES)}")


def test_warming_up_leaves_no_kernel_to_be_loaded_later_and_no_solver_to_be_waited_for():
    script = """
import sys
from dispatch.darp import kernel
from dispatch.darp.search import warm_up
warm_up()
entries = [found for found in vars(kernel).values() if hasattr(found, "signatures")]
unready = [entry.__name__ for entry in entries if not entry.signatures]
print(len(entries), unready, "scipy.optimize" in sys.modules)
"""

    found = subprocess.run(
        [sys.executable, "-c", script], cwd=SOURCES.parents[2],
        capture_output=True, text=True, check=True, timeout=600,
    )  # fmt: skip

    assert found.stdout.split(maxsplit=1) == ["12", "[] False\n"]
