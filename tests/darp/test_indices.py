"""Compiled kernels take indices as they are, and none is negative."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numba import config, njit

from dispatch.darp.kernel.compiling import SOURCES


def read(array, i):
    return array[i]


def read_cell(array, i):
    return array[i, i]


def read_row(array, i):
    return array[i][0]


def write(array, i):
    array[i] = -7
    return array[i]


@pytest.mark.parametrize(
    ("function", "array", "before"),
    [
        (read, np.arange(10)[5:], 4),
        (read_cell, np.arange(30).reshape(10, 3)[5:], 11),
        (read_row, np.arange(30).reshape(10, 3)[5:], 12),
    ],
)
def test_compiled_code_reads_a_negative_index_as_it_is(function, array, before, monkeypatch):
    monkeypatch.setattr(config, "DISABLE_JIT", 0)

    assert njit(function)(array, -1) == before


def test_compiled_code_writes_to_a_negative_index_as_it_is(monkeypatch):
    monkeypatch.setattr(config, "DISABLE_JIT", 0)
    whole = np.arange(10)

    njit(write)(whole[5:], -1)

    assert whole.tolist() == [0, 1, 2, 3, -7, 5, 6, 7, 8, 9]


def test_no_kernel_asks_for_a_negative_index():
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.darp.watched"],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, cwd=SOURCES.parents[2],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert found.stderr == ""
    assert json.loads(found.stdout) == {"idle": [], "negative": []}
