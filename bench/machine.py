"""What was measured on: figures mean little without it."""

import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def describe(folder: Path) -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _line(Path("/proc/cpuinfo"), "model name"),
        "memory_mib": int(_line(Path("/proc/meminfo"), "MemTotal").split()[0]) // 1024,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),  # well above 0: somebody else was at work, measure again
        "fsync_ms": round(fsync_ms(folder), 3),
        "commit": commit(),
    }


def fsync_ms(folder: Path) -> float:
    """Median time to write 4 KiB durably where the databases lie: no commit can be faster."""
    path, times = folder / "fsync", []
    with open(path, "wb", buffering=0) as file:
        for _ in range(50):
            begun = time.perf_counter()
            file.write(b"\0" * 4096)
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begun) * 1000)
    path.unlink()
    return statistics.median(times)


def commit() -> str:
    """The commit measured, with a "+" when the folder had changes beside it."""
    try:
        changed = _git("status", "--porcelain", "--untracked-files=no")
        return _git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _line(path: Path, name: str) -> str:
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "0")
