"""Which accelerators this machine has, asked of the operating system alone: no framework is imported.

Only what can train or run models counts. Display chips of servers and graphics built into processors do not;
where the system cannot tell, a device does not count.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["describe_accelerators", "detect_accelerators"]


def detect_accelerators(root: Path = Path("/"), platform: str = sys.platform) -> tuple[str, ...]:
    """The accelerators of this machine as people name them (``"NVIDIA H200"``), one entry for each device.

    ``()`` when there are none or the system does not say. Never raises. ``root`` stands for ``/`` in tests.
    """
    systems = {"linux": lambda: _linux(root), "darwin": _macos, "win32": _windows}
    find = systems.get(platform)
    try:
        return tuple(find()) if find is not None else ()
    except Exception:
        return ()


def describe_accelerators(names: Sequence[str]) -> str:
    """Names in one phrase: ``"8 x NVIDIA H200"``; empty for none."""
    counts = Counter(names)
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())


def _linux(root: Path) -> Iterator[str]:
    yield from _linux_nvidia(root)
    for device in _devices(root, "sys/class/drm", r"card\d+"):
        yield from _display_device(device, root)
    for device in _devices(root, "sys/class/accel", r"accel\d+"):
        yield from _compute_device(device)
    if _entries(root / "dev", r"neuron\d+"):
        yield "AWS Neuron"


def _linux_nvidia(root: Path) -> Iterator[str]:
    """Cards a process may open; a container sees the host's driver but not always a device."""
    nodes = _entries(root / "dev", r"nvidia\d+")
    models = [_nvidia_model(each) for each in _entries(root / "proc/driver/nvidia/gpus", r".+")]
    if nodes:
        # The driver lists all cards of the host, the device nodes are those of this container.
        names = models[: len(nodes)] + ["NVIDIA GPU"] * (len(nodes) - len(models))
        yield from names
    elif _read(root / "proc/device-tree/compatible").find("nvidia,tegra") != -1:
        yield _read(root / "proc/device-tree/model").strip(" \0") or "NVIDIA Jetson"
    elif (root / "dev/dxg").exists() and (root / "usr/lib/wsl/lib/libcuda.so.1").exists():
        yield "NVIDIA GPU"


def _nvidia_model(folder: Path) -> str:
    match = re.search(r"^Model:\s*(.+?)\s*$", _read(folder / "information"), re.MULTILINE)
    return _branded("NVIDIA", match[1]) if match is not None else "NVIDIA GPU"


AMD, INTEL = "0x1002", "0x8086"
HABANA, GOOGLE = "0x1da3", "0x1ae0"

LEAST_MEMORY = 4 << 30
"""Bytes of own memory below which an AMD device is taken for one built into a processor."""


def _display_device(device: Path, root: Path) -> Iterator[str]:
    """An AMD or Intel card that a process may open; NVIDIA's are found elsewhere, others only display."""
    vendor = _read(device / "vendor").strip()
    if vendor == AMD and (root / "dev/kfd").exists() and _is_amd_accelerator(device):
        yield _branded("AMD", _read(device / "product_name").strip() or "GPU")
    if vendor == INTEL and _entries(root / "dev/dri", r"renderD\d+") and _is_intel_accelerator(device):
        yield "Intel GPU"


def _is_amd_accelerator(device: Path) -> bool:
    memory = _read(device / "mem_info_vram_total").strip()
    return _driver(device) == "amdgpu" and memory.isdigit() and int(memory) >= LEAST_MEMORY


def _is_intel_accelerator(device: Path) -> bool:
    """Graphics built into the processor sit on its own bus, cards on another."""
    address = re.fullmatch(r"[0-9a-f]{4,}:([0-9a-f]{2}):[0-9a-f]{2}\.\d", device.resolve().name)
    return _driver(device) in ("i915", "xe") and address is not None and address[1] != "00"


def _compute_device(device: Path) -> Iterator[str]:
    """A device without a display; those of laptop processors are among them and do not count."""
    vendor = _read(device / "vendor").strip()
    if vendor == HABANA:
        yield "Intel Gaudi"
    if vendor == GOOGLE:
        yield "Google TPU"


def _devices(root: Path, folder: str, name: str) -> list[Path]:
    return [each / "device" for each in _entries(root / folder, name)]


def _driver(device: Path) -> str:
    return (device / "driver").resolve().name


def _entries(folder: Path, name: str) -> list[Path]:
    """The entries of a folder whose whole name matches, by number where they have one."""
    try:
        found = [each for each in folder.iterdir() if re.fullmatch(name, each.name)]
    except OSError:
        return []
    return sorted(found, key=lambda each: (len(each.name), each.name))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _branded(vendor: str, model: str) -> str:
    """A model with its vendor's name in front, once."""
    plain = re.sub(r"\((?:R|TM|C)\)|[®™]", "", model)
    plain = " ".join(plain.split())
    return plain if plain.casefold().startswith(vendor.casefold()) else f"{vendor} {plain}"


def _macos() -> Iterator[str]:
    import platform
    import subprocess

    if platform.machine() != "arm64":
        return
    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=2, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        answer = ""
    yield _branded("Apple", answer.strip() or "silicon")


_DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"


def _windows() -> Iterator[str]:
    for name in _display_adapters():
        accelerator = accelerator_name(name)
        if accelerator is not None:
            yield accelerator


def _display_adapters() -> Iterator[str]:
    import winreg
    from typing import Any

    registry: Any = winreg
    with registry.OpenKey(registry.HKEY_LOCAL_MACHINE, _DISPLAY_CLASS) as adapters:
        for index in range(registry.QueryInfoKey(adapters)[0]):
            name = registry.EnumKey(adapters, index)
            if not name.isdigit():
                continue
            try:
                with registry.OpenKey(adapters, name) as adapter:
                    yield str(registry.QueryValueEx(adapter, "DriverDesc")[0])
            except OSError:
                continue


def accelerator_name(adapter: str) -> str | None:
    """The accelerator that a display adapter is by its name; ``None`` for one built into a processor."""
    plain = _branded("", adapter).strip()
    if re.match(r"NVIDIA\b", plain):
        return plain
    if re.match(r"AMD (?:Radeon (?:RX|Pro W?\d|PRO W?\d|VII|AI)|Instinct)", plain):
        return plain
    if re.match(r"Intel (?:Arc (?:Pro )?[AB]\d{2,3}\b|Data Center GPU)", plain):
        return plain
    return None
