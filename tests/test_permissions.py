"""Who may do what: every route for every kind of person, and every step of an incident in every status."""

from datetime import timedelta
from uuid import uuid4

from models.base import db, now
from models.clock import local, week_of
from models.leading import RIGHTS
from services import worker
from tests.people import BORDER, new_report
from tests.phones import act, note, operation, photos
from tests.pictures import jpeg
from tests.tellings import tell
from tests.test_architecture import routes
from tests.test_assignments import recruit, row_of
from tests.test_editions import sending
from tests.test_workflows import EXPECTED, SAID, WAY, report, state_of, walk

# By their part in a case that Mường Toong leads and to which Tà Tổng has been asked.
CAST = {
    "reporter": ("ranger.muong-toong",),
    "officers": ("officer.muong-toong", "officer.khu-vuc-muong-nhe", "leader.muong-toong"),
    "leaders": ("leader.muong-nhe", "leader.dien-bien"),
    "partners": ("officer.ta-tong", "leader.muong-te", "leader.lai-chau"),
    "strangers": ("ranger.hai", "officer.nam-ke", "leader.lao-cai", "admin"),
}
EVERYONE = (200, 200, 200, 200, 200)
PICTURE = jpeg()
# A step without its arguments: 422 says that one might, 403 that one may not, 404 that one does not even see.
# fmt: off
ROUTES = {
    #                                        reporter officers leaders partners strangers
    "POST auth.login":                       (422, 422, 422, 422, 422),
    "POST auth.refresh":                     (422, 422, 422, 422, 422),
    "POST auth.logout":                      (204, 204, 204, 204, 204),
    "GET auth.me":                           EVERYONE,
    "GET auth.read_bootstrap":               EVERYONE,
    "GET auth.my_devices":                   EVERYONE,
    "DELETE auth.revoke_device":             (404, 404, 404, 404, 404),
    "DELETE auth.sign_out_elsewhere":        (204, 204, 204, 204, 204),
    "PUT auth.change_password":              (422, 422, 422, 422, 422),
    "POST enrolments.ask_for_code":          (422, 422, 422, 422, 422),
    "POST enrolments.enrol":                 (422, 422, 422, 422, 422),
    "GET users.list_users":                  (403, 200, 200, 200, {200, 403}),
    "POST users.create_user":                (422, 422, 422, 422, 422),
    "PATCH users.change_user":               (403, 403, 403, 404, {200, 404}),
    "POST users.set_password":               (422, 422, 422, 422, 422),
    "GET users.list_devices":                (403, 200, 200, 404, {200, 404}),
    "DELETE users.sign_out":                 (404, 404, 404, 404, 404),
    "DELETE users.revoke_device":            (404, 404, 404, 404, 404),
    "GET units.list_units":                  EVERYONE,
    "GET units.read_unit":                   EVERYONE,
    "GET units.locate":                      EVERYONE,
    "GET units.list_boundaries":             EVERYONE,
    "GET units.list_organisations":          EVERYONE,
    "GET units.list_incident_types":         EVERYONE,
    "POST incidents.report_incident":        (422, 422, 422, 422, 422),
    "GET incidents.list_incidents":          EVERYONE,
    "GET incidents.read_incident":           (200, 200, 200, 200, 404),
    "GET incidents.read_restricted_facts":   (403, 200, 200, 403, 404),
    "POST incidents.act_on_incident":        (403, 422, 403, 403, 404),
    "POST incidents.answer_assignment":      (403, 403, 403, 422, 404),
    "POST incidents.offer_assignment":       (403, 409, 403, 403, 404),
    "POST incidents.arbitrate":              (409, 409, 409, 409, 404),
    "POST incidents.record_call":            (403, 201, 201, 201, 404),
    "POST joint_verifications.record_joint_verification": (403, 201, 403, 403, 404),
    "GET joint_verifications.list_joint_verifications": (200, 200, 200, 200, 404),
    "GET documents.list_documents":          (200, 200, 200, 200, 404),
    "GET documents.print_as_pdf":            (403, 200, 200, 403, 404),
    "GET documents.print_as_html":           (403, 200, 200, 403, 404),
    "GET incidents.list_possible_duplicates": (403, 200, 200, 403, 404),
    "POST incidents.write_note":             (201, 201, 201, 201, 404),
    "GET incidents.read_private_notes":      (403, 200, 200, 200, 404),
    "GET incidents.read_timeline":           (200, 200, 200, 200, 404),
    "POST fires.add_update":                 (409, 409, 409, 409, 404),
    "GET fires.list_updates":                (200, 200, 200, 200, 404),
    "POST links.create_link":                (403, 201, 403, 403, 404),
    "GET links.list_links":                  (403, 200, 403, 403, 404),
    "DELETE links.revoke_link":              (403, 204, 403, 403, 404),
    "POST photos.add_photo":                 (200, 200, 200, 200, 404),
    "GET photos.read_photo":                 (200, 200, 200, 200, 404),
    "GET photos.read_thumb":                 (200, 200, 200, 200, 404),
    "GET photos.read_view":                  (200, 200, 200, 200, 404),
    "GET photos.read_original":              (403, 200, 200, 403, 404),
    "POST uploads.create_upload":            (412, 412, 412, 412, 412),
    "PATCH uploads.continue_upload":         (412, 412, 412, 412, 412),
    "DELETE uploads.end_upload":             (412, 412, 412, 412, 412),
    "GET summaries.read_week":               (404, 200, 200, 404, 404),
    "GET summaries.read_week_as_csv":        (404, 200, 200, 404, 404),
    "POST sync.exchange":                    EVERYONE,
    "GET sync.read_changes":                 EVERYONE,
    "GET sync.read_key":                     EVERYONE,
    "POST sync.deliver":                     (422, 422, 422, 422, 422),
    "POST sync.verify_receipt":              (422, 422, 422, 422, 422),
    "GET agreements.list_agreements":         EVERYONE,
    "GET agreements.read_agreement":         (200, 200, 200, 200, {200, 404}),
    "POST agreements.sign_agreement":        (422, 422, 422, 422, 422),
    "GET disputes.read_ledger":              EVERYONE,
    "GET case.read_case":                    EVERYONE,
    "POST case.answer_case":                 (422, 422, 422, 422, 422),
    "GET case.read_picture":                 EVERYONE,
    "GET case.style":                        EVERYONE,
    "GET contacts.list_contacts_of_unit":           EVERYONE,
    "POST contacts.add_contact_of_unit":            (422, 422, 422, 422, 422),
    "DELETE contacts.end_contact_of_unit":          (403, 404, 404, 403, {403, 404}),
    "GET contacts.list_contacts_of_organisation":   EVERYONE,
    "POST contacts.add_contact_of_organisation":    (422, 422, 422, 422, 422),
    "DELETE contacts.end_contact_of_organisation":  (403, 403, 403, 403, {403, 404}),
    "GET hotspots.list_hotspots":            EVERYONE,
    "GET hotspots.read_hotspot":             (200, 200, 200, 200, {200, 404}),
    "POST hotspots.enter_hotspot":           (422, 422, 422, 422, 422),
    "PATCH hotspots.change_hotspot":         (403, 200, 200, 200, {200, 403, 404}),
    "GET disputed_grounds.list_grounds":     EVERYONE,
    "GET disputed_grounds.read_ground":      (200, 200, 200, 200, {200, 404}),
    "POST disputed_grounds.record_ground":   (422, 422, 422, 422, 422),
    "PUT disputed_grounds.settle_ground":    (422, 422, 422, 422, 422),
    "DELETE disputed_grounds.reopen_ground": (403, {403, 409}, 409, {403, 409}, {403, 404, 409}),
    "POST disputed_grounds.note_dialogue":   (422, 422, 422, 422, 422),
    "GET boundaries.list_editions":          (403, 403, 403, 403, {200, 403}),
    "POST boundaries.draft_edition":         (403, 403, 403, 403, {403, 422}),
    "GET boundaries.read_edition":           (403, 403, 403, 403, {200, 403}),
    "DELETE boundaries.discard_draft":       (403, 403, 403, 403, {204, 403}),
    "POST boundaries.activate_edition":      (422, 422, 422, 422, 422),
    "POST boundaries.deactivate_edition":    (422, 422, 422, 422, 422),
    "GET notices.list_notices":              EVERYONE,
    "POST notices.take_note":                (404, 200, 200, 404, 404),
    "GET subscriptions.list_subscriptions":  EVERYONE,
    "POST subscriptions.subscribe":          (422, 422, 422, 422, 422),
    "GET subscriptions.read_subscription":   (404, {200, 404}, 404, 404, 404),
    "DELETE subscriptions.end_subscription": (404, {204, 404}, 404, 404, 404),
    "POST subscriptions.confirm_subscription": (422, 422, 422, 422, 422),
    "POST subscriptions.prove_subscription": (404, {404, 409}, 404, 404, 404),
    "POST subscriptions.renew_secret":       (422, 422, 422, 422, 422),
    "GET subscriptions.list_deliveries":     (404, {200, 404}, 404, 404, 404),
    "POST subscriptions.send_again":         (404, {404, 409}, 404, 404, 404),
    "GET healthz":                           EVERYONE,
    "GET readyz":                            EVERYONE,
    "GET metrics":                           EVERYONE,
    "GET docs":                              EVERYONE,
    "GET docs_start":                        EVERYONE,
    "GET docs_asset":                        EVERYONE,
}
WHO = {
    "officer":             {"officers"},
    "officer or leader":   {"officers", "leaders"},
    "reporter or officer": {"reporter", "officers"},
    "reporter":            {"reporter"},
    "former support":      {"partners"},
}
# fmt: on


