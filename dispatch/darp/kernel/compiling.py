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
from numba.core.codegen import JITCodeLibrary  # noqa: E402
from numba.core.compiler import Compiler  # noqa: E402
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


class _Part(JITCodeLibrary):
    """What is compiled as part of an ``entry`` only: its intermediate code, as it was written."""

    def finalize(self) -> None:
        for library in dict.fromkeys(self._linking_libraries):
            module = library._get_module_for_linking()  # noqa: SLF001 - its own base class
            self._final_module.link_in(module, preserve=True)
        self._final_module.verify()
        self._finalized = True

    @property
    def codegen(self) -> "_Part":
        return self

    def set_env(self, name: str, environment: object) -> None:
        """Nothing: what Python knows of a function is asked for by wrappers only."""


class _Parts(Compiler):
    """Leaves it to the ``entry`` to optimise what it calls and to make machine code of it."""

    def define_pipelines(self):  # type: ignore[no-untyped-def]
        codegen = self.state.targetctx.codegen()
        self.state.library = _Part(codegen, self.state.func_id.func_qualname)
        self.state.library.enable_object_caching()
        return super().define_pipelines()


# Wrappers for calls from Python are long; few functions need one. Nothing is allocated in here, so
# reference counting, half of the code, is left out too. What is `tight` leaves no call.
_part = {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
    "pipeline_class": _Parts,
}
# Said here because Numba has it from the caller otherwise.
inner = njit(forceinline=False, **_part)
tight = njit(forceinline=True, **_part)
entry = njit(cache=True, nogil=True, no_cfunc_wrapper=True, _nrt=False)

_folder = Path(os.environ["NUMBA_CACHE_DIR"])
if not config.DISABLE_JIT and not _folder.exists():
    sys.stderr.write(f"Compiling the optimiser's kernels into {_folder}, some minutes ...\n")
