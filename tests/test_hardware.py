from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from greenlint import hardware
from greenlint.hardware import accelerator_name, describe_accelerators, detect_accelerators

Machine = Callable[..., Path]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    def make(*nodes: str, **files: str) -> Path:
        for name in nodes:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def card(root: Path, number: int, address: str, driver: str, **facts: str) -> None:
    """A display device as Linux shows it: links from the class to the device, and from it to its driver."""
    device = root / "sys/devices/pci" / address
    device.mkdir(parents=True)
    for name, text in facts.items():
        (device / name).write_text(text + "\n")
    drivers = root / "sys/bus/pci/drivers" / driver
    drivers.mkdir(parents=True, exist_ok=True)
    (device / "driver").symlink_to(drivers)
    entry = root / f"sys/class/drm/card{number}"
    entry.mkdir(parents=True)
    (entry / "device").symlink_to(device)
    (root / f"sys/class/drm/card{number}-DP-1").mkdir()


def nvidia(root: Path, address: str, model: str) -> None:
    put(root, f"proc/driver/nvidia/gpus/{address}/information", f"Model: \t\t {model}\nIRQ:   \t\t 42\n")


def on_linux(root: Path) -> tuple[str, ...]:
    return detect_accelerators(root, "linux")


def test_a_machine_without_anything(tmp_path: Path) -> None:
    assert on_linux(tmp_path) == ()
    assert on_linux(tmp_path / "nowhere") == ()


def test_nvidia_cards_are_named_by_their_driver(machine: Machine) -> None:
    root = machine("dev/nvidia0", "dev/nvidia1", "dev/nvidiactl", "dev/nvidia-uvm")
    nvidia(root, "0000:01:00.0", "NVIDIA H200")
    nvidia(root, "0000:02:00.0", "Tesla V100-SXM2-16GB")
    card(root, 0, "0000:01:00.0", "nvidia", vendor="0x10de")
    assert on_linux(root) == ("NVIDIA H200", "NVIDIA Tesla V100-SXM2-16GB")


def test_a_container_without_devices_has_no_accelerator(machine: Machine) -> None:
    root = machine("dev/nvidiactl")
    nvidia(root, "0000:01:00.0", "NVIDIA H200")
    card(root, 0, "0000:01:00.0", "nvidia", vendor="0x10de")
    assert on_linux(root) == ()


def test_a_container_with_some_of_the_devices_has_only_these(machine: Machine) -> None:
    root = machine("dev/nvidia3", "dev/nvidia11")
    for number in range(4):
        nvidia(root, f"0000:0{number}:00.0", "NVIDIA A100-SXM4-80GB")
    assert on_linux(root) == ("NVIDIA A100-SXM4-80GB",) * 2


def test_nvidia_devices_without_names(machine: Machine) -> None:
    root = machine("dev/nvidia0")
    assert on_linux(root) == ("NVIDIA GPU",)


def test_an_nvidia_card_without_nvidia_s_driver_does_not_count(tmp_path: Path) -> None:
    card(tmp_path, 0, "0000:01:00.0", "nouveau", vendor="0x10de")
    assert on_linux(tmp_path) == ()


def test_jetson_boards(tmp_path: Path) -> None:
    put(tmp_path, "proc/device-tree/compatible", "nvidia,p3737-0000\0nvidia,tegra234\0")
    put(tmp_path, "proc/device-tree/model", "NVIDIA Jetson AGX Orin\0")
    assert on_linux(tmp_path) == ("NVIDIA Jetson AGX Orin",)


def test_windows_subsystem_for_linux(machine: Machine) -> None:
    assert on_linux(machine("dev/dxg")) == ()
    assert on_linux(machine("dev/dxg", "usr/lib/wsl/lib/libcuda.so.1")) == ("NVIDIA GPU",)


GIB = 1 << 30


def test_amd_cards(machine: Machine) -> None:
    root = machine("dev/kfd")
    facts = {"vendor": "0x1002", "mem_info_vram_total": str(64 * GIB)}
    card(root, 0, "0000:03:00.0", "amdgpu", product_name="AMD Instinct MI250X", **facts)
    card(root, 1, "0000:04:00.0", "amdgpu", **facts)
    assert on_linux(root) == ("AMD Instinct MI250X", "AMD GPU")


