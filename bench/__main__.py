"""`make bench`: measure each database, the previews and the routing, print a table, write results.json."""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import databases, machine, table
from bench.clients import Run
from bench.lists import measure_lists
from bench.previews import measure_previews
from bench.processes import apart
from bench.reports import measure_photos, measure_reports
from bench.routing import NATIONAL, measure_routing
from bench.servers import Server
from bench.sizes import FULL, QUICK, Sizes
from bench.sync import measure_sync

RESULTS = Path(__file__).parent / "results.json"
STAGES = ("reports", "sync", "lists", "photos", "previews", "routing")
WITHOUT_SERVER = ("previews", "routing")


class Notes:
    """Answers that nobody wanted, counted by stage and status."""

    def __init__(self) -> None:
        self.unexpected: dict[str, dict[str, int]] = {}

    def of(self, stage: str) -> Any:
        def note(run: Run) -> None:
            if run.unexpected:
                known = Counter(self.unexpected.get(stage, {}))
                known.update({str(status or "no answer"): n for status, n in run.unexpected.items()})
                self.unexpected[stage] = dict(sorted(known.items()))

        return note


def main() -> int:
    options = read_options()
    sizes = QUICK if options.quick else FULL
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything started is stopped on the way out
    notes = Notes()
    with tempfile.TemporaryDirectory(prefix="giap-ranh-bench-") as name:
        folder = Path(name)
        results: dict[str, Any] = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(folder),
            "databases": {},
        }
        for kind in options.databases:
            results["databases"][kind] = measure_database(kind, folder, options.only, sizes, notes)
        if "previews" in options.only:
            say("previews")
            results["previews"] = apart(measure_previews, sizes, patience_s=600)
        if "routing" in options.only:
            results["routing"] = national_routing(sizes)
    results["unexpected"] = notes.unexpected
    print("\n" + "\n".join(table.lines(results)))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
        print(f"\n{options.out}")
    return 1 if notes.unexpected else 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small run of each, to try the tool")
    parser.add_argument("--only", type=listed(STAGES), default=STAGES, help=f"some of {','.join(STAGES)}")
    kinds = tuple(databases.ALL)
    parser.add_argument("--databases", type=listed(kinds), default=kinds, help=f"some of {','.join(kinds)}")
    parser.add_argument("--out", type=Path, help="file of the results; by default results.json, of a whole run only")
    options = parser.parse_args()
    whole = not options.quick and set(options.only) == set(STAGES) and options.databases == kinds
    options.out = options.out or (RESULTS if whole else None)
    return options


def listed(known: tuple[str, ...]) -> Any:
    def read(text: str) -> tuple[str, ...]:
        wanted = text.split(",")
        if unknown := [name for name in wanted if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return tuple(name for name in known if name in wanted)

    return read


def measure_database(kind: str, folder: Path, only: tuple[str, ...], sizes: Sizes, notes: Notes) -> dict[str, Any]:
    wanted = [stage for stage in STAGES if stage in only and stage not in WITHOUT_SERVER]
    if not wanted:
        return {"skipped": "not asked for"}
    try:
        database = databases.ALL[kind]()
    except (RuntimeError, ImportError) as error:
        return {"skipped": str(error)}
    measured: dict[str, Any] = {"version": database.version, "settings": {}, "start": {}}
    with a_server(database, folder, "start") as (server, _):
        say(f"{kind}: start-up")
        measured["start"] = measure_start(server)
        measured["settings"] = database.settings(server.environment)
    for stage in wanted:
        with a_server(database, folder, stage) as (server, address):
            say(f"{kind}: {stage}")
            server.start()
            server.wait_for_previews()
            note = notes.of(f"{kind} {stage}")
            if stage == "reports":
                measured[stage] = measure_reports(server, sizes, note)
            elif stage == "sync":
                measured[stage] = measure_sync(server, sizes, note)
            elif stage == "photos":
                measured[stage] = measure_photos(server, sizes, note)
            else:
                measured[stage] = {"sizes": measure_lists(server, database, address, sizes, note)}
            measured[stage]["memory_mib"] = server.memory_mib()
    return measured


@contextlib.contextmanager
def a_server(database: Any, folder: Path, stage: str) -> Iterator[tuple[Server, str]]:
    """One not yet started, with an empty database: no stage inherits what another left. Stopped at the end."""
    place = folder / f"{database.name}-{stage}"
    place.mkdir()
    address = database.fresh(stage)
    server = Server(place, address)
    try:
        yield server, address
    finally:
        server.stop()


def measure_start(server: Server) -> dict[str, Any]:
    cold_s = server.start()
    server.wait_for_previews()
    server.stop()
    again_s = server.start()
    time.sleep(1)
    return {"cold_s": round(cold_s, 2), "again_s": round(again_s, 2), "memory_mib": server.memory_mib()}


def national_routing(sizes: Sizes) -> dict[str, Any]:
    if not NATIONAL.exists():
        return {"skipped": f"{NATIONAL.name} is not in ../shared/data/boundaries"}
    say("routing")
    return apart(measure_routing, NATIONAL, sizes.points, patience_s=600)


def say(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S}  {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
