"""A queue carried by hand: seal it, deliver it, open the answer. `python -m bench.courier seal|carry|open --help`."""

import argparse
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

from bench.envelopes import open_answer, seal


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.courier", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sealing = commands.add_parser("seal", help="the owner, without signal: queue → envelope")
    sealing.add_argument("key", type=Path, help="what GET /api/v1/sync/key answered")
    sealing.add_argument("queue", type=Path, help="the body of POST /api/v1/sync")
    carrying = commands.add_parser("carry", help="the courier, with signal: envelope → answer")
    carrying.add_argument("server", help="such as http://127.0.0.1:8000")
    carrying.add_argument("token", type=Path, help="a file with the courier's access token")
    carrying.add_argument("envelope", type=Path)
    opening = commands.add_parser("open", help="the owner: answer → results and receipts")
    opening.add_argument("key", type=Path)
    opening.add_argument("envelope", type=Path)
    opening.add_argument("answer", type=Path)
    return parser.parse_args()


def carry(server: str, token: str, envelope: str) -> str:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"envelope": envelope}).encode()
    request = urllib.request.Request(f"{server}/api/v1/sync/sealed", body, headers)
    with urllib.request.urlopen(request, timeout=120) as reply:
        return str(json.load(reply)["answer"])


def main() -> None:
    asked = arguments()
    if asked.command == "carry":
        try:
            print(carry(asked.server, asked.token.read_text().strip(), asked.envelope.read_text().strip()))
        except urllib.error.HTTPError as error:
            sys.exit(f"{error.code}: {error.read().decode()}")
        return
    known = json.loads(asked.key.read_text())
    if asked.command == "seal":
        print(seal(known["key"], known["session_id"], json.loads(asked.queue.read_text("utf-8"))))
    else:
        told = open_answer(known["key"], asked.envelope.read_text().strip(), asked.answer.read_text().strip())
        print(json.dumps(told, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
