"""/metrics for Prometheus: requests, reports, photos, connections. One view over all processes of the server."""

import hashlib
import hmac
import ipaddress
import os
import shutil
import tempfile
import time
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import REGISTRY

from api.config import ROOT, home
from api.errors import plain
from api.security import public
from models import db

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter("http_requests", "Requests answered", ["route", "method", "status"])
SECONDS = Histogram("http_request_seconds", "From request to answer", ["route", "method"], buckets=BOUNDS_S)
OPEN = Gauge("http_requests_open", "Requests being answered", multiprocess_mode="livesum")
REPORTS = Counter("reports", "Reports taken, not counting those sent again", ["type"])
PHOTOS = Counter("photos", "Photos taken, not counting those sent again")
CONNECTIONS = Gauge("database_connections_used", "Connections in use at the last request", multiprocess_mode="livesum")


def prepare() -> str:
    """Before the server starts: an empty folder for the counts of its processes.

    In memory where there is such a place: the counts are mapped files, and a process that writes to one on a full
    disk is killed. Reports must be refused then, not their senders cut off.
    """
    memory = Path("/dev/shm")
    own = hashlib.sha256(str(home().resolve()).encode()).hexdigest()[:16]
    place = memory if os.access(memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    folder = place / f"giap-ranh-{os.getuid()}-{own}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return str(folder)


def forget_process(pid: int) -> None:
    """A process has ended: what it counted stays, what it held open is gone."""
    if FOLDER in os.environ:
        mark_process_dead(pid)


def install(app: Flask) -> None:
    app.before_request(begin)
    app.after_request(count)
    app.teardown_request(end)

    @app.get("/metrics")
    @public
    def metrics() -> Response:
        """For Prometheus: with its token, or from this machine itself."""
        refusal = refuse()
        return refusal or Response(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


def refuse() -> Response | None:
    """A token decides when one is shown; else only the machine itself, and not through a proxy, is answered."""
    token, shown = current_app.config["METRICS_TOKEN"], request.headers.get("Authorization", "")
    if token and shown:
        return None if hmac.compare_digest(shown.encode(), f"Bearer {token}".encode()) else plain(401)
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return None if not forwarded and _is_loopback(request.remote_addr) else plain(404)


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def begin() -> None:
    g.counted_open = True
    OPEN.inc()


def end(_error: BaseException | None) -> None:
    if g.pop("counted_open", False):
        OPEN.dec()


def count(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "unknown"
    method = request.method if request.method in METHODS else "other"  # clients may invent some
    _requests(route, method, response.status_code).inc()
    _seconds(route, method).observe(time.perf_counter() - g.begun)
    CONNECTIONS.set(db.engine.pool.checkedout())  # type: ignore[attr-defined]
    for type in g.get("types_taken", ()):  # of a batch
        _reports(type).inc()
    if response.status_code == 201:
        if request.endpoint == "incidents.report_incident":
            _reports(g.body["type"]).inc()
        elif request.endpoint == "photos.add_photo":
            PHOTOS.inc()
    return response


# Looking a series up costs more than counting in it.
@cache
def _requests(route: str, method: str, status: int) -> Any:
    return REQUESTS.labels(route, method, status)


@cache
def _seconds(route: str, method: str) -> Any:
    return SECONDS.labels(route, method)


@cache
def _reports(type: str) -> Any:
    return REPORTS.labels(type)


class Build:
    """What runs here, said at each reading."""

    def collect(self) -> Any:
        family = GaugeMetricFamily("build_info", "What runs here", labels=["version", "database"])
        family.add_metric([version(), db.engine.dialect.name], 1)
        yield family


def registry() -> CollectorRegistry:
    found = CollectorRegistry()
    if os.environ.get(FOLDER):
        MultiProcessCollector(found)
    else:
        found.register(REGISTRY)  # type: ignore[arg-type]
    found.register(Build())  # type: ignore[arg-type]
    return found


@cache
def version() -> str:
    return tomllib.loads(Path(ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
