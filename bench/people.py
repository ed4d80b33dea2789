"""Who sends the requests: people of the demo, signed in over HTTP."""

import json
from typing import Any

from bench.servers import Server

RANGERS = (
    "ranger.muong-toong",
    "ranger.ta-tong",
    "ranger.quang-lam",
    "ranger.nam-ke",
    "ranger.sa-pa",
    "ranger.binh-lu",
)
READERS = {
    "commune_officer": "officer.muong-toong",
    "district_leader": "leader.muong-nhe",
    "province_leader": "leader.dien-bien",
}


def sign_in(server: Server, username: str) -> dict[str, Any]:
    """The access token (good for 15 minutes, so ask anew for each stage) and who it is."""
    from services.demo import PASSWORD

    body = {"username": username, "password": PASSWORD, "device": {"id": "bench", "name": "bench"}}
    headers = {"Content-Type": "application/json"}
    status, answer = server.ask("POST", "/api/v1/auth/login", json.dumps(body).encode(), headers)
    if status != 200:
        raise RuntimeError(f"{username} cannot sign in: {status} {answer[:300]!r}")
    return json.loads(answer)


def tokens(server: Server) -> list[str]:
    return [sign_in(server, name)["access_token"] for name in RANGERS]
