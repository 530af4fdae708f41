"""Archives that are not archives, are encrypted, or unpack to far more than their size."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.io import unpacking
from categoriser.io.archives import unpack
from categoriser.io.text_files import read_lines
from categoriser.manifest import MOST_BYTES, NAME, File, Manifest, unzip

HASH = "0" * 64
MANIFEST = Manifest("labels", (File("s3://bucket/key", "v1", HASH, 5),), {})


def zipped(content: bytes, how: int = zipfile.ZIP_DEFLATED, name: str = NAME) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def encrypted(data: bytes) -> bytes:
    """Set the flag of encryption in the local head and in the directory."""
    spoilt = bytearray(data)
    spoilt[6] |= 1
    spoilt[spoilt.index(b"PK\1\2") + 8] |= 1
    return bytes(spoilt)


def test_a_manifest_comes_out_of_its_zip() -> None:
    assert unzip(MANIFEST.zip(), "x.zip") == MANIFEST
    assert unzip(zipped(MANIFEST.json()), "x.zip") == MANIFEST


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no zip", "not a zip file"),
        (b"", "not a zip file"),
        (MANIFEST.zip()[:-30], "not a zip file"),
        (zipped(b"{}", name="other.json"), "no item named"),
        (encrypted(MANIFEST.zip()), "encrypted"),
        (zipped(MANIFEST.json(), zipfile.ZIP_BZIP2), "deflate"),
        (zipped(MANIFEST.json(), zipfile.ZIP_LZMA), "deflate"),
        (MANIFEST.zip().replace(b"bucket", b"spoilt"), "Bad CRC-32"),
        (zipped(MANIFEST.json())[:60] + b"\xff" * 40 + zipped(MANIFEST.json())[100:], "x.zip"),
    ],
)
def test_what_is_no_zip_with_a_manifest_is_a_sentence(data: bytes, why: str) -> None:
    with pytest.raises(UserError, match=why) as caught:
        unzip(data, "x.zip")
    assert str(caught.value).startswith("x.zip is not a zip with data.json in it: ")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    read = zipfile.ZipExtFile.read

    def counted(self: zipfile.ZipExtFile, size: int | None = -1) -> bytes:
        content = read(self, size)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    with pytest.raises(UserError, match=r"x.zip: data.json is larger than 1048576 bytes"):
        unzip(zipped(b" " * 50 * MOST_BYTES), "x.zip")
    assert sum(sizes) <= MOST_BYTES + 1


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size = size
    made.type = kind
    return made


def test_a_model_comes_out_of_its_archive(tmp_path: Path) -> None:
    content = os.urandom(100_000)
    archive = packed(
        tmp_path / "model.tar.gz",
        (member("classifier", kind=tarfile.DIRTYPE), b""),
        (member("classifier/model.bin", len(content)), content),
    )
    unpack(archive, tmp_path / "model")
    assert (tmp_path / "model/classifier/model.bin").read_bytes() == content


def test_a_tar_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "UNPACKED_FREELY", 2**20)
    large = 300 * 2**20 // 10
    archive = packed(tmp_path / "model.tar.gz", (member("bomb", large), bytes(large)))
    assert archive.stat().st_size * unpacking.MOST_TIMES < large
    with pytest.raises(UserError, match=r"model.tar.gz unpacks to over 250 times its size"):
        unpack(archive, tmp_path / "model")
    left = sum(file.stat().st_size for file in (tmp_path / "model").rglob("*"))
    assert left <= archive.stat().st_size * unpacking.MOST_TIMES


def test_a_bomb_in_a_head_of_tars_own_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "UNPACKED_FREELY", 2**20)
    large = 30 * 2**20
    archive = packed(
        tmp_path / "model.tar.gz", (member("pax", large, tarfile.XHDTYPE), bytes(large))
    )
    with pytest.raises(UserError, match=r"model.tar.gz unpacks to over 250 times its size"):
        unpack(archive, tmp_path / "model")


def test_more_files_than_a_model_has_are_refused(tmp_path: Path) -> None:
    archive = packed(tmp_path / "model.tar.gz", *((member(f"{n}"), b"") for n in range(1001)))
    with pytest.raises(UserError, match="over 1000 files"):
        unpack(archive, tmp_path / "model")


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "a/../../escaped"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    archive = packed(tmp_path / "model.tar.gz", (member(name, 1), b"x"))
    with pytest.raises(UserError, match="outside of it"):
        unpack(archive, tmp_path / "model")
    link = member("link", kind=tarfile.SYMTYPE)
    link.linkname = "/etc/passwd"
    with pytest.raises(UserError, match="no file"):
        unpack(packed(tmp_path / "link.tar.gz", (link, b"")), tmp_path / "model")
    assert not (tmp_path / "escaped").exists()


def plain(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.addfile(member("x"))


def cut(path: Path) -> None:
    content = os.urandom(10_000)
    packed(path, (member("x", len(content)), content))
    path.write_bytes(path.read_bytes()[:-2000])


def spoilt(path: Path) -> None:
    content = os.urandom(10_000)
    packed(path, (member("x", len(content)), content))
    path.write_bytes(path.read_bytes()[:50] + b"\xff" * 50 + path.read_bytes()[100:])


@pytest.mark.parametrize(
    "write",
    [
        plain,
        cut,
        spoilt,
        lambda path: None,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(gzip.compress(b"no tar" * 999)),
        lambda path: path.mkdir(),
    ],
)
def test_what_is_no_tar_with_gzip_is_a_sentence(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "model.tar.gz")
    with pytest.raises(
        UserError, match=r"model.tar.gz is not a tar with gzip that can be unpacked: "
    ):
        unpack(tmp_path / "model.tar.gz", tmp_path / "model")


def test_a_csv_that_is_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "UNPACKED_FREELY", 2**20)
    source = tmp_path / "x.csv.gz"
    rows = b"text,price\n" + b"a,1\n" * 2**20
    source.write_bytes(gzip.compress(rows))
    assert len(rows) > unpacking.MOST_TIMES * source.stat().st_size
    with pytest.raises(UserError, match="unpacks to over 250 times its size"):
        list(read_lines(source))
    # A plain file may be as large as it is.
    source.write_bytes(rows)
    assert sum(map(len, read_lines(source))) == len(rows)
