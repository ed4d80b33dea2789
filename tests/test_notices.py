from services import notices as telling
from models import db
from models.database import write_transaction
from models.jobs import Job
from services import worker
from tests.phones import settle
from tests.test_workflows import *

def tell(app):
    settle(app)
    worker.prepare(app)
    while worker.run_once(app):
        pass

def test_try(app, as_):
    i = report(as_)
    tell(app)
    for who in ("ranger.muong-toong", OFFICER, PARTNER, "leader.lai-chau", "leader.dien-bien", "officer.nam-ke"):
        r = as_(who).get("/notices?unread=true")
        print(who, r.status_code, [(n["kind"], n["unit"] and n["unit"]["name"], n["text"]) for n in r.json["items"]] )
    n = as_(PARTNER).get("/notices").json["items"][0]
    print(n)
    print(as_(PARTNER).post(f"/notices/{n['id']}/ack").json)
    print(as_(PARTNER).get("/notices?unread=true").json, as_("leader.lai-chau").get("/notices?unread=true", headers={"Accept-Language":"en"}).json)
    print(as_(PARTNER).get("/sync").json["notices"], as_(OFFICER).get("/sync").json["notices"], as_(OFFICER).get("/bootstrap").json["unread"])
    assert 0
