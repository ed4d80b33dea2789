"""Photos on the wire."""

from marshmallow import EXCLUDE, Schema, fields, validate

from api.schemas.common import FINDINGS, Moment, sha256_hex
from api.security import current_user
from models import Photo


class PhotoDeclaration(Schema):
    """A photo that will come; what else a phone says of it is not ours to refuse."""

    class Meta:
        unknown = EXCLUDE

    sha256 = sha256_hex(required=True)
    size = fields.Integer(validate=validate.Range(0, 2**53 - 1))
    content_type = fields.String(validate=validate.Length(max=100))
    captured_at = Moment()


class PhotoView(Schema):
    id = fields.UUID(required=True)
    sha256 = fields.String(required=True)
    size = fields.Integer(required=True, allow_none=True, metadata={"description": "bytes"})
    content_type = fields.String(required=True, allow_none=True)
    captured_at = Moment(allow_none=True)
    state = fields.String(required=True, metadata={"enum": ["missing", "partial", "stored"]})
    preview = fields.String(required=True, metadata={"enum": ["pending", "ready", "unavailable"]})
    findings = fields.Function(lambda photo: Photo.findings_for(photo, current_user), required=True, metadata=FINDINGS)


class PhotoFacts(PhotoView):
    """One photo with what its file claims."""

    incident_id = fields.UUID(required=True)
    exif = fields.Function(
        lambda photo: photo.claims_for(current_user),
        metadata={
            "type": ["object", "null"],
            "description": "claims of the file (time, place, camera), for who sent it or may read the original",
        },
    )


class PhotoHeaders(Schema):
    sha256 = sha256_hex(data_key="X-Content-SHA256", load_default=None)
