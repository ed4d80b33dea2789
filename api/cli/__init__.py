"""The terminal. Every command: help on one screen, exit code 0 only on success, errors in one plain sentence."""

from flask import Flask

from api.cli.audit import audit
from api.cli.backup import backup, restore
from api.cli.boundaries import boundaries
from api.cli.demo import demo
from api.cli.doctor import doctor
from api.cli.incidents import incidents
from api.cli.keys import keys
from api.cli.photos import photos
from api.cli.serve import serve
from api.cli.units import units
from api.cli.users import users
from api.cli.worker import worker


def install(app: Flask) -> None:
    for command in (
        audit,
        backup,
        boundaries,
        demo,
        doctor,
        incidents,
        keys,
        photos,
        restore,
        serve,
        units,
        users,
        worker,
    ):
        app.cli.add_command(command)
