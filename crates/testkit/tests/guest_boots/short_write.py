"""short_write.py: writes back the beginning of a child's extended registers, as the guest's
kernel does on a host with more of them than it knows. Prints what the host said to that."""

import ctypes
import errno
import os
import signal

TRACEME, KILL, GETREGSET, SETREGSET = 0, 8, 0x4204, 0x4205
XSTATE = 0x202
# The legacy area and the header of an XSAVE area: shorter than any that has AVX.
BEGINNING = 576


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]


def move(request, child, buffer, length):
    """Reads or writes so many bytes of the registers; how many it were."""
    vector = IoVec(ctypes.addressof(buffer), length)
    if libc.ptrace(request, child, XSTATE, ctypes.addressof(vector)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return vector.len


child = os.fork()
if child == 0:
    libc.ptrace(TRACEME, 0, None, None)
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(0)
os.waitpid(child, 0)
before, after = ctypes.create_string_buffer(1 << 16), ctypes.create_string_buffer(1 << 16)
try:
    length = move(GETREGSET, child, before, 1 << 16)
    assert length > BEGINNING, f"this host has only {length} bytes of registers"
    before[160:176] = b"sixteen new byte"  # XMM0: it must arrive, and the rest must stay.
    move(SETREGSET, child, before, BEGINNING)
    move(GETREGSET, child, after, 1 << 16)
    print("written" if before[160:length] == after[160:length] else "written wrongly")
except OSError as error:
    print(f"refused: {errno.errorcode[error.errno]}")
finally:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
