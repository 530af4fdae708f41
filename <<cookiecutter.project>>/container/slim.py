"""Take out of installed packages what nothing reads at run time: `python3 slim.py FOLDER`.

That is tests, sources and stubs of compiled code, and two modules that nobody imports: one of
numpy's tests, and pyarrow's Flight. `make test-image` holds that all commands work without them,
and the images' sizes.
"""

import shutil
import sys
from pathlib import Path

SOURCE_SUFFIXES = {".a", ".c", ".cc", ".cpp", ".h", ".hpp", ".pxd", ".pxi", ".pyi", ".pyx"}
UNUSED_PATTERNS = ("tests", "numpy/_core/_simd.*", "pyarrow/*flight*")


def slim(packages: Path) -> None:
    """Remove from a folder of packages what nothing reads."""
    for path in sorted(packages.rglob("*")):  # a folder before what is in it
        is_unused = any(path.match(pattern) for pattern in UNUSED_PATTERNS)
        if is_unused and path.is_dir():
            shutil.rmtree(path)
        elif path.is_symlink() or not path.is_file():
            continue
        elif is_unused or path.suffix in SOURCE_SUFFIXES:
            path.unlink()


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
