"""The machine that a run was made on."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path


def machine_facts(cores: int, checkout: Path) -> dict[str, str]:
    """What a reader needs to judge the figures; nothing that names the machine."""
    return {
        "date": datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat(),
        "processor": f"{_processor()}, {cores} of {os.cpu_count()} cores used",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}, {platform.python_implementation()} "
        f"{platform.python_version()}",
        "greenlint commit": _commit(checkout),
        "load before the run": f"{os.getloadavg()[0]:.2f}",
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _commit(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
