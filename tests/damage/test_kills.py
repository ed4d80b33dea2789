"""SIGKILL at random moments during reports, photos and actions: none acknowledged lost, none doubled."""

import pytest

from tests.damage.conftest import KILLS, SOAK
from tests.damage.inspection import complaints, leftovers
from tests.damage.storm import cut_a_connection, kill_a_worker, kill_everything, kill_the_master, rage

A_STORM = {"sqlite": 200, "postgresql": 100}  # kills; most fall on SQLite, where a file must heal


def weathered(place, storm):
    """Whole again after a start, nothing lost, nothing doubled; what was seen."""
    assert storm.failures == [], str(storm)
    found = complaints(place, storm.cases)
    assert found == [], f"{storm}\n" + "\n".join(found)
    assert not storm.met["500"], f"{storm}\n{place.server.log.read_text()[-5000:]}"
    print(f"{storm}; left behind {leftovers(place)}")


def test_what_was_acknowledged_outlives_every_kill(new_place, seed):
    name = "sqlite" if new_place().is_sqlite else "postgresql"
    kills = A_STORM[name] * min(KILLS, 300) // 300
    for number in range(max(1, -(-KILLS // 300))):
        # The orphans of a master hold the port for some ten seconds, a start takes some three.
        whole, masters = kills // 100, int(SOAK and number % 10 == 0)
        strikes = {kill_a_worker: kills - whole - masters, kill_everything: whole, kill_the_master: masters}
        place = new_place().start()
        storm = rage(place, seed + number, strikes)
        place.restart()
        weathered(place, storm)
        assert sum(storm.strikes.values()) == kills and storm.met["none"] > 0, storm
        place.leave()


@pytest.mark.only_on("postgresql")
def test_connections_cut_by_the_database_lose_nothing(new_place, seed):
    place = new_place().start()
    storm = rage(place, seed, {cut_a_connection: max(60, KILLS // 10)})
    weathered(place, storm)
