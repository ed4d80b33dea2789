"""Telegram, Zalo and browsers: spoken to as they expect, and sealed or proven as the channel allows."""

import base64
import json
import logging
import os

import http_ece
import pytest
from apprise.plugins.telegram import NotifyTelegram
from apprise.plugins.zalo import NotifyZalo
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from models import Subscription, db
from tests.people import INSIDE
from tests.receivers import deliver
from tests.tellings import tell
from tests.test_subscriptions import hook, state, subscribe  # noqa: F401
from tests.test_workflows import OFFICER, report

pytestmark = pytest.mark.only_on("sqlite")
BOTS = {"telegram": (NotifyTelegram, "TELEGRAM_TOKEN"), "zalo": (NotifyZalo, "ZALO_TOKEN")}
TOKEN = "123456789:" + "AbCdEfGhIjKlMnOpQrStUvWxYz012345678"


def base64url(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize("kind", BOTS)
def test_a_bot_brings_the_code_and_then_the_notices(app, as_, hook, monkeypatch, caplog, kind):  # noqa: F811
    plugin, setting = BOTS[kind]
    address = f"http://127.0.0.1:{hook.server_address[1]}/bot"
    own = {"telegram": address, "zalo": address + "{token}/sendMessage"}
    monkeypatch.setattr(plugin, "notify_url", own[kind])
    monkeypatch.setitem(app.config, setting, TOKEN)
    hook.body = b'{"ok": true}'
    officer = as_(OFFICER)
    made = subscribe(officer, kind=kind, address="4711").json
    deliver(app)
    path, _, body = hook.got[-1]
    said = json.loads(body)
    assert path == f"/bot{TOKEN}/sendMessage" and str(said["chat_id"]) == "4711"
    code = said["text"].partition("mã xác nhận ")[2][:6]
    assert officer.post(f"/subscriptions/{made['id']}/confirm", json={"code": code}).json["state"] == "active"
    incident = report(as_)
    tell(app)
    deliver(app)
    assert f"Vụ mới {incident['number']}" in json.loads(hook.bodies()[-1])["text"]
    hook.status = 403
    report(as_)
    tell(app)
    deliver(app)
    assert state(officer, made) == "failing"
    caplog.set_level(logging.DEBUG)
    assert TOKEN not in caplog.text


@pytest.fixture
def vapid(app, monkeypatch):
    """The server's key, as an administrator sets it."""
    key = Vapid02()
    key.generate_keys()
    raw = key.private_key.private_numbers().private_value.to_bytes(32, "big")
    monkeypatch.setitem(app.config, "VAPID_KEY", base64url(raw))
    return key


class Browser:
    """What a browser makes when somebody allows notifications."""

    def __init__(self):
        self.private, self.auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.keys = {"p256dh": base64url(point), "auth": base64url(self.auth)}

    def opened(self, body):
        return json.loads(http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth, version="aes128gcm"))


def test_only_the_browser_that_subscribed_can_read_what_is_pushed(app, as_, hook, vapid, in_app):  # noqa: F811
    browser, officer = Browser(), as_(OFFICER)
    (offered,) = (c for c in officer.get("/subscriptions").json["channels"] if c["kind"] == "web_push")
    public = vapid.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert offered == {"kind": "web_push", "available": True, "public_key": base64url(public)}
    made = subscribe(officer, kind="web_push", address=hook.url, keys=browser.keys)
    assert (made.status_code, made.json["state"]) == (201, "active")
    assert browser.keys["auth"] not in made.text + str(in_app(rows))
    hook.status = 201
    fire = report(as_, type="forest_fire", burning=True, location=dict(INSIDE))
    tell(app)
    deliver(app)
    (_, headers, body) = hook.got[0]
    pushed = browser.opened(body)
    assert pushed["title"] == f"Vụ mới {fire['number']}" and pushed["incident"] == fire["id"] and pushed["urgent"]
    assert (headers["Urgency"], headers["Content-Encoding"], len(headers["Topic"])) == ("high", "aes128gcm", 22)
    assert Vapid02.verify(headers["Authorization"])
    hook.status = 404
    report(as_)
    tell(app)
    deliver(app)
    assert state(officer, made.json) == "given_up", "the browser has forgotten it"


def rows():
    return [tuple(row) for row in db.session.execute(db.select(Subscription.__table__))]


def test_without_its_keys_a_browser_is_not_subscribed(app, as_, vapid):
    browser, address = Browser(), "https://push.kiemlam.vn/abc"
    bad = ({}, {"keys": {"p256dh": "x", "auth": "y"}}, {"keys": browser.keys | {"auth": "A" * 23}})
    for keys in bad:
        reply = subscribe(as_(OFFICER), kind="web_push", address=address, **keys)
        assert (reply.status_code, list(reply.json["errors"])) == (422, ["keys"])
