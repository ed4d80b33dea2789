"""Assignments: who may answer for a unit's part, what the rows say together, and what the database refuses."""

from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from models import Assignment, Organisation, Role, Unit, User, db
from models.base import new_id, now
from tests.people import INSIDE
from tests.test_workflow_versions import at_once
from tests.test_workflows import OFFICER, PARTNER, REPORTER, report, state_of, step

LEAD_SIDE = (OFFICER, "officer.khu-vuc-muong-nhe", "leader.muong-nhe", "leader.dien-bien")
SUPPORT_SIDE = (PARTNER, "leader.muong-te", "leader.lai-chau")
STRANGERS = ("ranger.ta-tong", "officer.nam-ke", "officer.sa-pa", "leader.lao-cai", "admin")
BUSY = {"reason": "no_capacity", "text": "Đang chữa cháy ở Nậm Ngà."}


def row_of(incident, role):
    """The row that holds the lead, or the newest of the supports."""
    held = ("offered", "accepted", "concluded")
    found = [r for r in incident["assignments"] if r["role"] == role and (role == "support" or r["state"] in held)]
    return found[-1]


def answer(person, incident, role, action, **said):
    """Answer for a row, whoever's it is, decided on the version as the reporter would read it now."""
    seen = person.get(f"/incidents/{incident['id']}")
    path = f"/incidents/{incident['id']}/assignments/{row_of(incident, role)['id']}/actions"
    return person.post(path, json={"action": action} | said, headers={"If-Match": seen.headers.get("ETag", '"1-1"')})


def recruit(in_app, username, role, unit=None, organisation=None):
    """One more of the cast, with everybody's password, in a unit (by code) or an organisation (by name)."""

    def add():
        known = User.named("admin")
        home = Organisation.name == organisation
        db.session.add(
            User(
                id=new_id(),
                username=username,
                name="Người mới",
                role=Role(role),
                unit_id=Unit.by_code(unit).id if unit else None,
                organisation_id=db.session.scalars(db.select(Organisation.id).where(home)).one()
                if organisation
                else None,
                password_hash=known.password_hash,
            )
        )
        db.session.commit()

    in_app(add)


def disable(in_app, *usernames):
    def shut():
        for username in usernames:
            User.named(username).disabled_at = now()
        db.session.commit()

    in_app(shut)


@pytest.mark.parametrize(
    "role, allowed, others", [("support", SUPPORT_SIDE, LEAD_SIDE), ("lead", LEAD_SIDE, SUPPORT_SIDE)]
)
def test_only_officers_and_leaders_over_a_rows_unit_answer_for_it(as_, role, allowed, others):
    for who in allowed:
        incident = report(as_)
        assert "accept" in row_of(as_(who).read(incident), role)["actions"]
        reply = answer(as_(who), incident, role, "accept")
        assert (reply.status_code, row_of(reply.json, role)["state"]) == (200, "accepted"), who
        assert reply.json["status"] == "reported"
    taken = as_(OFFICER).read(incident)
    before = state_of(as_(OFFICER), taken)
    for who in (REPORTER, *others):
        assert row_of(as_(who).read(taken), role)["actions"] == []
        for action, status in (("accept", 409), ("decline", 409), ("conclude", 403 if role == "support" else 409)):
            assert answer(as_(who), taken, role, action, **BUSY).status_code == status, (who, action)
    for who in STRANGERS:
        assert answer(as_(who), taken, role, "accept").status_code == 404
    assert state_of(as_(OFFICER), taken) == before


def test_nobody_else_accepts_or_declines_an_offer(as_):
    incident = report(as_)
    before = state_of(as_(OFFICER), incident)
    for role, others in (("support", (REPORTER, *LEAD_SIDE)), ("lead", (REPORTER, *SUPPORT_SIDE))):
        for who in others:
            for action in ("accept", "decline"):
                reply = answer(as_(who), incident, role, action, **BUSY)
                assert (reply.status_code, reply.json["code"]) == (403, "not_allowed"), (who, role, action)
    assert state_of(as_(OFFICER), incident) == before


@pytest.mark.parametrize("who", [PARTNER, "leader.lai-chau"])
def test_a_support_concludes_its_part_once(as_, who):
    incident = report(as_)
    assert answer(as_(who), incident, "support", "conclude").status_code == 409
    assert answer(as_(who), incident, "support", "accept").status_code == 200
    done = answer(as_(who), incident, "support", "conclude", text="Đã giao biên bản.").json
    assert (row_of(done, "support")["state"], row_of(done, "support")["text"]) == ("concluded", "Đã giao biên bản.")
    assert answer(as_(who), incident, "support", "conclude").status_code == 409


def test_a_support_declines_for_any_coded_reason_with_a_text(as_):
    for reason in ("no_capacity", "not_our_land", "disputed_border", "other"):
        incident = report(as_)
        for said, missing in (({"text": "Vì mưa."}, "reason"), ({"reason": reason}, "text")):
            reply = answer(as_(PARTNER), incident, "support", "decline", **said)
            assert (reply.status_code, list(reply.json["errors"])) == (422, [missing])
        declined = answer(as_(PARTNER), incident, "support", "decline", reason=reason, text="Vì mưa lũ.")
        row = row_of(declined.json, "support")
        assert (row["state"], row["reason"], row["text"]) == ("declined", reason, "Vì mưa lũ.")
        assert (declined.json["lead"]["name"], declined.json["joint_status"]) == ("Xã Mường Toong", "single")
    assert answer(as_(PARTNER), report(as_), "support", "decline", reason="lười", text="x").status_code == 422


