"""Reports per second, without and with a photo."""

import time
from itertools import cycle, islice
from typing import Any
from uuid import UUID

from bench import clients, figures, messages
from bench.clients import Run
from bench.figures import Figures
from bench.people import tokens
from bench.pictures import Picture, make_picture
from bench.processes import apart
from bench.servers import Server
from bench.sizes import Sizes

RUN_WITHIN_S = 120
CREATED = 201


def send_reports(port: int, count: int, users: list[str], concurrent: int, seed: int, picture: Picture | None) -> Run:
    """In a process of its own: prepare that many reports, each with its photo if there is one, then send them."""
    tasks = []
    for number, (report, token) in enumerate(islice(zip(messages.reports(seed), cycle(users)), count)):
        task: clients.Task = (messages.post_json("/incidents", token, report),)
        if picture:
            task += (messages.post_photo(UUID(report["id"]), token, picture, seed * 1_000_000 + number),)
        tasks.append(task)
    return clients.run(port, concurrent, tasks, CREATED, RUN_WITHIN_S)


def measure_reports(server: Server, sizes: Sizes, note: Any) -> dict[str, Any]:
    return {"clients": _levels(server, sizes, sizes.reports, None, note)}


def measure_photos(server: Server, sizes: Sizes, note: Any) -> dict[str, Any]:
    picture = make_picture()
    views, begun = server.count("view"), time.perf_counter()
    levels = _levels(server, sizes, sizes.photos, picture, note)
    made = server.count("view") - views
    return {
        "photo_kb": round(picture.size / 1000),
        "clients": levels,
        # Previews are made meanwhile by a child of the server, on the same cores; those left come later.
        "previews_per_s_meanwhile": round(made / (time.perf_counter() - begun), 1),
    }


def _levels(server: Server, sizes: Sizes, count: int, picture: Picture | None, note: Any) -> dict[str, Figures]:
    seed = 1
    send = [server.port, max(8, count // 10), tokens(server), 8, seed, picture]
    note(apart(send_reports, *send, patience_s=RUN_WITHIN_S + 60))  # not counted: caches fill, connections open
    levels = {}
    for concurrent in sizes.clients:
        users, runs = tokens(server), []
        for _ in range(sizes.runs):
            seed += 1
            send = [server.port, count, users, concurrent, seed, picture]
            before_s = server.cpu_s()
            run = apart(send_reports, *send, patience_s=RUN_WITHIN_S + 60)
            note(run)
            one = figures.of_run(run) | {"cpu_ms": (server.cpu_s() - before_s) * 1000 / max(1, run.done)}
            if picture:
                one["photo_p50_ms"] = figures.percentile(run.last_ms, 0.50)
                one["photo_p99_ms"] = figures.percentile(run.last_ms, 0.99)
            runs.append(one)
        levels[str(concurrent)] = figures.median(runs)
    return levels
