"""The cast: people who sign in and act over HTTP, and the reports they send."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

BASE = "/api/v1"
# Schematic border of Mường Toong (Điện Biên) and Tà Tổng (Lai Châu), under the agreement of 2023.
BORDER = {"lat": 22.2425, "lon": 102.6, "accuracy_m": 20.0}
INSIDE = {"lat": 22.19, "lon": 102.575, "accuracy_m": 20.0}


def new_report(**changes: Any) -> dict[str, Any]:
    """A felling at the border, found an hour ago; any part can be changed."""
    return {
        "id": str(uuid4()),
        "type": "illegal_logging",
        "found_at": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
        "location": dict(BORDER),
        "description": "Bảy gốc nghiến mới chặt gần mốc giáp ranh.",
    } | changes


class Person:
    """A signed-in test client; paths are those below /api/v1."""

    def __init__(self, client: Any, tokens: dict[str, Any]):
        self.client, self.tokens, self.user = client, tokens, tokens["user"]

    @classmethod
    def sign_in(cls, client: Any, username: str, password: str, device: str) -> "Person":
        login = {"username": username, "password": password, "device": {"id": device, "name": "Máy thử"}}
        reply = client.post(f"{BASE}/auth/login", json=login)
        assert reply.status_code == 200, reply.json
        return cls(client, reply.json)

    def _open(self, method: str, path: str, **request: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"} | request.pop("headers", {})
        return self.client.open(BASE + path, method=method, headers=headers, **request)

    def get(self, path: str, **request: Any) -> Any:
        return self._open("GET", path, **request)

    def post(self, path: str, **request: Any) -> Any:
        return self._open("POST", path, **request)

    def put(self, path: str, **request: Any) -> Any:
        return self._open("PUT", path, **request)

    def patch(self, path: str, **request: Any) -> Any:
        return self._open("PATCH", path, **request)

    def delete(self, path: str, **request: Any) -> Any:
        return self._open("DELETE", path, **request)

    def act(self, incident: dict[str, Any], action: str, **facts: Any) -> Any:
        """One step, decided on the version as it is now."""
        path = f"/incidents/{incident['id']}"
        tag = self.get(path).headers.get("ETag", "")
        return self.post(f"{path}/actions", json={"action": action} | facts, headers={"If-Match": tag})

    def answer(self, incident: dict[str, Any], action: str, role: str = "support", **facts: Any) -> Any:
        """Answer for one's own unit's row in a role, decided on the version as it is now."""
        path = f"/incidents/{incident['id']}"
        reply = self.get(path)
        rows = reply.json["assignments"]
        row = next(r for r in rows if r["role"] == role and r["unit"]["id"] == self.user["unit"]["id"])
        return self.post(
            f"{path}/assignments/{row['id']}/actions",
            json={"action": action} | facts,
            headers={"If-Match": reply.headers["ETag"]},
        )

    def read(self, incident: dict[str, Any]) -> dict[str, Any]:
        return self.get(f"/incidents/{incident['id']}").json
