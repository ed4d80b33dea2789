"""Versions on the wire: the ETag of an incident, and what If-Match and If-None-Match mean."""

from flask import request

from models import Incident, Person
from models.errors import Stale, VersionMissing

# Flask-Compress marks the ETag of a compressed answer, so clients send "3-7:br" back.
SUFFIXES = (":br", ":gzip", ":zstd", ":deflate")


def etag(incident: Incident) -> str:
    return f'"{incident.version}-{incident.revision}"'


def reply(incident: Incident, status: int = 200, **headers: str) -> tuple[Incident, int, dict[str, str]]:
    return incident, status, {"ETag": etag(incident)} | headers


def _bare(tag: str) -> str:
    tag = tag.strip().removeprefix("W/").strip('"')
    for suffix in SUFFIXES:
        tag = tag.removesuffix(suffix)
    return tag


def require_version(incident: Incident, user: Person) -> None:
    """Officers and leaders say on which version they decided; whoever says so is held to it."""
    given = request.headers.get("If-Match")
    if given is None:
        if user.decides:
            raise VersionMissing()
        return
    versions = {_bare(tag).split("-")[0] for tag in given.split(",")}
    if "*" not in versions and str(incident.version) not in versions:
        raise Stale()


def unchanged(incident: Incident) -> bool:
    given = request.headers.get("If-None-Match")
    return bool(given) and _bare(etag(incident)) in {_bare(tag) for tag in given.split(",")}  # type: ignore[union-attr]
