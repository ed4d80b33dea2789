"""Offline sync: reports in batches of 200, the bytes they take on the wire, and the feed of what changed."""

import gzip
import json
import time
from itertools import cycle, islice
from typing import Any

from bench import clients, figures, messages
from bench.clients import Run
from bench.figures import Figures
from bench.people import RANGERS, sign_in, tokens
from bench.processes import apart
from bench.servers import Server
from bench.sizes import Sizes

RUN_WITHIN_S = 120
OK = 200
BATCH = 200  # the most that one request carries
CLIENTS = (1, 8)
PAGE = 100
SETTLES_WITHIN_S = 30


def send_batches(port: int, count: int, users: list[str], concurrent: int, seed: int) -> Run:
    """In a process of its own: prepare that many batches, then send them."""
    reports = messages.reports(seed)
    tasks = [
        (messages.post_packed("/sync", token, messages.batch(list(islice(reports, BATCH)))),)
        for token in islice(cycle(users), count)
    ]
    return clients.run(port, concurrent, tasks, OK, RUN_WITHIN_S)


def measure_sync(server: Server, sizes: Sizes, note: Any) -> dict[str, Any]:
    note(apart(send_batches, server.port, 2, tokens(server), 2, 1, patience_s=RUN_WITHIN_S + 60))
    levels, seed = {}, 1
    for concurrent in CLIENTS:
        runs = []
        for _ in range(sizes.runs):
            seed += 1
            before_s = server.cpu_s()
            send = [server.port, sizes.batches, tokens(server), concurrent, seed]
            run = apart(send_batches, *send, patience_s=RUN_WITHIN_S + 60)
            note(run)
            runs.append(_of_reports(run, server.cpu_s() - before_s))
        levels[str(concurrent)] = figures.median(runs)
    return {"batch": BATCH, "clients": levels, "bytes": _bytes(server), "feed": _feed(server, sizes)}


def _of_reports(run: Run, cpu_s: float) -> Figures:
    one, reports = figures.of_run(run), max(1, run.done * BATCH)
    times = {"batch_p50_ms": one["p50_ms"], "batch_p99_ms": one["p99_ms"]}
    return {"per_s": one["per_s"] * BATCH} | times | {"cpu_ms": cpu_s * 1000 / reports}


def _bytes(server: Server) -> dict[str, float]:
    """Of one report by itself and of each in a full batch: the packed body, and the packed answer. Headers apart."""
    token, found = sign_in(server, RANGERS[0])["access_token"], {}
    for name, count in (("alone", 1), ("in_batch", BATCH)):
        sent, answer = _exchange(server, token, list(islice(messages.reports(count + 1000), count)))
        found[f"{name}_out"] = round(sent / count, 1)
        found[f"{name}_back"] = round(len(answer) / count, 1)
    return found


def _exchange(server: Server, token: str, reports: list[dict[str, Any]]) -> tuple[int, bytes]:
    """How many bytes went out and the bytes that came back, once it is seen that all were created."""
    body = messages.post_packed("/sync", token, messages.batch(reports))[1]
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Accept-Encoding": "gzip",
    }
    status, answer = server.ask("POST", f"{messages.BASE}/sync", body, headers)
    results = json.loads(_unpacked(answer))["results"] if status == OK else []
    if [one["result"] for one in results] != ["created"] * len(reports):
        raise RuntimeError(f"a batch was not taken: {status} {answer[:300]!r}")
    return len(body), answer


def _unpacked(answer: bytes) -> bytes:
    return gzip.decompress(answer) if answer.startswith(b"\x1f\x8b") else answer


def _feed(server: Server, sizes: Sizes) -> dict[str, float]:
    """What a phone is told that was away while so many incidents came: seconds, and bytes, for all of them."""
    token = sign_in(server, RANGERS[0])["access_token"]
    cursor, _, _ = _read(server, token, None, 0)
    reports = messages.reports(7)
    for _ in range(0, sizes.changes, BATCH):
        _exchange(server, token, list(islice(reports, BATCH)))
    runs = []
    for _ in range(sizes.runs):
        begun = time.perf_counter()
        _, items, size = _read(server, token, cursor, sizes.changes)
        seconds = time.perf_counter() - begun
        runs.append({"ms": seconds * 1000, "per_s": items / seconds, "kb": size / 1000})
    return {"changes": sizes.changes, "page": PAGE} | figures.median(runs)


def _read(server: Server, token: str, since: str | None, expected: int) -> tuple[str, int, int]:
    """Page after page; the new cursor, how many items and how many bytes. Waits until as many as expected have settled."""
    until = time.perf_counter() + SETTLES_WITHIN_S
    while True:
        cursor, items, size, more = since, 0, 0, True
        while more:
            path = f"{messages.BASE}/sync?limit={PAGE}" + (f"&since={cursor}" if cursor else "")
            headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
            status, answer = server.ask("GET", path, headers=headers)
            if status != OK:
                raise RuntimeError(f"the feed was not told: {status} {answer[:300]!r}")
            page = json.loads(_unpacked(answer))
            cursor, more = page["cursor"], page["more"]
            items, size = items + len(page["items"]), size + len(answer)
        if items >= expected:
            return str(cursor), items, size
        if time.perf_counter() > until:
            raise RuntimeError(f"{items} of {expected} changes were told")
