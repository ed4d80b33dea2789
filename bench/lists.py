"""List pages and weekly summaries, as the number of incidents grows."""

import json
from datetime import date
from typing import Any

from bench import clients, figures, messages
from bench.clients import Run
from bench.filling import fill, held
from bench.people import READERS, sign_in, tokens
from bench.processes import apart
from bench.servers import Server
from bench.sizes import Sizes

OK = 200
PAGE = 50
WARM_UP = 3
READ_WITHIN_S = 120
FILL_WITHIN_S = 600


def send_reads(port: int, path: str, token: str, count: int) -> Run:
    """In a process of its own: the same page again and again, one request after the other."""
    return clients.run(port, 1, [(messages.get(path, token),)] * count, OK, READ_WITHIN_S)


def measure_lists(server: Server, database: Any, address: str, sizes: Sizes, note: Any) -> dict[str, Any]:
    # Two real reports around each commune's centre; every other incident is a copy of one that the service made.
    from bench.reports import send_reports

    count = 2 * len(messages.centres())
    note(apart(send_reports, server.port, count, tokens(server), 4, 1, None, patience_s=180))
    measured = {}
    for size in sizes.incidents:
        seconds = apart(fill, size, environment=server.environment, patience_s=FILL_WITHIN_S)
        database.analyse(address)
        holds = apart(held, environment=server.environment, patience_s=60)
        measured[str(size)] = {"holds": holds, "fill_s": round(seconds, 1)} | _read(server, sizes, note)
    return measured


def _read(server: Server, sizes: Sizes, note: Any) -> dict[str, Any]:
    year, week, _ = date.today().isocalendar()
    pages: dict[str, dict[str, Any]] = {"list": {}, "weekly": {}}
    for role, username in READERS.items():
        signed_in = sign_in(server, username)
        token, unit = signed_in["access_token"], signed_in["user"]["unit"]["id"]
        paths = {"list": f"/incidents?limit={PAGE}", "weekly": f"/summaries/weekly?unit={unit}&week={year}-W{week:02d}"}
        for name, path in paths.items():
            pages[name][role] = _times(server, path, token, sizes, note)
        shown = _shown(server, paths["list"], token)
        if shown != PAGE:
            raise RuntimeError(f"the list of {username} shows {shown} incidents, not {PAGE}")
    return pages


def _times(server: Server, path: str, token: str, sizes: Sizes, note: Any) -> dict[str, float]:
    note(apart(send_reads, server.port, path, token, WARM_UP, patience_s=READ_WITHIN_S + 60))
    runs = []
    for _ in range(sizes.runs):
        run = apart(send_reads, server.port, path, token, sizes.reads, patience_s=READ_WITHIN_S + 60)
        note(run)
        one = figures.of_run(run)
        runs.append({"p50_ms": one["p50_ms"], "p99_ms": one["p99_ms"], "kb": run.bytes_in / max(1, run.done) / 1000})
    return figures.median(runs)


def _shown(server: Server, path: str, token: str) -> int:
    _, answer = server.ask("GET", f"{messages.BASE}{path}", headers={"Authorization": f"Bearer {token}"})
    return len(json.loads(answer)["items"])
