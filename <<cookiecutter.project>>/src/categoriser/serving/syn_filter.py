"""A listening socket that lets nobody new in, while those who are in can still be accepted.

Closing a listening socket resets the connections that its kernel has made and no process has
accepted. One that comes between the last look and the close would be lost, so first a filter of
the kernel drops every packet that begins a connection. Its client sends the packet again a second
later, and is refused: nothing was sent that is lost.
"""

import ctypes
import socket
import struct
import sys
from contextlib import suppress

# From Linux's <asm-generic/socket.h>; Python has no name for it.
SO_ATTACH_FILTER = 26
# A packet is seen from its TCP header on: the flags are its 14th byte (RFC 9293, section 3.1).
FLAGS = 13
SYN = 0x02
WHOLE_PACKET = 0xFFFF_FFFF


class Instruction(ctypes.Structure):
    """`struct sock_filter` of <linux/filter.h>: a step of a classic BPF program."""

    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jump_if_true", ctypes.c_uint8),
        ("jump_if_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    )


LOAD_BYTE = 0x30
JUMP_IF_SET = 0x45
RETURN = 0x06
PROGRAM = (
    Instruction(LOAD_BYTE, 0, 0, FLAGS),
    Instruction(JUMP_IF_SET, 0, 1, SYN),
    Instruction(RETURN, 0, 0, 0),
    Instruction(RETURN, 0, 0, WHOLE_PACKET),
)


def refuse_new_connections(listener: socket.socket) -> None:
    """Let nobody new in, for all the processes that share the socket.

    Elsewhere than on Linux this does nothing.
    """
    if sys.platform != "linux":
        return
    program = (Instruction * len(PROGRAM))(*PROGRAM)
    # `struct sock_fprog`: the number of instructions, and where they are.
    filter_ = struct.pack("HP", len(program), ctypes.addressof(program))
    # A sandbox may forbid filters; what comes in the last microseconds is then lost.
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_)