def test_a_leads_offer_never_expires_and_a_supports_is_due(as_):
    incident = report(as_)
    assert row_of(incident, "lead")["due_at"] is None
    assert row_of(incident, "support")["due_at"] > incident["received_at"]
    assert row_of(incident, "support")["contacts"], "an offer shows whom to phone"


def test_an_expired_offer_may_still_be_accepted_late(as_, in_app):
    incident = report(as_)

    def expire():
        db.session.get(Assignment, UUID(row_of(incident, "support")["id"])).state = "expired"
        db.session.commit()

    in_app(expire)
    assert row_of(as_(PARTNER).read(incident), "support")["actions"] == ["accept"]
    assert answer(as_(PARTNER), incident, "support", "accept").json["joint_status"] == "active"


def test_joint_status_says_how_far_the_units_are_together(as_):
    assert report(as_, location=dict(INSIDE))["joint_status"] == "single"
    incident = report(as_)
    assert incident["joint_status"] == "proposed"
    assert answer(as_(PARTNER), incident, "support", "accept").json["joint_status"] == "active"
    assert answer(as_(PARTNER), incident, "support", "conclude").json["joint_status"] == "concluded"


def test_a_row_of_another_incident_is_not_there(as_):
    incident, other = report(as_), report(as_)
    path = f"/incidents/{incident['id']}/assignments/{row_of(other, 'support')['id']}/actions"
    assert as_(PARTNER).post(path, json={"action": "accept"}, headers={"If-Match": '"1-1"'}).status_code == 404


def test_the_database_refuses_a_second_lead_and_a_second_open_row_for_a_unit(as_, in_app):
    incident = report(as_)
    units = {role: UUID(row_of(incident, role)["unit"]["id"]) for role in ("lead", "support")}
    stranger = UUID(as_("officer.sa-pa").user["unit"]["id"])

    def insert(role, state, unit_id, **more):
        facts = {"incident_id": UUID(incident["id"]), "unit_id": unit_id, "role": role, "state": state} | more
        db.session.execute(db.insert(Assignment).values(id=new_id(), **facts))
        db.session.rollback()

    for state in ("offered", "accepted", "concluded"):
        with pytest.raises(IntegrityError):
            in_app(lambda state=state: insert("lead", state, stranger))
    for state in ("offered", "accepted"):
        for unit_id in units.values():
            with pytest.raises(IntegrityError):
                in_app(lambda state=state, unit_id=unit_id: insert("support", state, unit_id))
    for state in ("declined", "expired", "withdrawn", "concluded", "handed_over"):
        in_app(lambda state=state: insert("support", state, units["support"]))
    in_app(lambda: insert("lead", "declined", stranger))
    in_app(lambda: insert("support", "offered", units["support"], hand_over=True))


def test_where_no_officer_serves_the_nearest_superior_with_people_is_offered_the_lead(as_, in_app):
    disable(in_app, OFFICER)
    incident = report(as_)
    assert incident["lead"]["name"] == "Khu vực Mường Nhé"
    assert incident["routing"]["lead"]["name"] == "Xã Mường Toong"
    assert step(as_, incident, "receive", by="leader.muong-nhe")["status"] == "received"
    disable(in_app, "officer.khu-vuc-muong-nhe", "leader.muong-nhe")
    assert report(as_)["lead"]["name"] == "Tỉnh Điện Biên"


def test_a_covering_ranger_station_keeps_a_commune_in_the_system_and_does_all_its_officers_may(as_, in_app):
    recruit(in_app, "officer.hat", "officer", organisation="Hạt Kiểm lâm khu vực Mường Nhé")
    disable(in_app, OFFICER)
    incident = report(as_)
    assert incident["lead"]["name"] == "Xã Mường Toong"
    station, path = as_("officer.hat"), f"/incidents/{incident['id']}"
    for action in ("receive", "ask", "answer", "verify", "confirm", "process", "refer", "take_back", "resolve"):
        step(as_, incident, action, by="officer.hat")
    assert station.get(f"{path}/restricted").status_code == 200
    assert station.post(f"{path}/notes", json={"text": "Đã đóng búa kiểm lâm."}).status_code == 201
    assert [i["id"] for i in station.get("/incidents").json["items"]] == [incident["id"]]
    assert step(as_, incident, "close", by="officer.hat")["status"] == "closed"
    assert answer(station, report(as_), "lead", "accept").status_code == 200
    abroad = as_("ranger.ta-tong").post("/incidents", json={**_elsewhere(), "id": str(new_id())}).json
    assert station.get(f"/incidents/{abroad['id']}").status_code == 404


def _elsewhere():
    return {"type": "wildlife", "found_at": now().isoformat(), "location": {"lat": 22.31, "lon": 102.6}}


def test_an_acceptance_and_a_refusal_at_the_same_moment_leave_one_answer(app, as_):
    incident = report(as_)
    people = [as_(PARTNER), as_("leader.muong-te")]
    for person in people:
        person.read(incident)
    path = f"/incidents/{incident['id']}/assignments/{row_of(incident, 'support')['id']}/actions"
    calls = [
        lambda person=person, said=said: person.post(path, json=said, headers={"If-Match": '"1-1"'})
        for person, said in zip(people, ({"action": "accept"}, {"action": "decline"} | BUSY), strict=True)
    ]
    replies = at_once(app, incident, *calls)
    assert sorted(r.status_code for r in replies) in ([200, 409], [200, 412])
    won = next(r.json for r in replies if r.status_code == 200)
    assert row_of(as_(PARTNER).read(incident), "support")["state"] == row_of(won, "support")["state"]
