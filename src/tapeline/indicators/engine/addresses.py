"""Let compiled code read numbers at an address, and call a kernel at one: unpacking an array costs more than a bar."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_REALS, _INTEGERS = types.CPointer(types.float64), types.CPointer(types.int64)

#: What LLVM's prefetch takes beside the address.
_TO_READ, _TO_STAY, _DATA = 0, 3, 1

#: A compiled kernel: the addresses of each symbol's columns and row, its first bar, the address of its values; how many
#: symbols; the kernel's state and its output in bytes from there; ints, reals, scratch; both strides; bars a symbol.
SIGNATURE = types.void(
    *[_INTEGERS] * 4, *[types.int64] * 3, _INTEGERS, _REALS, _REALS, *[types.int64] * 3
)  # fmt: skip


@intrinsic  # type: ignore[untyped-decorator]
def reals_at(context: Any, address: Any) -> tuple[Any, Any]:
    """Return the float64s at an address."""
    return _REALS(types.int64), _as_pointer


@intrinsic  # type: ignore[untyped-decorator]
def integers_at(context: Any, address: Any) -> tuple[Any, Any]:
    """Return the int64s at an address."""
    return _INTEGERS(types.int64), _as_pointer


def _as_pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))


@intrinsic  # type: ignore[untyped-decorator]
def call(
    context: Any, kernel: Any, columns: Any, rows: Any, firsts: Any, outs: Any, symbols: Any, state: Any, output: Any,
    ints: Any, reals: Any, scratch: Any, row_stride: Any, column_stride: Any, count: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Call the kernel at an address; all arguments are int64, pointers are addresses."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> None:
        convention, wanted = context.call_conv, SIGNATURE.args
        function = convention.get_function_type(SIGNATURE.return_type, wanted).as_pointer()
        given = [
            builder.inttoptr(argument, context.get_value_type(kind)) if isinstance(kind, types.CPointer) else argument
            for argument, kind in zip(arguments[1:], wanted, strict=True)
        ]
        convention.call_function(
            builder, builder.inttoptr(arguments[0], function), SIGNATURE.return_type, wanted, given
        )  # fmt: skip

    return types.void(*[types.int64] * 14), generate


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(context: Any, address: Any) -> tuple[Any, Any]:
    """Bring the line at an address into the cache, without waiting for it."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> None:
        pointer, number = builder.inttoptr(arguments[0], cgutils.voidptr_t), cgutils.int32_t
        kind = cgutils.ir.FunctionType(cgutils.ir.VoidType(), [pointer.type, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        builder.call(function, [pointer, number(_TO_READ), number(_TO_STAY), number(_DATA)])

    return types.void(types.int64), generate