class Scene:
    """One case with a photo and its previews, and how to knock at every route with it."""

    def __init__(self, app, as_, in_app, **facts):
        self.app, self.as_, self.in_app = app, as_, in_app
        recruit(in_app, "leader.muong-toong", "leader", unit="03163")
        recruit(in_app, "ranger.hai", "ranger", unit="03163")
        self.incident = report(as_, **facts)
        self.photo = self.add_photo()
        self.agreement, self.hotspot, self.organisation = (
            as_("ranger.muong-toong").get(path).json["items"][0]["id"]
            for path in ("/agreements", "/hotspots", "/organisations")
        )
        self.edition = self.add_edition()
        self.ground, self.link, self.unused_link = self.add_ground(), self.add_link(), self.add_link()
        self.subscription = self.add_subscription()
        worker.run_once(app)
        tell(app)
        self.notice = as_("officer.muong-toong").get("/notices").json["items"][0]["id"]

    def add_link(self):
        path, who = f"/incidents/{self.incident['id']}/links", self.as_("officer.muong-toong")
        return who.post(path, json={"agency": "Đồn Biên phòng Mường Nhé", "reason": "Nhờ phối hợp."}).json

    def add_subscription(self):
        """Of the lead unit's office; nothing is sent here."""
        said = {"kind": "webhook", "address": "https://kiemlam.vn/tin", "unit_id": self.incident["lead"]["id"]}
        return self.as_("leader.muong-toong").post("/subscriptions", json=said).json["id"]

    def add_ground(self):
        """Disputed between the two, 2 km east of the case."""
        ring = [[102.62, 22.24], [102.63, 22.24], [102.63, 22.25], [102.62, 22.24]]
        sides = [candidate["unit"]["id"] for candidate in self.incident["routing"]["candidates"]]
        said = {"name": "Khe Nậm Mì", "polygon": {"type": "Polygon", "coordinates": [ring]}, "claimants": sides}
        return self.as_("admin").post("/disputed-grounds", json=said).json["id"]

    def add_edition(self):
        """A draft that nobody puts in force."""
        reply = self.as_("admin").post("/boundaries", json=sending())
        assert reply.status_code == 201
        return reply.json["id"]

    def add_photo(self):
        path = f"/incidents/{self.incident['id']}/photos"
        reply = self.as_("ranger.muong-toong").post(path, data=jpeg())
        assert reply.status_code == 201
        return reply.json

    def request(self, rule, hidden=None):
        """(path, what to send along); with `hidden`, the same for an id that does not exist."""
        incident, lead = self.incident["id"], self.incident["lead"]["id"]
        kind = rule.endpoint.partition(".")[0]
        ids = {"units": lead, "photos": self.photo["id"], "agreements": self.agreement, "notices": self.notice}
        ids |= dict.fromkeys(("incidents", "fires", "joint_verifications", "documents", "links"), incident)
        ids |= {"contacts": lead, "hotspots": self.hotspot, "disputed_grounds": self.ground, "boundaries": self.edition}
        ids["subscriptions"] = self.subscription
        if rule.rule.startswith("/api/v1/organisations/"):
            ids["contacts"] = self.organisation
        if rule.endpoint in ("users.change_user", "users.list_devices"):  # of the reporter
            ids["users"] = self.as_("ranger.muong-toong").user["id"]
        id = incident if rule.endpoint == "photos.add_photo" else ids.get(kind, str(uuid4()))
        row = row_of(self.incident, "support")["id"]
        path = rule.rule.replace("<uuid:id>", hidden or id).replace("<uuid:assignment_id>", row)
        path = path.replace("<uuid:device_id>", str(uuid4())).replace("<uuid:contact_id>", str(uuid4()))
        path = path.replace("<name>", "swagger-ui.css").replace("<kind>", "scene_minutes")
        path = path.replace("<uuid:link_id>", self.unused_link["id"]).replace("<uuid:delivery_id>", str(uuid4()))
        path = path.replace("<token>", self.link["token"]).replace("<uuid:photo_id>", self.photo["id"])
        week = week_of(local(now() - timedelta(hours=1)).date())
        more = {
            "units.locate": {"query_string": BORDER},
            "summaries.read_week": {"query_string": {"unit": hidden or lead, "week": week}},
            "summaries.read_week_as_csv": {"query_string": {"unit": hidden or lead, "week": week}},
            "incidents.act_on_incident": {"json": {"action": "dismiss"}},
            "incidents.answer_assignment": {"json": {"action": "decline"}},
            "incidents.offer_assignment": {"json": {"unit_id": lead, "reason": "Nhờ phối hợp."}},
            "incidents.arbitrate": {"json": {"lead_unit_id": lead, "reason": "Theo bản đồ 364."}},
            "incidents.record_call": {"json": {"unit_id": lead, "answered": False}},
            "joint_verifications.record_joint_verification": {"json": {"held_on": "2025-11-20"}},
            "incidents.write_note": {"json": {"text": "Đã gọi trưởng bản."}},
            "fires.add_update": {"json": {"status": "fighting"}},
            "links.create_link": {"json": {"agency": "Công an xã", "reason": "Nhờ phối hợp."}},
            "case.answer_case": {"data": {"answer": "note"}},
            "photos.add_photo": {"data": PICTURE},
            "disputed_grounds.reopen_ground": {"query_string": {"reason": "Chưa thống nhất."}},
        }
        if rule.endpoint == "sync.exchange":
            more[rule.endpoint] = {"json": {"operations": self.operations(hidden)}}
        return path, more.get(rule.endpoint, {"json": {}} if rule.methods & {"POST", "PUT", "PATCH"} else {})

    def operations(self, hidden=None):
        """One of each kind, some of which everybody is refused."""
        incident, row = {"id": hidden or self.incident["id"]}, {"id": hidden or row_of(self.incident, "support")["id"]}
        return [
            operation("incident.create", new_report(id=incident["id"])),
            act(incident, "dismiss", version=0, reason="Nhầm."),
            act(incident, "answer", answer="Ở khe Nậm Mì."),
            note(incident, "Đã gọi trưởng bản."),
            photos(incident, self.photo["sha256"]),
            operation(
                "assignment.create",
                {"unit_id": self.incident["lead"]["id"], "reason": "Nhờ."},
                subject=incident["id"],
                version=0,
            ),
            operation("assignment.action", {"action": "decline"}, subject=row["id"], version=0),
            operation("fire.update", {"status": "fighting"}, subject=incident["id"]),
        ]

    def cast(self):
        """All of them where rights are worked out; the database's share in it shows with one of each part."""
        full = self.in_app(lambda: db.engine.dialect.name) == "sqlite"
        return {part: people if full else people[:1] for part, people in CAST.items()}

    def knock(self, who, rule, method, hidden=None, query=None):
        person = self.as_(who)
        path, more = self.request(rule, hidden)
        if query:
            more = more | {"query_string": more.get("query_string", {}) | query}
        headers = {"Authorization": f"Bearer {person.tokens['access_token']}"}
        if method == "POST":
            headers["If-Match"] = "*"
        return person.client.open(path, method=method, headers=headers, **more)


