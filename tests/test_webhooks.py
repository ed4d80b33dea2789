"""Webhooks: signed by Standard Webhooks as a receiver checks it, into the open internet alone, and never waited for."""

import json
import socket
import time
from datetime import timedelta

import pytest
import time_machine
from standardwebhooks import Webhook, WebhookVerificationError

from models.base import now
from models.channels import is_public
from services.channels import outcomes, public_addresses
from services.channels.public_addresses import post
from tests.people import INSIDE
from tests.receivers import deliver
from tests.tellings import tell
from tests.test_subscriptions import hook, proven_hook, state, subscribe  # noqa: F401
from tests.test_workflows import OFFICER, report


def checked(secret, got):
    """What a receiver reads, once its library has found the signature good."""
    _, headers, body = got
    return Webhook(secret).verify(body, headers)


def test_a_receiver_verifies_what_it_is_sent_with_the_library(app, as_, hook):  # noqa: F811
    officer = as_(OFFICER)
    made = subscribe(officer, kind="webhook", address=hook.url).json
    assert made["state"] == "unproven"
    deliver(app)
    test = checked(made["secret"], hook.got[0])
    assert test["type"] == "test" and state(officer, made) == "active"
    incident = report(as_)
    tell(app)
    deliver(app)
    path, headers, _ = hook.got[1]
    said = checked(made["secret"], hook.got[1])
    (notice,) = officer.get("/notices").json["items"]
    assert path == "/tin?don-vi=muong-toong" and said["type"] == "notice"
    assert said["data"]["id"] == notice["id"] and said["data"]["incident"] == notice["incident"]
    assert (said["data"]["title"], said["data"]["text"]) == (notice["title"], notice["text"])
    assert said["data"]["kind"] == "lead_asked" and said["data"]["incident"]["id"] == incident["id"]
    (sent,) = (d for d in officer.get(f"/subscriptions/{made['id']}/deliveries").json["items"] if d["notice"])
    assert headers["webhook-id"] == sent["id"] and sent["attempts"][0]["status"] == 200
    with pytest.raises(WebhookVerificationError):
        checked("whsec_" + "A" * 43 + "=", hook.got[1])


@pytest.mark.only_on("sqlite")
def test_two_secrets_live_while_one_takes_the_place_of_the_other(app, as_, hook):  # noqa: F811
    officer = as_(OFFICER)
    made = proven_hook(app, officer, hook)
    path = f"/subscriptions/{made['id']}/secret"
    renewed = officer.post(path, json={"number": 2}).json
    assert renewed["secret"] != made["secret"] and renewed["secret_number"] == 2
    assert officer.post(path, json={"number": 2}).status_code == 409, "a repeat passes over no secret"
    report(as_)
    tell(app)
    deliver(app)
    for secret in (made["secret"], renewed["secret"]):
        assert checked(secret, hook.got[-1])["type"] == "notice"
    (sent,) = (d for d in officer.get(f"/subscriptions/{made['id']}/deliveries").json["items"] if d["notice"])
    with time_machine.travel(now() + timedelta(hours=25)):
        later = as_(OFFICER, "máy khác")
        assert later.post(f"/subscriptions/{made['id']}/deliveries/{sent['id']}/send").status_code == 200
        deliver(app)
        assert checked(renewed["secret"], hook.got[-1])
        with pytest.raises(WebhookVerificationError):
            checked(made["secret"], hook.got[-1])
    assert len({headers["webhook-id"] for _, headers, _ in hook.got}) == 1


def test_an_office_hears_what_its_unit_is_told_and_nothing_else(app, as_, hook, in_app):  # noqa: F811
    unit = as_("leader.muong-nhe").user["unit"]["id"]
    proven_hook(app, as_("leader.muong-nhe"), hook, unit_id=unit)
    report(as_, location=dict(INSIDE))
    tell(app)
    deliver(app)
    assert hook.got == [], "the commune was told, not the area above it"


