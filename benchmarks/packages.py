"""Fetch the pinned packages of `packages.txt` and take their Python files.

pip checks each archive against its pinned hash before it opens it. A wheel runs nothing; for an sdist, pip
asks the package's build backend for metadata.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PACKAGES = Path(__file__).with_name("packages.txt")

SMALLEST, LARGEST = 256, 400_000  # bytes: neither empty modules nor generated tables
NOT_SOURCE = frozenset({"build", "dist", "env", "venv", "node_modules", "site-packages", "_build"})
"""Folders that one tool or another skips by default; without them, all tools read the same files."""

WHEEL_PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
"""Asked for on every machine: the sources inside must not depend on where the benchmark runs."""


@dataclass(frozen=True)
class Package:
    """One line of `packages.txt`."""

    field: str  # "ml" or "app"
    python: str  # the Python whose wheel is wanted; "sdist" for a source archive
    name: str
    version: str
    sha256: str

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}"


def read_packages(path: Path = PACKAGES) -> list[Package]:
    """The pins, in the order of the file."""
    lines = (line.partition("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines())
    return [_package(*line) for line in lines if line]


def _package(field: str, python: str, requirement: str, sha256: str) -> Package:
    name, _, version = requirement.partition("==")
    return Package(field, python, name, version, sha256)


def unpacked(package: Package, work: Path) -> Path:
    """The folder with the Python files of a package, fetched if need be."""
    folder = work / "sources" / package.folder
    if not folder.is_dir():
        print(f"downloading {package.name} {package.version}", file=sys.stderr)
        _unpack(_download(package, work / "downloads" / package.folder), folder)
    return folder


def _download(package: Package, folder: Path) -> Path:
    archive = _only_archive(folder)
    if archive is None:
        folder.mkdir(parents=True, exist_ok=True)
        _pip_download(package, folder)
        archive = _only_archive(folder)
    if archive is None:
        raise SystemExit(f"pip stored no archive of {package.name} {package.version}")
    return archive


def _only_archive(folder: Path) -> Path | None:
    return next((file for file in folder.glob("*") if file.name.endswith((".whl", ".tar.gz"))), None)


def _pip_download(package: Package, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--dest", str(folder)]
    if package.python == "sdist":
        command += ["--no-binary", package.name]
    else:
        command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", package.python]
        command += [argument for platform in WHEEL_PLATFORMS for argument in ("--platform", platform)]
    with tempfile.TemporaryDirectory() as scratch:
        pins = Path(scratch, "requirements.txt")
        pin = f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n"
        pins.write_text(pin, encoding="utf-8")
        done = subprocess.run([*command, "-r", str(pins)], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"pip cannot download {package.name} {package.version}:\n{done.stderr.strip()}")


def _unpack(archive: Path, folder: Path) -> None:
    """Extract the Python files of an archive; `folder` appears only when it is complete."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, content in _members(archive):
        if _wanted(name, content):
            target = partial / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    partial.rename(folder)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.infolist():
                yield entry.filename, wheel.read(entry) if entry.filename.endswith(".py") else b""
        return
    with tarfile.open(archive) as sdist:
        for member in sdist:
            stream = sdist.extractfile(member) if member.isfile() and member.name.endswith(".py") else None
            yield member.name, stream.read() if stream else b""


def _wanted(name: str, content: bytes) -> bool:
    path = PurePosixPath(name)
    return (
        SMALLEST <= len(content) < LARGEST
        and not path.is_absolute()
        and "\\" not in name
        and not any(part.startswith(".") or part in NOT_SOURCE for part in path.parts)
    )
