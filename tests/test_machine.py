"""The user's machine: odd settings of pip, a company's network, a project that was copied."""

import base64
import hashlib
import os
import shutil
import ssl
import stat
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from conftest import ROOT, TEMPLATE

UV = shutil.which("uv") or str(ROOT / ".tools/bin/uv")
# A stand-in for uv that says what it was told.
STAND_IN = '#!/bin/sh\necho "asked: $*"\nenv\n'


def wheel(folder, name, version, files):
    """Write a wheel and return the line that pins it."""
    record = ""
    about = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
            record += f"{file},sha256={digest.decode().rstrip('=')},{len(content)}\n"
            entry = zipfile.ZipInfo(file)
            entry.external_attr = (stat.S_IFREG | 0o755) << 16
            archive.writestr(entry, content)
        archive.writestr(f"{about}/RECORD", f"{record}{about}/RECORD,,\n")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def run(folder, *command, **settings):
    """Run a command with these variables, no home and no uv; give its status and what it said."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    python = Path(sys._base_executable).parent
    environment = {"HOME": str(home), "PATH": f"{python}:/usr/bin:/bin"}
    # A machine that has no settings of its own.
    environment |= {"PIP_CONFIG_FILE": os.devnull, "UV_CACHE_DIR": str(home / "cache")}
    done = subprocess.run(
        command, cwd=folder, env=environment | settings, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def first_command(tmp_path):
    """A folder with the first command's script, and a pip that can fetch the stand-in alone."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "links").mkdir()
    shutil.copy(TEMPLATE / "requirements/uv.py", tmp_path / "requirements")
    pin = wheel(tmp_path / "links", "uv", "0.13.9", {"uv-0.13.9.data/scripts/uv": STAND_IN})
    (tmp_path / "requirements/uv.txt").write_text(pin)

    def first_command(*arguments, python=sys._base_executable, **settings):
        links = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "links")}
        script = str(tmp_path / "requirements/uv.py")
        status, said = run(tmp_path, python, script, *arguments, **links | settings)
        assert status == 0, said
        return said

    return first_command


@pytest.mark.parametrize(
    "settings",
    [
        {"PIP_REQUIRE_VIRTUALENV": "1", "PIP_NO_BINARY": ":all:"},
        {"PIP_USER": "1"},
        {"PIP_PREFIX": "elsewhere", "PIP_ROOT": "elsewhere"},
        {"PIP_TARGET": "elsewhere"},
    ],
    ids=str,
)
def test_uv_is_fetched_whatever_pip_is_set_to(first_command, tmp_path, settings):
    assert "asked: pip sync" in first_command("pip", "sync", **settings)
    assert (tmp_path / ".tools/bin/uv").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_uv_is_fetched_whatever_pips_file_says(first_command, tmp_path):
    (tmp_path / "pip.conf").write_text("[global]\nrequire-virtualenv = true\nuser = true\n")
    said = first_command("--version", PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert "asked: --version" in said


def test_uv_is_fetched_where_the_active_environment_has_no_pip(first_command, tmp_path):
    environment = tmp_path / "active"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = str(environment / "bin/python")
    assert "No module named pip" in run(tmp_path, python, "-m", "pip")[1]
    assert "asked: --version" in first_command("--version", python=python)


def test_without_uv_and_pip_a_sentence_says_so(tmp_path):
    (tmp_path / "pip.py").write_text("raise SystemExit(1)\n")
    script = str(TEMPLATE / "requirements/uv.py")
    status, said = run(tmp_path, sys.executable, script, "pip", PYTHONPATH=str(tmp_path))
    assert status == 1
    assert said.startswith("error: there is no uv, and ")
    assert "Traceback" not in said


def test_uv_is_told_what_pip_knows(first_command, tmp_path):
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://own.example/simple\n"
        "extra-index-url =\n    https://one.example/simple\n    https://two.example/simple\n"
        "proxy = http://proxy.example:3128\ncert = /etc/company.pem\n"
        "[install]\ntrusted-host = own.example\n"
    )
    told = first_command("pip", "sync", PIP_CONFIG_FILE=str(tmp_path / "pip.conf")).splitlines()
    assert {
        "UV_DEFAULT_INDEX=https://own.example/simple",
        "UV_INDEX=https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY=unsafe-best-match",
        "UV_INSECURE_HOST=own.example",
        "UV_SYSTEM_CERTS=true",
        "HTTPS_PROXY=http://proxy.example:3128",
        "SSL_CERT_FILE=/etc/company.pem",
    } <= set(told)


