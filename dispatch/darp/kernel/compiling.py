"""How the kernels are compiled, and where what was compiled is kept.

Numba's own cache notices a change in the file of an ``entry`` only, not in what the entry calls:
what is compiled is therefore kept in a folder named by all sources of this package.
"""

import hashlib
import os
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parent


def fingerprint(folder: Path) -> str:
    """One short name for all sources of a folder: their names and contents, in a fixed order."""
    digest = hashlib.sha256()
    for source in sorted(folder.glob("*.py")):
        content = source.read_bytes()
        digest.update(f"{source.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


# Before Numba is imported, which reads it then.
os.environ.setdefault(
    "NUMBA_CACHE_DIR", str(SOURCES.parents[2] / "var" / "numba" / fingerprint(SOURCES))
)

from numba import config, njit, types  # noqa: E402
from numba.np import arrayobj  # noqa: E402


def _as_it_is(context, builder, idxty, idx, _size):  # type: ignore[no-untyped-def]
    """An index as it is: none in this package is negative, and asking costs a third of the time."""
    return context.cast(builder, idx, idxty, types.intp)


# Numba offers no option for this. Its version is pinned; a test watches that this is still in use,
# another runs the kernels uncompiled over arrays that refuse negative indices.
arrayobj.fix_integer_index = _as_it_is

# The loops are short and branch; vectorising them costs a third of the time to compile.
config.LOOP_VECTORIZE = 0
config.SLP_VECTORIZE = 0

# Wrappers for calls from Python are most of the time to compile; few functions need one.
# Nothing is allocated in here, so reference counting, half of the code, is left out too.
# A call hands over the structures word by word, some thousand of them: what is called for each stop
# or vehicle is `tight`, which leaves no call.
inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
tight = njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
entry = njit(cache=True, nogil=True, no_cfunc_wrapper=True, _nrt=False)

_folder = Path(os.environ["NUMBA_CACHE_DIR"])
if not config.DISABLE_JIT and not _folder.exists():
    sys.stderr.write(f"Compiling the optimiser's kernels into {_folder}, some minutes ...\n")
