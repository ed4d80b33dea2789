"""Uploads on the wire: the headers of tus 1.0.0."""

import base64
import hashlib
import hmac
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from api.bodies import clean
from api.schemas.common import Moment, sha256_hex
from models.uploads import ChecksumMismatch

ALGORITHMS = ("sha1", "sha256", "sha512", "md5")
LONGEST_METADATA = 4096
MOST = 2**53 - 1


class Metadata(Schema):
    """What `Upload-Metadata` says, once decoded. Whatever else a client says of a file is kept as it was said."""

    class Meta:
        unknown = EXCLUDE

    incident = fields.UUID(required=True)
    sha256 = sha256_hex()
    captured_at = Moment()

    @pre_load
    def forgive(self, said: dict[str, str], **_: Any) -> dict[str, str]:
        """A time that cannot be read is no reason to refuse a photo."""
        said = {name: value for name, value in said.items() if value}
        if "sha256" in said:
            said["sha256"] = said["sha256"].lower()
        try:
            Moment().deserialize(said.get("captured_at"))
        except ValidationError:
            said.pop("captured_at", None)
        return said


METADATA = Metadata()


class Said(fields.String):
    """`name base64,name base64`, read, with the text as it was sent under `said`."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if len(value) > LONGEST_METADATA:
            raise ValidationError(f"Longer than maximum length {LONGEST_METADATA}.")
        pairs = {}
        for pair in filter(None, (part.strip() for part in str(value).split(","))):
            name, _, coded = pair.partition(" ")
            try:
                pairs[name] = clean(base64.b64decode(coded.strip(), validate=True).decode())
            except ValueError as error:
                raise ValidationError("String does not match expected pattern.") from error
        return METADATA.load(pairs) | {"said": value}


class Checksum(fields.Field):
    """`<algorithm> <base64>`: a hash that is being made, and what it should come to."""

    def __init__(self, **kwargs: Any):
        super().__init__(
            metadata={"type": "string", "description": f"one of {', '.join(ALGORITHMS)}, then base64"}, **kwargs
        )

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> "Expected":
        name, _, digest = str(value).partition(" ")
        try:
            if name not in ALGORITHMS:
                raise ValidationError(f"Must be one of: {', '.join(ALGORITHMS)}.")
            return Expected(name, base64.b64decode(digest.strip(), validate=True))
        except ValueError as error:
            raise ValidationError("String does not match expected pattern.") from error


class Expected:
    def __init__(self, name: str, digest: bytes):
        self._hash, self._digest = hashlib.new(name, usedforsecurity=False), digest

    def update(self, piece: bytes) -> None:
        self._hash.update(piece)

    def check(self) -> None:
        if not hmac.compare_digest(self._hash.digest(), self._digest):
            raise ChecksumMismatch()


class TusHeaders(Schema):
    version = fields.String(data_key="Tus-Resumable", required=True, metadata={"enum": ["1.0.0"]})


class PartHeaders(TusHeaders):
    checksum = Checksum(data_key="Upload-Checksum", load_default=None)


class CreationHeaders(PartHeaders):
    length = fields.Integer(data_key="Upload-Length", required=True, validate=validate.Range(1, MOST))
    metadata = Said(
        data_key="Upload-Metadata",
        required=True,
        metadata={"description": "incident (its id), sha256, filename, captured_at: each with its value in base64"},
    )


class PatchHeaders(PartHeaders):
    offset = fields.Integer(data_key="Upload-Offset", required=True, validate=validate.Range(0, MOST))
