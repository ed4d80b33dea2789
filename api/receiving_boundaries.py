"""Boundaries as they come in: streamed to disk, bounded, read and tried before the transaction begins."""

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from flask import g, request
from marshmallow import ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from api.bodies import clean
from api.incoming import BROKEN_OFF, CHUNK, IncomingRequest, hang_up, one_upload
from api.languages import translate
from api.schemas.boundaries import NewEdition
from api.security import current_user
from api.transaction import stop_reading
from models import edition_drafts, edition_effects
from models.boundaries import Edition
from models.errors import Busy, CutShort, DomainError, Incomplete, Invalid
from services.activation import effect_now
from services.bad_file import BadFile
from services.bad_file_english import in_english
from services.boundary_features import features_of, fields_of
from services.boundary_files import Layer, read_layer
from services.boundary_files.geojson import layer_in
from services.editions import (
    Reform,
    content_sha256,
    drafted,
    place_on_earth,
    try_out,
)
from services.units import NEEDED, SUCCESSION, checked, rows_of

LARGEST_BYTES = 64 << 20  # the whole country simplified as GeoJSON is half of it
JSON = ("application/json", "application/geo+json")
_one_at_a_time = threading.Lock()  # a national file takes some hundred MB of memory while it is read


class UnusableFile(DomainError):
    code = "unusable_file"
    vi = "{said}"
    en = "{said}"


class InvalidOptions(DomainError):
    code = "invalid"
    vi = "Dữ liệu chưa đúng; xem từng trường trong “errors”."
    en = "Some data is not right; see “errors” by field."


@dataclass
class Sent:
    """Boundaries that were read and tried."""

    id: UUID
    reform: Reform
    content_sha256: str
    report: dict[str, Any]
    effect: dict[str, Any] | None
    digest: str | None


def receives_boundaries(view: Callable[..., Any]) -> Callable[..., Any]:
    """The file is on disk, read and tried before the transaction begins: others write meanwhile."""

    @wraps(view)
    def wrapper() -> Any:
        edition_drafts.require_admin(current_user)
        stop_reading()
        with reading() as folder:
            try:
                sent = _tried(*_received(cast(IncomingRequest, request), folder))
            except BadFile as error:
                sentence = str(error).replace(" / ", "/")
                raise UnusableFile(said=f"{sentence} / {in_english(sentence)}") from error
        g.body = {"content_sha256": sent.content_sha256}  # what "the same request" means, the body being gone
        return view(sent)

    return wrapper


@contextmanager
def reading() -> Iterator[Path]:
    """A folder for what comes. Raises Busy while another such file is being read by this process."""
    if not _one_at_a_time.acquire(blocking=False):
        hang_up()
        raise Busy()
    try:
        with one_upload(), tempfile.TemporaryDirectory(prefix="giap-ranh-") as folder:
            yield Path(folder)
    finally:
        _one_at_a_time.release()


def _tried(said: dict[str, Any], layer: Layer, units: list[Any], successions: list[Any]) -> Sent:
    features = features_of(layer, fields_of(said["fields_"]))
    reform = Reform(said["edition"], said["valid_from"], said["valid_to"], features, units, successions)
    reform.described = {name: said[name] for name in ("source", "licence", "legal_reference", "error_m")}
    reform.described["source"] = reform.described["source"] or layer.source
    if reform.valid_to and reform.valid_to < reform.valid_from:
        raise Invalid("valid_to", "không trước valid_from / not before valid_from")
    system = place_on_earth(reform, layer.source, said["epsg"], layer.epsg)
    sha256 = content_sha256(reform)
    if known := edition_drafts.sent_before(said["id"], sha256):
        return _again(known, reform, sha256)
    edition_drafts.check_name(reform.name)
    stop_reading()
    tried = try_out(reform)
    effect = edition_effects.shown(tried.effect), edition_effects.digest(tried.effect)
    return Sent(said["id"], reform, sha256, drafted(tried, system), *effect)


def _again(known: Edition, reform: Reform, sha256: str) -> Sent:
    id, effect = known.id, effect_now(known)
    told = (edition_effects.shown(effect), edition_effects.digest(effect)) if effect else (None, None)
    return Sent(id, reform, sha256, {}, *told)


