"""The results as people read them, beside the figures to compare with."""

from collections.abc import Iterator
from typing import Any

# What the best comparable service reached: 8 clients, 2 cores, a list of 50 among 10,000.
PEER_REPORTS_PER_S = 150
PEER_PHOTOS_PER_S = 63
PEER_LIST_MS = 92
READERS = {"commune_officer": "commune officer", "district_leader": "district leader", "province_leader": "province"}


def lines(results: dict[str, Any]) -> Iterator[str]:
    machine = results["machine"]
    yield f"{machine['processor']}, {machine['cores']} cores, {machine['memory_mib']} MiB, Python {machine['python']}"
    yield f"fsync {machine['fsync_ms']} ms, load before {machine['load_before']}, commit {machine['commit']}"
    for name, measured in results["databases"].items():
        yield ""
        if "skipped" in measured:
            yield f"== {name}: NOT MEASURED ({measured['skipped']})"
            continue
        settings = ", ".join(f"{k} {v}" for k, v in measured["settings"].items())
        yield f"== {name} {measured['version']} ({settings})"
        yield from _database(measured)
    if previews := results.get("previews"):
        yield ""
        yield from _previews(previews)
    if routing := results.get("routing"):
        yield ""
        yield from _routing(routing)
    for stage, statuses in results["unexpected"].items():
        yield f"UNEXPECTED ANSWERS in {stage}: " + ", ".join(f"{n} × {s}" for s, n in statuses.items())


def _database(measured: dict[str, Any]) -> Iterator[str]:
    start = measured["start"]
    yield _row("start-up, empty database with demo", f"{start['cold_s']} s")
    yield _row("start-up again", f"{start['again_s']} s")
    yield _row("memory of the worker", f"{start['memory_mib']['worker']} MiB")
    titles = (("reports", "report", PEER_REPORTS_PER_S), ("photos", "report + photo", PEER_PHOTOS_PER_S))
    for stage, title, peer in titles:
        for clients, one in measured.get(stage, {}).get("clients", {}).items():
            shown = f"{one['per_s']:>7} /s   p50 {one['p50_ms']:>7} ms   p99 {one['p99_ms']:>7} ms"
            shown += f"   cpu {one['cpu_ms']} ms"
            yield _row(f"{title}, {clients} clients", shown, f"peer {peer} /s" if clients == "8" else "")
        if stage in measured:
            yield _row(f"memory after {stage}", _memory(measured[stage]))
    if sync := measured.get("sync"):
        yield from _sync(sync)
    for size, pages in measured.get("lists", {}).get("sizes", {}).items():
        for page, title in (("list", "list of 50"), ("weekly", "week")):
            for reader, one in pages[page].items():
                peer = f"peer {PEER_LIST_MS} ms" if (page, size) == ("list", "10000") else ""
                shown = f"p50 {one['p50_ms']:>7} ms   p99 {one['p99_ms']:>7} ms   {one['kb']:>6} kB"
                yield _row(f"{title}, {READERS[reader]}, {int(size):,}", shown, peer)
    if "lists" in measured:
        yield _row("memory after lists", _memory(measured["lists"]))


def _sync(sync: dict[str, Any]) -> Iterator[str]:
    for clients, one in sync["clients"].items():
        shown = f"{one['per_s']:>7} /s   batch p50 {one['batch_p50_ms']:>7} ms   p99 {one['batch_p99_ms']:>7} ms"
        yield _row(f"reports by {sync['batch']}, {clients} clients", f"{shown}   cpu {one['cpu_ms']} ms")
    size, feed = sync["bytes"], sync["feed"]
    yield _row("one report on the wire", f"{size['alone_out']:.0f} bytes, answer {size['alone_back']:.0f}")
    yield _row(f"in a batch of {sync['batch']}, each", f"{size['in_batch_out']} bytes, answer {size['in_batch_back']}")
    shown = f"{feed['ms']} ms   {feed['per_s']} /s   {feed['kb']} kB"
    yield _row(f"feed of {feed['changes']:,} changes by {feed['page']}", shown)
    yield _row("memory after sync", _memory(sync))


def _previews(made: dict[str, Any]) -> Iterator[str]:
    yield f"== previews of a photo of {made['megapixels']:.0f} megapixels, {made['photo_kb']} kB"
    shown = f"{made['ms']} ms   cpu {made['cpu_ms']} ms   peak {made['peak_mib']} MiB"
    yield _row("thumb and view by the child", f"{shown}   {made['thumb_kb']} and {made['view_kb']} kB")


def _routing(routing: dict[str, Any]) -> Iterator[str]:
    if "skipped" in routing:
        yield f"== routing: NOT MEASURED ({routing['skipped']})"
        return
    yield f"== routing among {routing['communes']:,} communes, {routing['points']:,} points"
    yield _row("index built", f"{routing['index_s']} s (read {routing['read_s']} s)")
    for name, title in (("first_time", "decisions, first time"), ("again", "decisions, again")):
        one = routing[name]
        yield _row(title, f"{one['per_s']:>7} /s   p50 {one['p50_ms']:>7} ms   p99 {one['p99_ms']:>7} ms")


def _memory(stage: dict[str, Any]) -> str:
    return f"{stage['memory_mib']['worker']} MiB (peak {stage['memory_mib']['worker_peak']})"


def _row(title: str, shown: str, beside: str = "") -> str:
    return f"  {title:<38}{shown:<66}{beside}".rstrip()
