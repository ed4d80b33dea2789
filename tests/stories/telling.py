"""What the stories share: a case as its people see it, step by step, with one lead at every moment."""

from tests.tellings import tell
from tests.test_hand_over import act_on, arbitrate, offer

HOLDS_LEAD = ("offered", "accepted", "concluded")


class Case:
    """One incident, its steps by whoever takes them; each must succeed, and after each one unit leads."""

    def __init__(self, app, as_, who, report):
        self.app, self.as_, self.reporter = app, as_, who
        reply = as_(who).post("/incidents", json=report)
        assert reply.status_code == 201, reply.json
        self.now = self.checked(reply.json)

    def checked(self, incident):
        rows = incident["assignments"]
        leads = [row["unit"]["id"] for row in rows if row["role"] == "lead" and row["state"] in HOLDS_LEAD]
        assert leads == [incident["lead"]["id"]], rows
        return incident

    def done(self, reply):
        assert reply.status_code in (200, 201), reply.json
        self.now = self.checked(self.as_(self.reporter).read(self.now))
        return self.now

    def act(self, who, action, **said):
        return self.done(self.as_(who).act(self.now, action, **said))

    def answer(self, who, action, role="support", **said):
        return self.done(self.as_(who).answer(self.now, action, role=role, **said))

    def offer(self, who, to, **said):
        return self.done(offer(self.as_, who, self.now, to, **said))

    def accept_hand_over(self, who):
        row = next(r for r in self.now["assignments"] if r["hand_over"] and r["state"] == "offered")
        return self.done(act_on(self.as_, who, self.now, row, "accept"))

    def arbitrate(self, who, unit, **said):
        return self.done(arbitrate(self.as_, who, self.now, unit, **said))

    def post(self, who, below, **body):
        """Something below the case, as it was answered."""
        reply = self.as_(who).post(f"/incidents/{self.now['id']}/{below}", json=body)
        self.done(reply)
        return reply.json

    def read(self, who):
        return self.as_(who).read(self.now)

    @property
    def stands(self):
        """(who leads, the status, the joint status)"""
        return self.now["lead"]["name"], self.now["status"], self.now["joint_status"]

    def part_of(self, unit, role="support"):
        return next(r for r in reversed(self.now["assignments"]) if (r["unit"]["name"], r["role"]) == (unit, role))

    def heard(self, who):
        """What the inbox of a person says of the case, the newest first; numbers left out."""
        tell(self.app)
        items = self.as_(who).get("/notices").json["items"]
        mine = [n for n in items if n["incident"] and n["incident"]["number"] == self.now["number"]]
        return [n["text"].replace(self.now["number"], "…") for n in mine]

    def timeline(self, who):
        return self.as_(who).get(f"/incidents/{self.now['id']}/timeline").json["items"]


def hotspot(as_, who, name):
    return next(h for h in as_(who).get("/hotspots").json["items"] if name in h["name"])
