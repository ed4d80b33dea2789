"""One request sent by many processes at the same moment: `python -m tests.damage.crowd`, the request on stdin as JSON.

A process that only does this has no threads, so its children can simply be forked; each opens a connection of its
own, waits at the gate, sends, and tells what it was answered.
"""

import base64
import json
import multiprocessing
import subprocess
import sys
from typing import Any

from tests.damage.wire import Answer, Line, NoAnswer, Phone
from tests.server import ROOT

GATE_S = 60


def at_once(phone: Phone, times: int, path: str, body: bytes, **headers: str) -> list[Answer]:
    """What that many processes were answered; a missing answer is a failure here."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = {
        "port": phone.line.connection.port,
        "times": times,
        "path": f"/api/v1{path}",
        "body": base64.b64encode(body).decode(),
        "headers": {"Authorization": f"Bearer {phone.token}", "Content-Type": "application/json"} | given,
    }
    command = [sys.executable, "-m", "tests.damage.crowd"]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    answers = [Answer(a["status"], a["headers"], base64.b64decode(a["body"])) for a in json.loads(done.stdout)]
    assert len(answers) == times
    return answers


def _one(asked: dict[str, Any], gate: Any, told: Any) -> None:
    line = Line(asked["port"])
    line.connection.connect()
    gate.wait(GATE_S)
    try:
        answer = line.ask("POST", asked["path"], base64.b64decode(asked["body"]), asked["headers"])
    except NoAnswer as error:
        answer = Answer(0, {}, str(error).encode())
    told.put({
        "status": answer.status,
        "headers": dict(answer.headers.items()),
        "body": base64.b64encode(answer.body).decode(),
    })  # fmt: skip


def main() -> None:
    asked = json.load(sys.stdin)
    context = multiprocessing.get_context("fork")
    gate, told = context.Barrier(asked["times"]), context.Queue()
    crowd = [context.Process(target=_one, args=(asked, gate, told), daemon=True) for _ in range(asked["times"])]
    for process in crowd:
        process.start()
    answers = [told.get(timeout=GATE_S) for _ in crowd]
    for process in crowd:
        process.join()
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