# Where it may lead


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    "address",
    "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 192.0.2.1"
    " ::1 :: fe80::1 fc00::1 fec0::1 ff02::1 2001:db8::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::a00:1"
    " 2002:7f00:1:: 2001:0:4136:e378:8000:63bf:f5ff:fffe fe80::1%eth0".split(),
)
def test_addresses_that_are_not_of_the_open_internet(address):
    assert not is_public(address)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("address", ["8.8.8.8", "203.162.4.191", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_addresses_that_are(address):
    assert is_public(address)


@pytest.fixture
def names(monkeypatch):
    """`names["kiemlam.vn"] = [addresses]`: what a name leads to, the first time, the second time …"""
    known, asked, real = {}, [], socket.getaddrinfo

    def look_up(host, port, *args, **kwargs):
        if host not in known:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        addresses = known[host][min(asked.count(host), len(known[host])) - 1]
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, port)) for a in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.only_on("sqlite")
def test_a_name_that_leads_inside_is_not_spoken_to(names, hook):  # noqa: F811
    port = hook.server_address[1]
    for addresses in (["127.0.0.1"], ["203.162.4.191", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]):
        names["noi-bo.vn"] = [addresses]
        outcome = post(f"http://noi-bo.vn:{port}/tin", b"{}", {})
        assert (outcome.result, outcome.status) == ("not_public", None), addresses
    assert hook.got == []


@pytest.mark.only_on("sqlite")
def test_a_name_is_looked_up_once_and_the_machine_that_was_looked_at_is_the_one_spoken_to(names, monkeypatch):
    """DNS rebinding: an open address for the check, an inner one for the connection."""
    names["doi-ten.vn"] = [["203.162.4.191"], ["127.0.0.1"]]
    spoken_to = []

    def connect(address, timeout):
        spoken_to.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    assert post("https://doi-ten.vn/tin", b"{}", {}).result == "unreachable"
    assert spoken_to == [("203.162.4.191", 443)]


@pytest.mark.only_on("sqlite")
def test_a_name_that_nobody_answers_for_does_not_hang(names, monkeypatch):
    monkeypatch.setattr(public_addresses, "CONNECT_S", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(0.5) or [])
    assert post("https://khong-tra-loi.vn/", b"{}", {}).result == "timed_out"


# How it answers


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    "status, result",
    [(200, "sent"), (204, "sent"), (302, "redirected"), (410, "gone"), (429, "refused"), (500, "refused")],
)
def test_only_a_2xx_is_an_answer_and_nobody_follows_a_redirect(hook, status, result):  # noqa: F811
    hook.status, hook.headers = status, {"Location": hook.url}
    outcome = post(hook.url, b"{}", {}, local_too=True)
    assert (outcome.result, outcome.status, len(hook.got)) == (result, status, 1)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("how", [{"waits_s": 3.0}, {"trickles": True}])
def test_who_answers_too_slowly_is_cut_off_even_if_a_byte_comes_now_and_then(hook, monkeypatch, how):  # noqa: F811
    for name, value in how.items():
        setattr(hook, name, value)
    monkeypatch.setattr(outcomes.cut_off.__wrapped__, "__defaults__", (0.3,))
    begun = time.monotonic()
    assert post(hook.url, b"{}", {}, local_too=True).result == "timed_out"
    assert time.monotonic() - begun < 1.5


@pytest.mark.only_on("sqlite")
def test_a_webhook_that_does_not_take_the_test_is_never_used(app, as_, hook):  # noqa: F811
    hook.status = 500
    made = subscribe(as_(OFFICER), kind="webhook", address=hook.url).json
    deliver(app)
    report(as_)
    tell(app)
    deliver(app)
    assert len(hook.got) == 1 and json.loads(hook.bodies()[0])["type"] == "test"
    assert state(as_(OFFICER), made) == "unproven"
    hook.status = 204
    assert as_(OFFICER).post(f"/subscriptions/{made['id']}/proof").status_code == 200
    deliver(app)
    assert state(as_(OFFICER), made) == "active"
