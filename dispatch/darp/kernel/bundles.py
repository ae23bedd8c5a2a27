"""Named tuples of arrays that compiled code hands over by one address.

Numba hands a tuple of arrays over word by word, some thousand of them for a search; each call would
cost more than what it does. A bundle is a table of addresses and shapes that is filled in when
Python calls; all that is called from there gets where the table is. Nothing changes it meanwhile,
which the loads say, so that each is made once and not in a loop.
"""

# Before Numba is imported: it says where what is compiled is kept.
import dispatch.darp.kernel.compiling  # noqa: F401, I001

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, typing
from numba.core.datamodel import models
from numba.core.extending import (
    NativeValue,
    infer_getattr,
    intrinsic,
    lower_getattr_generic,
    overload,
    register_model,
    typeof_impl,
    unbox,
)
from numba.core.typing.templates import AttributeTemplate

_WORD = ir.IntType(64)
_ADDRESS = ir.IntType(8).as_pointer()


class Bundle(types.Type):
    """A named tuple of C-contiguous arrays."""

    def __init__(
        self,
        name: str,
        fields: tuple[tuple[str, types.Array], ...],
        widths: tuple[tuple[str, int], ...],
    ) -> None:
        for field, array in fields:
            if array.layout != "C":
                raise TypeError(f"{name}.{field} must be C-contiguous")
        self.title, self.fields, self.widths = name, dict(fields), dict(widths)
        self.at: dict[str, int] = {}
        begins = 0
        for field, array in fields:
            self.at[field] = begins
            begins += 1 + array.ndim
        self.words = begins
        super().__init__(f"{name}{[f'{field} {array}' for field, array in fields]}{widths}")

    @property
    def mangling_args(self) -> tuple[str, tuple[()]]:
        return self.title, ()


@register_model(Bundle)
class _Address(models.PrimitiveModel):
    def __init__(self, manager: Any, bundle: Bundle) -> None:
        super().__init__(manager, bundle, _ADDRESS)


def bundled(**widths: int) -> Callable[[type], type]:
    """Let compiled code take instances of a named tuple of arrays as bundles.

    ``widths``: how many columns the rows of a field have; compiled code relies on it.
    """

    def register(cls: type) -> type:
        @typeof_impl.register(cls)
        def _(value: Any, context: Any) -> Bundle:
            arrays = (typing.typeof.typeof_impl(array, context) for array in value)
            fields = tuple(zip(cls._fields, arrays, strict=True))
            return Bundle(cls.__name__, fields, tuple(widths.items()))

        return cls

    return register


@unbox(Bundle)
def _fill(bundle: Bundle, value: Any, c: Any) -> NativeValue:
    """The table, on the stack of what Python calls."""
    builder = c.builder
    table = cgutils.alloca_once(builder, _WORD, bundle.words)
    failed = cgutils.false_bit
    for place, (name, array) in enumerate(bundle.fields.items()):
        item = c.pyapi.tuple_getitem(value, place)
        room = cgutils.alloca_once(builder, c.context.get_value_type(array))
        error = c.pyapi.numba_array_adaptor(item, builder.bitcast(room, c.pyapi.voidptr))
        failed = builder.or_(failed, cgutils.is_not_null(builder, error))
        native = c.context.make_array(array)(c.context, builder, builder.load(room))
        at = bundle.at[name]
        words = [builder.ptrtoint(native.data, _WORD)]
        words += cgutils.unpack_tuple(builder, native.shape, array.ndim)
        if name in bundle.widths:
            other = builder.icmp_signed("!=", words[-1], _WORD(bundle.widths[name]))
            failed = builder.or_(failed, other)
        for h, word in enumerate(words):
            builder.store(word, builder.gep(table, [_WORD(at + h)]))
    with builder.if_then(failed, likely=False):
        c.pyapi.err_set_string("PyExc_TypeError", f"{bundle.title} has other columns")
    # Whoever reads the table is told that nothing writes it: what was written above must be out of
    # their sight.
    hide = ir.FunctionType(_ADDRESS, [_ADDRESS])
    given = builder.bitcast(table, _ADDRESS)
    return NativeValue(
        builder.asm(hide, "", "=r,0,~{memory}", [given], side_effect=True), is_error=failed
    )


@infer_getattr
class _Fields(AttributeTemplate):
    key = Bundle

    def generic_resolve(self, bundle: Bundle, name: str) -> types.Array | None:
        return bundle.fields.get(name)


@lower_getattr_generic(Bundle)
def _field(context: Any, builder: Any, bundle: Bundle, table: Any, name: str) -> Any:
    array, at = bundle.fields[name], bundle.at[name]
    model = context.data_model_manager[array]
    kept = context.get_value_type(array)
    words = builder.bitcast(table, _WORD.as_pointer())
    unchanged = builder.module.add_metadata([])

    def read(h: int) -> Any:
        word = builder.load(builder.gep(words, [_WORD(at + h)]))
        word.set_metadata("invariant.load", unchanged)
        return word

    shape = [read(1 + axis) for axis in range(array.ndim)]
    if name in bundle.widths:
        shape[-1] = _WORD(bundle.widths[name])
    size = _WORD(context.get_abi_sizeof(context.get_data_type(array.dtype)))
    strides = [size]
    for length in shape[:0:-1]:
        strides.insert(0, builder.mul(strides[0], length))
    parts = {
        "meminfo": ir.Constant(kept.elements[0], None),
        "parent": ir.Constant(kept.elements[1], None),
        "itemsize": size,
        "data": builder.inttoptr(read(0), kept.elements[4]),
    }
    whole = ir.Constant(kept, ir.Undefined)
    for position, field in enumerate(model._fields):
        if field in parts:
            whole = builder.insert_value(whole, parts[field], position)
        elif field == "shape":
            for axis, length in enumerate(shape):
                whole = builder.insert_value(whole, length, [position, axis])
        elif field == "strides":
            for axis, step in enumerate(strides):
                whole = builder.insert_value(whole, step, [position, axis])
    return whole


def copy_rows(target: Any, source: Any, count: int) -> None:
    """Copy the first rows of an array over those of another that is as wide and lies apart."""
    target[:count] = source[:count]


@intrinsic
def _copy(_context: Any, target: types.Array, source: types.Array, count: types.Integer) -> Any:
    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        to, origin = (
            context.make_array(array)(context, builder, value)
            for array, value in zip(signature.args[:2], values[:2], strict=True)
        )
        (step, *_) = cgutils.unpack_tuple(builder, origin.strides)
        cgutils.raw_memcpy(builder, to.data, origin.data, builder.mul(step, values[2]), 1)
        return context.get_dummy_value()

    return types.void(target, source, count), write


@overload(copy_rows)
def _copy_rows(target: Any, source: Any, count: Any) -> Any:  # noqa: ARG001 - named as above
    def copied(target: Any, source: Any, count: Any) -> None:
        _copy(target, source, count)

    return copied
