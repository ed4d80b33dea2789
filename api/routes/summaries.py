"""/summaries: the week as leaders read it."""

from flask import Response

from api.blueprint import Blueprint
from api.languages import language
from api.schemas.summaries import Summary, WeekRequest
from api.security import current_user, signed_in
from models.summaries import weekly
from services.summaries import csv
from services.summaries.build import build

summaries = Blueprint("summaries", url_prefix="/api/v1/summaries", description="Figures that add up")


@summaries.get("/weekly")
@signed_in
@summaries.arguments(WeekRequest, location="query")
@summaries.response(200, Summary)
def read_week(request):  # type: ignore[no-untyped-def]
    """A unit's week: violations and fires by commune and type."""
    return build(weekly(current_user, request["unit"], request["week"]), request["lang"] or language())


@summaries.get("/weekly.csv")
@signed_in
@summaries.arguments(WeekRequest, location="query")
@summaries.response(200, content_type="text/csv", schema={"type": "string"})
def read_week_as_csv(request):  # type: ignore[no-untyped-def]
    """The same for a spreadsheet."""
    spoken = request["lang"] or language()
    week = weekly(current_user, request["unit"], request["week"])
    name = f"tuan-{week.week}-{week.unit.code}.csv"
    return Response(
        csv.write(build(week, spoken), spoken),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
