"""DLPack by ctypes: tensors that live on a device change hands without a copy and without a common library.

Source: the DLPack header, version 0.8 (the unversioned capsule, which every library still gives and takes).
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

CPU = 1
CUDA = 2
UNSIGNED_INTEGER = 1

CAPSULE_NAME = b"dltensor"


class _Device(ctypes.Structure):
    _fields_ = (("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _ManagedTensor(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_ManagedTensor))
_ManagedTensor._fields_ = (("tensor", _Tensor), ("manager_context", ctypes.c_void_p), ("deleter", _Deleter))

_CapsuleDestructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_new_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _CapsuleDestructor)(
    ("PyCapsule_New", ctypes.pythonapi)
)
_pointer_in = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
# The destructor gets a capsule without a reference to it, so as a bare address.
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))
_pointer_at = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


class Description(NamedTuple):
    """What a capsule says about a tensor; `strides` are in elements, None for C order."""

    pointer: int
    device: tuple[int, int]  # (type, index)
    dtype: tuple[int, int, int]  # (code, bits, lanes)
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None


def describe(capsule: Any) -> Description:
    """Read a capsule, which must outlive the use of its memory; it stays unconsumed and frees itself."""
    tensor = ctypes.cast(_pointer_in(capsule, CAPSULE_NAME), ctypes.POINTER(_ManagedTensor)).contents.tensor
    return Description(
        pointer=(tensor.data or 0) + tensor.byte_offset,
        device=(tensor.device.device_type, tensor.device.device_id),
        dtype=(tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes),
        shape=tuple(tensor.shape[: tensor.ndim]),
        strides=tuple(tensor.strides[: tensor.ndim]) if tensor.strides else None,
    )


def bytes_capsule(pointer: int, shape: tuple[int, ...], device: tuple[int, int], owner: object) -> Any:
    """A capsule around uint8 memory in C order.

    Args:
        pointer: address on the device.
        shape: in elements.
        device: (type, index).
        owner: kept alive until the taker gives the tensor back, or the capsule dies untaken.
    """
    sizes = (ctypes.c_int64 * len(shape))(*shape)
    managed = _ManagedTensor()
    managed.tensor = _Tensor(
        data=pointer,
        device=_Device(*device),
        ndim=len(shape),
        dtype=_DataType(UNSIGNED_INTEGER, 8, 1),
        shape=sizes,
        strides=None,
        byte_offset=0,
    )
    managed.deleter = _release
    _lent[ctypes.addressof(managed)] = (managed, sizes, owner)
    return _new_capsule(ctypes.addressof(managed), CAPSULE_NAME, _destroy_untaken)


# What C holds only an address of must be kept alive here until it is given back.
_lent: dict[int, tuple[object, ...]] = {}


@_Deleter  # type: ignore[untyped-decorator]
def _release(managed: Any) -> None:
    _lent.pop(ctypes.addressof(managed.contents), None)


@_CapsuleDestructor  # type: ignore[untyped-decorator]
def _destroy_untaken(capsule: int) -> None:
    if _is_valid(capsule, CAPSULE_NAME):  # a taker renames it
        _lent.pop(_pointer_at(capsule, CAPSULE_NAME), None)
