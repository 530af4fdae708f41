"""Take out of installed packages what nothing reads at run time: `python3 slim.py FOLDER`.

That is tests, sources and stubs of compiled code, symbols and debug information in libraries, and
two modules that nobody imports: one of numpy's tests, and pyarrow's Flight. `make test-image` holds
that all commands work without them, and the images' sizes.
"""

import shutil
import struct
import sys
from pathlib import Path

SOURCES = {".a", ".c", ".cc", ".cpp", ".h", ".hpp", ".pxd", ".pxi", ".pyi", ".pyx"}
UNUSED = ("tests", "numpy/_core/_simd.*", "pyarrow/*flight*")
ELF = b"\x7fELF\x02\x01"  # of 64 bits, little-endian


def loaded(library: bytes) -> bytes:
    """Return an ELF file up to the end of its last segment, as one without sections.

    A loader reads segments. Sections are for linkers and debuggers, and behind the segments is only
    what they name. https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
    """
    (start,) = struct.unpack_from("<Q", library, 32)  # e_phoff
    size, count = struct.unpack_from("<HH", library, 54)  # e_phentsize, e_phnum
    end = start + size * count
    for segment in range(start, end, size):
        offset, length = struct.unpack_from("<Q16xQ", library, segment + 8)
        end = max(end, offset + length)
    whole = bytearray(library[:end])
    struct.pack_into("<Q", whole, 40, 0)  # e_shoff
    struct.pack_into("<HH", whole, 60, 0, 0)  # e_shnum, e_shstrndx
    return bytes(whole)


def main() -> None:
    for path in sorted(Path(sys.argv[1]).rglob("*")):  # a folder before what is in it
        if any(map(path.match, UNUSED)) and path.is_dir():
            shutil.rmtree(path)
        elif path.is_symlink() or not path.is_file():
            continue
        elif path.suffix in SOURCES or any(map(path.match, UNUSED)):
            path.unlink()
        elif ".so" in path.suffixes and (library := path.read_bytes()).startswith(ELF):
            path.write_bytes(loaded(library))


main()
