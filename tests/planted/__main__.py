"""Apply each patch to a copy of the project and run the tests that must catch it: `make planted [ONLY=name]`.

A patch opens with `Bug:` (what it breaks) and `Caught by:` (arguments for pytest); the diff follows.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "__pycache__", "instance", "uploads", ".*_cache", ".hypothesis")
PATIENCE_S = 600
TESTS_FAILED = 1  # pytest's exit code; any other is an accident, not a catch


def said(patch: Path, what: str) -> str:
    found = re.search(rf"^{what}: (.+)$", patch.read_text("utf-8"), re.MULTILINE)
    if not found:
        raise SystemExit(f"{patch.name}: no line “{what}: …”")
    return found[1]


def caught(patch: Path) -> tuple[bool, str]:
    """Whether the tests fail with the bug in, and pytest's last words."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        (copy / "uploads").mkdir()
        applied = subprocess.run(["git", "apply", str(patch)], check=False, cwd=copy, capture_output=True, text=True)
        if applied.returncode:
            return False, f"the patch no longer applies: {applied.stderr.strip()}"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            *shlex.split(said(patch, "Caught by")),
        ]
        run = subprocess.run(
            command,
            check=False,
            cwd=copy,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        words = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return run.returncode == TESTS_FAILED and bool(words), words[0] if words else run.stdout.strip()[-300:]


def main() -> int:
    only = sys.argv[1:] or [""]
    patches = [p for p in sorted(HERE.glob("*.patch")) if any(name in p.name for name in only)]
    missed = []
    for patch in patches:
        found, words = caught(patch)
        print(f"{'caught' if found else 'MISSED'}  {patch.stem}: {said(patch, 'Bug')}\n        {words}", flush=True)
        if not found:
            missed.append(patch.stem)
    print(
        f"{len(patches) - len(missed)} of {len(patches)} planted bugs caught"
        + (f"; missed: {missed}" if missed else "")
    )
    return 1 if missed or not patches else 0


if __name__ == "__main__":
    sys.exit(main())