def test_graphics_in_an_amd_processor_do_not_count(machine: Machine) -> None:
    root = machine("dev/kfd")
    card(root, 0, "0000:e5:00.0", "amdgpu", vendor="0x1002", mem_info_vram_total=str(GIB // 2))
    card(root, 1, "0000:e6:00.0", "radeon", vendor="0x1002", mem_info_vram_total=str(8 * GIB))
    card(root, 2, "0000:e7:00.0", "amdgpu", vendor="0x1002")
    assert on_linux(root) == ()


def test_amd_cards_need_the_compute_driver(tmp_path: Path) -> None:
    card(tmp_path, 0, "0000:03:00.0", "amdgpu", vendor="0x1002", mem_info_vram_total=str(64 * GIB))
    assert on_linux(tmp_path) == ()


def test_intel_cards_are_told_from_processor_graphics_by_their_bus(machine: Machine) -> None:
    root = machine("dev/dri/renderD128")
    card(root, 0, "0000:00:02.0", "i915", vendor="0x8086")
    card(root, 1, "0000:03:00.0", "xe", vendor="0x8086")
    card(root, 2, "0000:04:00.0", "ast", vendor="0x8086")
    assert on_linux(root) == ("Intel GPU",)


def test_display_chips_of_servers_do_not_count(machine: Machine) -> None:
    root = machine("dev/kfd", "dev/dri/renderD128")
    card(root, 0, "0000:02:00.0", "ast", vendor="0x1a03")
    card(root, 1, "0000:03:00.0", "mgag200", vendor="0x102b")
    card(root, 2, "0000:04:00.0", "virtio-pci", vendor="0x1af4")
    assert on_linux(root) == ()


def test_devices_without_a_display(machine: Machine) -> None:
    root = machine("dev/neuron0")
    put(root, "sys/class/accel/accel0/device/vendor", "0x1da3\n")
    put(root, "sys/class/accel/accel1/device/vendor", "0x1ae0\n")
    put(root, "sys/class/accel/accel2/device/vendor", "0x8086\n")
    assert on_linux(root) == ("Intel Gaudi", "Google TPU", "AWS Neuron")


def test_files_with_anything_in_them_never_raise(machine: Machine) -> None:
    root = machine("dev/nvidia0", "dev/kfd")
    information = root / "proc/driver/nvidia/gpus/x/information"
    information.parent.mkdir(parents=True)
    information.write_bytes(b"\xff\xfe\0Model")
    card(root, 0, "odd address", "amdgpu", vendor="0x1002", mem_info_vram_total="lots")
    card(root, 1, "other address", "xe", vendor="0x8086")
    (root / "sys/class/accel").mkdir(parents=True)
    (root / "sys/class/accel/accel0").symlink_to("accel0")
    assert on_linux(root) == ("NVIDIA GPU",)


def test_other_systems_have_none(tmp_path: Path) -> None:
    assert detect_accelerators(tmp_path, "sunos5") == ()


# macOS


@pytest.mark.parametrize(
    ("processor", "answer", "expected"),
    [
        ("arm64", "Apple M2 Max\n", ("Apple M2 Max",)),
        ("arm64", "", ("Apple silicon",)),
        ("x86_64", "Intel(R) Core(TM) i9\n", ()),
    ],
)
def test_macs(monkeypatch: pytest.MonkeyPatch, processor: str, answer: str, expected: tuple[str, ...]) -> None:
    monkeypatch.setattr("platform.machine", lambda: processor)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=answer))
    assert detect_accelerators(Path("/"), "darwin") == expected


@pytest.mark.parametrize("error", [subprocess.TimeoutExpired("sysctl", 2), FileNotFoundError("sysctl")])
def test_a_mac_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setattr(subprocess, "run", fail)
    assert detect_accelerators(Path("/"), "darwin") == ("Apple silicon",)


# Windows


@pytest.mark.parametrize(
    ("adapter", "expected"),
    [
        ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090"),
        ("NVIDIA RTX A6000", "NVIDIA RTX A6000"),
        ("AMD Radeon RX 7900 XTX", "AMD Radeon RX 7900 XTX"),
        ("AMD Radeon PRO W7900", "AMD Radeon PRO W7900"),
        ("AMD Radeon(TM) Graphics", None),
        ("AMD Radeon 780M Graphics", None),
        ("Intel(R) Arc(TM) A770 Graphics", "Intel Arc A770 Graphics"),
        ("Intel(R) Arc(TM) B580 Graphics", "Intel Arc B580 Graphics"),
        ("Intel(R) Arc(TM) Graphics", None),
        ("Intel(R) UHD Graphics 770", None),
        ("Intel(R) Iris(R) Xe Graphics", None),
        ("Microsoft Basic Display Adapter", None),
        ("ASPEED Graphics Family(WDDM)", None),
        ("Matrox G200eH (HP) WDDM", None),
    ],
)
def test_display_adapters_by_name(adapter: str, expected: str | None) -> None:
    assert accelerator_name(adapter) == expected


def test_windows_reads_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = ["Intel(R) UHD Graphics 770", "NVIDIA GeForce RTX 4090"]
    monkeypatch.setattr(hardware, "_display_adapters", lambda: iter(adapters))
    assert detect_accelerators(Path("/"), "win32") == ("NVIDIA GeForce RTX 4090",)


@pytest.mark.skipif(sys.platform == "win32", reason="has a registry")
def test_a_missing_registry_is_no_error() -> None:
    assert detect_accelerators(Path("/"), "win32") == ()


def test_this_machine_can_be_asked() -> None:
    assert all(isinstance(each, str) and each for each in detect_accelerators())


def test_names_in_one_phrase() -> None:
    assert describe_accelerators(()) == ""
    assert describe_accelerators(("NVIDIA H200",)) == "NVIDIA H200"
    assert describe_accelerators(("NVIDIA H200",) * 8 + ("Intel GPU",)) == "8 x NVIDIA H200, Intel GPU"