def _received(taking: IncomingRequest, folder: Path) -> tuple[dict[str, Any], Layer, list[Any], list[Any]]:
    """The options, the polygons, and the rows beside them, of any of the bodies that are taken."""
    taking.max_content_length = LARGEST_BYTES
    try:
        if taking.mimetype == "multipart/form-data":
            return _of_form(taking, folder)
        if taking.mimetype in JSON:
            return _of_json(taking, folder / "boundaries.geojson")
    except BROKEN_OFF as error:
        raise CutShort() from error
    raise UnsupportedMediaType()


def _of_form(taking: IncomingRequest, folder: Path) -> tuple[dict[str, Any], Layer, list[Any], list[Any]]:
    said = _options(taking.form.to_dict())
    paths = {}
    for field, file in taking.files.items():
        paths[field] = folder / f"{field}-{Path(file.filename or '').name[-80:] or 'tep'}"
        file.save(paths[field])
    if "file" not in paths:
        raise Incomplete("file")
    rows = {
        name: rows_of(paths[name], needed) if name in paths else checked(said[name], needed, name)
        for name, needed in (("units", NEEDED), ("successions", SUCCESSION))
    }
    return said, read_layer(paths["file"], said["layer"]), rows["units"], rows["successions"]


def _of_json(taking: IncomingRequest, path: Path) -> tuple[dict[str, Any], Layer, list[Any], list[Any]]:
    """An object with the options and `boundaries`; or the boundaries themselves, the options in the query."""
    with open(path, "wb") as file:
        while chunk := taking.stream.read(CHUNK):
            file.write(chunk)
    if not taking.is_packed and taking.content_length is not None and path.stat().st_size < taking.content_length:
        raise CutShort()
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise BadFile("Nội dung không phải JSON hợp lệ.") from None
    if not isinstance(content, dict):
        raise BadFile("Nội dung phải là một đối tượng JSON.")
    found = content if content.get("type") == "FeatureCollection" else content.pop("boundaries", None)
    beside = {k: v for k, v in content.items() if k not in ("type", "features", "crs", "name")}
    said = _options(clean(beside) | taking.args.to_dict())
    if found is None:
        raise Incomplete("boundaries")
    rows = checked(said["units"], NEEDED, "units"), checked(said["successions"], SUCCESSION, "successions")
    return said, layer_in(found, "boundaries"), *rows


def _options(given: dict[str, Any]) -> dict[str, Any]:
    try:
        return cast(dict[str, Any], NewEdition().load(given))
    except ValidationError as error:
        raise InvalidOptions(errors=_flat(translate(error.normalized_messages()))) from None


def _flat(messages: dict[str, Any]) -> dict[str, list[str]]:
    return {name: said if isinstance(said, list) else [str(said)] for name, said in messages.items()}


BINARY = {"type": "string", "format": "binary"}
OPTIONS: dict[str, Any] = {
    name: {"type": "string"} for name in ("edition", "fields", "layer", "source", "licence", "legal_reference")
} | {
    "id": {"type": "string", "format": "uuid"},
    "valid_from": {"type": "string", "format": "date"},
    "valid_to": {"type": "string", "format": "date"},
    "epsg": {"type": "integer"},
    "error_m": {"type": "number"},
}
NEEDS = ["id", "edition", "valid_from"]
ROWS = {"type": "array", "items": {"type": "object"}}
BODY = {
    "type": "object",
    "required": [*NEEDS, "boundaries"],
    "properties": OPTIONS | {"boundaries": {"type": "object"}, "units": ROWS, "successions": ROWS},
}
FORM = {
    "type": "object",
    "required": [*NEEDS, "file"],
    "properties": OPTIONS | {"file": BINARY, "units": BINARY, "successions": BINARY},
}
BODIES = {
    "required": True,
    "description": "The options of `flask boundaries import` with a GeoJSON FeatureCollection in `boundaries`, or as a "
    "form with a `file` of any format that the command takes; `units` and `successions` are rows (in a form: CSV files)",
    "content": {"application/json": {"schema": BODY}, "multipart/form-data": {"schema": FORM}},
}
