"""What the child that makes previews takes for a photo of 12 megapixels: time, processor time and memory."""

import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import figures
from bench.sizes import Sizes

WIDTH, HEIGHT = 4000, 3000
QUALITY = 85
CHILD = Path(__file__).parent.parent / "services" / "preview.py"


def measure_previews(sizes: Sizes) -> dict[str, Any]:
    """In a process of its own: one photo again and again, as the service starts the child, without what is stored after."""
    with tempfile.TemporaryDirectory(prefix="giap-ranh-bench-") as name:
        folder = Path(name)
        original = folder / "original"
        original.write_bytes(_picture())
        runs = [_once(original, folder / f"thumb{n}", folder / f"view{n}") for n in range(sizes.previews)]
        measured = {"megapixels": WIDTH * HEIGHT / 1e6, "photo_kb": round(original.stat().st_size / 1000)}
        sizes_kb = {f"{kind}_kb": round((folder / f"{kind}0").stat().st_size / 1000, 1) for kind in ("thumb", "view")}
        return measured | sizes_kb | figures.median(runs)


def _picture() -> bytes:
    """A hillside under fine grain: neither smooth nor only noise."""
    from PIL import Image

    slope = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    grain = Image.effect_noise((WIDTH, HEIGHT), 30)
    image = Image.merge("RGB", (Image.blend(slope, grain, 0.3), Image.blend(slope, grain, 0.4), grain))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _once(original: Path, *drafts: Path) -> dict[str, float]:
    begun = time.perf_counter()
    command = [sys.executable, "-I", "-B", str(CHILD), str(original), *map(str, drafts)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/")
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"the child that makes previews ended with {child.returncode}")
    seconds = time.perf_counter() - begun
    return {"ms": seconds * 1000, "cpu_ms": (used.ru_utime + used.ru_stime) * 1000, "peak_mib": used.ru_maxrss / 1024}