def all_routes(app):
    """Every (rule, method); signing out comes last, for nothing works after it."""
    found = [(rule, method) for rule, _, method in routes(app)]
    return sorted(found, key=lambda pair: pair[0].endpoint == "auth.logout")


def test_every_route_answers_every_kind_of_person_as_declared_here(app, as_, in_app):
    scene = Scene(app, as_, in_app)
    cast, wrong = scene.cast(), {}
    assert {f"{method} {rule.endpoint}" for rule, method in all_routes(app)} == ROUTES.keys()
    for rule, method in all_routes(app):
        answers = [{scene.knock(who, rule, method).status_code for who in people} for people in cast.values()]
        declared = [status if isinstance(status, set) else {status} for status in ROUTES[f"{method} {rule.endpoint}"]]
        if not all(map(set.__eq__ if cast == CAST else set.__le__, answers, declared)):
            wrong[f"{method} {rule.endpoint}"] = answers
    assert wrong == {}
    assert as_("officer.sa-pa").get("/incidents").json["items"] == []


def may(part, action, status):
    """Whether the table lets this part of the cast take the step."""
    sources, _, by, _ = EXPECTED[action]
    corrects = (action, status, part) == ("correct", "reported", "reporter")
    return status in sources and (part in WHO[by] or corrects)