def test_what_uv_was_told_goes_before_what_pip_knows(first_command):
    told = first_command(
        "pip",
        "sync",
        PIP_INDEX_URL="https://pip.example/simple",
        PIP_EXTRA_INDEX_URL="https://more.example/simple",
        PIP_PROXY="http://pip.example:3128",
        UV_DEFAULT_INDEX="https://uv.example/simple",
        UV_SYSTEM_CERTS="false",
        https_proxy="http://own.example:3128",
        SSL_CERT_FILE="",
        PIP_CERT="/etc/company.pem",
    ).splitlines()
    assert "UV_DEFAULT_INDEX=https://uv.example/simple" in told
    assert "UV_SYSTEM_CERTS=false" in told
    assert "https_proxy=http://own.example:3128" in told
    assert "SSL_CERT_FILE=/etc/company.pem" in told
    assert not [line for line in told if line.startswith(("UV_INDEX=", "HTTPS_PROXY="))]


def test_pins_are_compiled_from_the_index_alone(first_command):
    """An extra index may hold some of a release's files, and pins need the hashes of all."""
    own = "https://own.example/simple"
    settings = {"PIP_INDEX_URL": own, "PIP_EXTRA_INDEX_URL": "https://more.example/simple"}
    told = first_command("pip", "compile", **settings).splitlines()
    assert f"UV_DEFAULT_INDEX={own}" in told
    assert not [line for line in told if line.startswith(("UV_INDEX=", "UV_FIND_LINKS="))]


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """An index of one wheel, behind a certificate of a private authority: URL, bundle, pin."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "simple/tiny").mkdir(parents=True)
    pin = wheel(folder / "simple/tiny", "tiny", "1.0", {"tiny.py": "answer = 42\n"})
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))
    ) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://localhost:{server.server_port}/simple"
        yield url, str(folder / "authority.pem"), pin
        server.shutdown()


@pytest.fixture(params=["template", "project"])
def install_step(request, tmp_path, bake, company):
    """A folder with a Makefile, uv, and the index's wheel as all that is to be installed."""
    url, _, pin = company
    of_project = request.param == "project"
    requirements = tmp_path / ("." if of_project else TEMPLATE.name) / "requirements"
    requirements.mkdir(parents=True)
    shutil.copy(TEMPLATE / "requirements/uv.py", requirements)
    shutil.copy((bake() if of_project else ROOT) / "Makefile", tmp_path)
    (tmp_path / "requirements/run.txt" if of_project else tmp_path / "requirements.txt").write_text(
        pin
    )
    (tmp_path / ".tools/bin").mkdir(parents=True)
    (tmp_path / ".tools/bin/uv").symlink_to(UV)

    def install_step(**settings):
        target = ".venv/run" if of_project else ".venv/ready"
        return run(tmp_path, "make", target, PIP_INDEX_URL=url, **settings)

    yield install_step
    installed = tmp_path / ".venv/bin/python"
    if installed.exists():
        shutil.rmtree(tmp_path / ".venv")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "PIP_CERT"])
def test_a_private_authority_that_the_machine_trusts_is_trusted(
    install_step, company, tmp_path, variable
):
    _, bundle, _ = company
    status, said = install_step(**{variable: bundle})
    assert status == 0, said
    assert run(tmp_path, ".venv/bin/python", "-c", "import tiny; print(tiny.answer)") == (0, "42\n")


def test_a_private_authority_that_the_machine_does_not_trust_is_not_trusted(install_step):
    status, said = install_step()
    assert status != 0
    assert "UnknownIssuer" in said


@pytest.fixture
def copied(project, tmp_path):
    """A copy of the project that is set up, its environment too, with a line of code of its own."""
    folder = tmp_path / "copied"
    shutil.copytree(project.folder, folder, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    # The packages are many, and nobody changes them: links in place of copies.
    subprocess.run(["cp", "-RlP", project.folder / ".venv", folder / ".venv"], check=True)
    code = folder / "src/categoriser/errors.py"
    code.unlink()
    original = (project.folder / "src/categoriser/errors.py").read_text()
    code.write_text(f'{original}\nprint(f"the code of {{__file__}}")\n')
    return folder


def shell(folder, script):
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True)
    return done.stdout + done.stderr


def runs_its_own_code(folder):
    own = f"the code of {folder / 'src/categoriser/errors.py'}"
    assert own in shell(folder, "make data FILE=missing.csv")
    by_hand = shell(folder, ". .venv/bin/activate && dvc repro --force generate")
    assert own in by_hand
    assert "Updating lock file" in by_hand


def test_a_copied_project_runs_its_own_code(copied):
    runs_its_own_code(copied)


def test_a_renamed_project_runs_its_own_code(copied):
    runs_its_own_code(copied.rename(copied.with_name("renamed")))
