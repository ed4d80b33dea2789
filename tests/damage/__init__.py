"""What happens when the server is killed, cut off, filled up, locked out or slowed down.

The promise: an acknowledged report is never lost and never doubled. Each test here starts the real server
(`flask serve`, one process per core) on a home and a database of its own, and hurts it from outside:

    storm.py            phones send reports, photos and actions while a killer sends SIGKILL; what was acknowledged is kept
    inspection.py       what phones were told, held against HTTP, the tables, the photos and the chains of events
    crowd.py            one request sent many times at the same moment by processes of their own
    wire.py             phones on the wire: kept connections, and the same request until it is acknowledged
    walks.py            the reference phone over bad lines (tests/chaos.py): what is recorded, and what it must come to
    failing.py          the server dying at the n-th point between file, commit and answer
    places.py           a home, a database, a server; folders that can be full

`make test` runs all of it, with 300 kills. `make soak` runs it for longer: 10,000 kills (KILLS says otherwise), and
prints what was seen; PICTURES may name a folder of pictures to be damaged beside those made by code. `pytest -m "not
damage"` leaves it out. A storm's dice are seeded: SEED repeats its order of kills (not the moments they strike at).
"""
