"""Versions on the wire: the ETag of an incident, and what If-Match and If-None-Match mean."""

from flask import request

from models import Incident, Person

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


def versions_in(tags: str | None) -> set[str] | None:
    """The version parts of ETags, as If-Match or an operation of a batch names them; None when none is named."""
    return None if tags is None else {_bare(tag).split("-")[0] for tag in tags.split(",")}


def require_version(incident: Incident, user: Person) -> None:
    incident.check_decided_on(user, versions_in(request.headers.get("If-Match")))


def unchanged(incident: Incident) -> bool:
    given = request.headers.get("If-None-Match")
    return bool(given) and _bare(etag(incident)) in {_bare(tag) for tag in given.split(",")}  # type: ignore[union-attr]