def test_in_every_status_each_may_take_the_steps_of_their_part_and_no_others(as_, in_app):
    recruit(in_app, "leader.muong-toong", "leader", unit="03163")
    original = report(as_)["id"]
    for status in WAY:
        joint = status in ("unfounded", "duplicate")
        incident = walk(as_, status, partner=joint)
        before = state_of(as_("ranger.muong-toong"), incident)
        for part, people in CAST.items():
            if part == "strangers" or (part == "partners" and status == "closed"):
                continue
            for who in people:
                allowed = {action for action in EXPECTED if may(part, action, status)}
                steps = set(as_(who).read(incident)["actions"]) - set(RIGHTS)
                assert steps == allowed, (status, who)
            for action, (sources, *_) in EXPECTED.items():
                if status in sources and action not in allowed:
                    said = SAID.get(action, {"duplicate_of": original} if action == "mark_duplicate" else {})
                    reply = as_(people[-1]).act(incident, action, **said)
                    assert (reply.status_code, reply.json["code"]) == (403, "not_allowed"), (status, people[-1], action)
        assert state_of(as_("ranger.muong-toong"), incident) == before


def test_once_their_part_has_ended_units_read_but_no_longer_write(as_):
    incident = report(as_)
    note = {"text": "Ghi chú của Tà Tổng."}
    path = f"/incidents/{incident['id']}"
    assert as_("officer.ta-tong").post(f"{path}/notes", json=note).status_code == 201
    as_("officer.ta-tong").answer(incident, "decline", reason="other", text="Không thuộc phạm vi.")
    for address, sent in (("notes", {"json": note}), ("photos", {"data": jpeg()})):
        reply = as_("officer.ta-tong").post(f"{path}/{address}", **sent)
        assert (reply.status_code, reply.json["code"]) == (403, "not_allowed")
    assert as_("officer.ta-tong").get(path).status_code == 200


def test_photos_and_notes_of_reporter_and_lead_are_taken_in_every_status(as_):
    for status in ("closed", "unfounded", "need_info"):
        incident = walk(as_, status)
        for who in ("ranger.muong-toong", "officer.muong-toong"):
            path = f"/incidents/{incident['id']}"
            assert as_(who).post(f"{path}/notes", json={"text": "Bổ sung."}).status_code == 201, (status, who)
            assert as_(who).post(f"{path}/photos", data=jpeg()).status_code in (200, 201)
