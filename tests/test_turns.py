"""Turns to write: threads in the order of asking, processes one after the other, and none lost with the dead."""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.turns import FileTurn, Turn

ROOT = Path(__file__).parent.parent


def test_turns_are_given_out_in_the_order_of_asking_and_not_to_those_who_gave_up():
    turn, served = Turn(), []

    def wait(number):
        assert turn.acquire(timeout=30)
        served.append(number)
        turn.release()

    assert turn.acquire(timeout=1) and not turn.acquire(timeout=0.01)
    with ThreadPoolExecutor(5) as pool:
        for number in range(5):
            pool.submit(wait, number)
            while len(turn._waiting) <= number:
                time.sleep(0.001)
        turn.release()
    assert served == [0, 1, 2, 3, 4] and turn.acquire(timeout=1)


TAKES_TURNS = """
import sys, time
from models.turns import FileTurn
turn = FileTurn(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    assert turn.acquire(timeout=20)
    with open(sys.argv[1], "a") as log:
        log.write(sys.argv[3])
        log.flush()
        time.sleep(0.002)
        log.write(sys.argv[3].upper())
    if sys.argv[4] == "leave":
        turn.release()
    else:
        sys.stdin.readline()  # holds on until it is killed
"""


def taker(path, times, name, then="leave"):
    command = [sys.executable, "-c", TAKES_TURNS, str(path), str(times), name, then]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_processes_take_turns_one_by_one_and_none_takes_two_while_another_waits(tmp_path):
    log = tmp_path / "log"
    both = [taker(log, 40, name) for name in "ab"]
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.wait(30) for process in both] == [0, 0]
    order = log.read_text()
    assert order.replace("aA", "").replace("bB", "") == ""  # nobody in the middle of another's turn
    turns = order[::2]
    together = turns[
        turns.index("b") if turns[0] == "a" else turns.index("a") : min(turns.rindex("a"), turns.rindex("b"))
    ]
    runs = re.findall("a+|b+", together)
    # Who is not let run by a busy machine is not waiting; that happens now and then, and lasts a turn or two.
    assert len(together) > 40 and sum(len(run) > 2 for run in runs) <= len(runs) / 5


def test_a_process_that_dies_gives_its_turn_back(tmp_path):
    log = tmp_path / "log"
    holder = taker(log, 1, "a", "hold")
    holder.stdin.write("\n")
    holder.stdin.flush()
    mine = FileTurn(str(log))
    while not log.exists() or log.read_text() != "aA":
        time.sleep(0.005)
    assert not mine.acquire(timeout=0.05)
    holder.kill()
    holder.wait(10)
    assert mine.acquire(timeout=5)
    mine.release()
