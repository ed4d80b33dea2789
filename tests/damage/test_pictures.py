"""Pictures that were damaged at random, by the hundred: no 5xx, no child over its limits, memory that stays flat."""

import os
import random
import time
from pathlib import Path

from services import preview
from tests.damage.conftest import KILLS, SOAK, TIMES
from tests.odd_pictures import odd_pictures
from tests.people import new_report
from tests.pictures import as_format, jpeg, jpeg_of, scene

# In a soak this runs TIMES on each database: one mutation for each kill of the other storms.
MUTATIONS = KILLS // (2 * TIMES) if SOAK else 24
LARGEST = 2 << 20  # bytes of a picture that is worth damaging
GROWTH_MIB = 48
BATCH = 12  # photos of one case
SETTLED_WITHIN_S = 300


def pictures():
    """Made by code, in each format; and those of the folder PICTURES, if it is set."""
    made = [as_format(kind) for kind in ("JPEG", "PNG", "WEBP")] + [jpeg(Make="Máy thử", place=(22.2, 102.6))]
    made += [jpeg_of(scene(1)), *(content for content, _ in odd_pictures().values())]
    if folder := os.environ.get("PICTURES"):
        files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
        made += [path.read_bytes() for path in files if 0 < path.stat().st_size <= LARGEST]
    return [content for content in made if content and len(content) <= LARGEST]


def damaged(content, dice):
    """A few bytes changed, a part cut out, doubled or zeroed, or the end missing; the first bytes say what it is."""
    broken, head = bytearray(content), min(12, len(content))
    for _ in range(dice.choice((1, 1, 3, 10, 100))):
        if len(broken) <= head:
            break
        at = dice.randrange(head, len(broken))
        length = min(dice.choice((1, 2, 4, 64, 4096)), len(broken) - at)
        part = broken[at : at + length]
        broken[at : at + length] = dice.choice(
            (bytes([dice.randrange(256)]), b"\xff" * length, bytes(length), part * 2, b"", dice.randbytes(length))
        )
    return bytes(broken[: dice.randrange(head, len(broken) + 1)] if dice.random() < 0.1 else broken)


class Watched:
    """What the server and its children take, by what the kernel says."""

    def __init__(self, place):
        self.group = place.server.process.pid
        self.largest_child_mib = 0.0

    def server_mib(self):
        """Resident memory of the server's processes, the children that open pictures left out."""
        total = 0.0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state = (folder / "stat").read_text().rpartition(")")[2].split()
                command, sizes = (folder / "cmdline").read_bytes(), (folder / "status").read_text()
            except OSError:
                continue
            kib = {line.split(":")[0]: line.split()[1] for line in sizes.splitlines() if line.startswith("Vm")}
            if preview.__file__.encode() in command:
                self.largest_child_mib = max(self.largest_child_mib, int(kib.get("VmHWM", 0)) / 1024)
            elif int(state[2]) == self.group:
                total += int(kib.get("VmRSS", 0)) / 1024
        return total


def waiting(ranger, incident):
    photos = ranger.insist("GET", f"/incidents/{incident}")[0].json["photos"]
    return [photo for photo in photos if photo["preview"] == "pending"]


def test_damaged_pictures_damage_nothing_else(place, seed):
    dice, known, watched = random.Random(seed), pictures(), Watched(place)
    ranger, cases, sizes = place.phone(), [], []
    log_before = place.server.log.stat().st_size
    for number in range(MUTATIONS):
        if number % BATCH == 0:
            report = new_report()
            assert ranger.insist("POST", "/incidents", report)[0].status == 201
            cases.append(report["id"])
        answer, _ = ranger.insist("POST", f"/incidents/{cases[-1]}/photos", damaged(dice.choice(known), dice))
        assert answer.status in (200, 201, 415), (seed, number, answer.body)
        if number % BATCH == BATCH - 1:
            settle(ranger, cases[-1], watched)
            sizes.append(watched.server_mib())
    settle(ranger, cases[-1], watched)
    assert not {status: n for status, n in ranger.met.items() if status.startswith("5") and status != "503"}, seed
    said = place.server.log.read_bytes()[log_before:].decode("utf-8", "replace")
    assert "Traceback" not in said, f"seed {seed}\n{said[-3000:]}"
    assert watched.largest_child_mib < preview.LIMITS[preview.resource.RLIMIT_AS][0] >> 20
    early = max(sizes[: max(1, len(sizes) // 3)])
    assert sizes[-1] - early < GROWTH_MIB, f"seed {seed}: {[round(size) for size in sizes]}"
    print(f"{MUTATIONS} damaged pictures of {len(known)}: {dict(ranger.met)}; server {sizes[0]:.0f} to {sizes[-1]:.0f} "
          f"MiB, largest child {watched.largest_child_mib:.0f} MiB")  # fmt: skip


def settle(ranger, incident, watched):
    """Until each photo is ready or unavailable: none stays pending because a child fell."""
    until = time.monotonic() + SETTLED_WITHIN_S
    while left := waiting(ranger, incident):
        assert time.monotonic() < until, left
        watched.server_mib()
        time.sleep(0.1)
