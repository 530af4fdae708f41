"""Runs uv with the user's settings of pip: `python3 requirements/uv.py pip sync …`.

uv is the machine's own, or is fetched by pip into `.tools` of this folder. It does not read pip's
settings, and trusts certificates that it brings along, while a company's index, proxy and authority
are often known to pip and to the system alone. So uv is told to trust what the system trusts, and
what pip is told, where uv has not been told something else.

This file needs no package, and runs on any Python 3 that a machine calls `python3`.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

PINS = Path(__file__).with_name("uv.txt")
TOOLS = Path(".tools")
FETCHED = TOOLS / "bin" / "uv"

# pip's settings that would send uv elsewhere than into TOOLS, or refuse to put it there.
OVERRULED = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore"}

# A setting of pip, and the variables that tell uv the same.
CONNECTION = {
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("HTTP_PROXY", "HTTPS_PROXY"),
    "trusted-host": ("UV_INSECURE_HOST",),
}
INDEX = {"index-url": ("UV_DEFAULT_INDEX",)}
MORE_INDEXES = {"extra-index-url": ("UV_INDEX",), "find-links": ("UV_FIND_LINKS",)}

# Where uv has been told of indexes, pip's are not used.
INDEXES_OF_UV = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
SETTINGS_OF_UV = ("/etc/uv/uv.toml", "~/.config/uv/uv.toml")


@lru_cache
def pip() -> list[str] | None:
    """Return the command line of this Python's pip, or of its environment's base Python."""
    for python in (sys.executable, getattr(sys, "_base_executable", sys.executable)):
        if subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0:
            return [python, "-m", "pip"]
    return None


def fetch() -> None:
    """Install the pinned uv into TOOLS, wherever the user's settings would install it."""
    command = pip()
    if command is None:
        sys.exit(
            f"error: there is no uv, and {sys.executable} has no pip to fetch it: install one of "
            "them (on Debian: apt install python3-pip), or name another Python: make PYTHON=..."
        )
    how = ["--quiet", "--upgrade", "--require-hashes", "--only-binary", ":all:"]
    place = ["--prefix=", "--root=/", "--target", str(TOOLS)]
    done = subprocess.run(
        [*command, "install", *how, *place, "--requirement", str(PINS)],
        env={**os.environ, **OVERRULED},
    )
    if done.returncode:
        sys.exit("error: pip could not fetch uv, for the reason above")


def settings_of_pip() -> dict[str, str]:
    """Return pip's settings by name, those of the environment before those of its files."""
    command = pip()
    if command is None:
        return {}
    listed = subprocess.run([*command, "config", "list"], capture_output=True, text=True)
    settings = {}
    for section in ("global", "install", ":env:"):
        for line in listed.stdout.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(f"{section}."):
                settings[name[len(section) + 1 :]] = str(ast.literal_eval(value)).strip()
    return {name: value for name, value in settings.items() if value}


def has_indexes_of_its_own() -> bool:
    """Tell whether uv has been told where packages come from."""
    named = os.environ.get("UV_CONFIG_FILE")
    files = [Path(file).expanduser() for file in (*SETTINGS_OF_UV, *([named] if named else []))]
    return any(os.environ.get(name) for name in INDEXES_OF_UV) or any(map(Path.exists, files))


def translated(compiles: bool) -> dict[str, str]:
    """Return the variables that tell uv what pip is told; pins are compiled from one index.

    An extra index may hold some files of a release only, and the pins need the hashes of all.
    """
    told = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}  # its name, and its older name
    names = dict(CONNECTION)
    if not has_indexes_of_its_own():
        names.update(INDEX if compiles else {**INDEX, **MORE_INDEXES})
    for setting, value in settings_of_pip().items():
        for variable in names.get(setting, ()):
            told[variable] = ("," if variable == "UV_FIND_LINKS" else " ").join(value.split())
    if "UV_INDEX" in told:
        # As pip does: all indexes are asked. The hash of a pin says which file is meant.
        told["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return told


def environment(compiles: bool) -> dict[str, str]:
    """Return the user's variables and, beside those that are not empty, what pip is told."""
    known = {name: value for name, value in os.environ.items() if value}
    lower = {name.lower() for name in known}  # proxies are named in either case
    told = translated(compiles)
    return {**known, **{name: told[name] for name in told if name.lower() not in lower}}


def main() -> None:
    found = shutil.which("uv")
    if found is None and not FETCHED.exists():
        fetch()
    uv = found or str(FETCHED)
    arguments = sys.argv[1:]
    told = environment(compiles="compile" in arguments[:2])
    sys.exit(subprocess.run([uv, *arguments], env=told).returncode)


if __name__ == "__main__":
    main()
