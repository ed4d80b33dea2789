"""The terminal. Every command: help on one screen, exit code 0 only on success, errors in one plain sentence."""

from flask import Flask

from api.cli.boundaries import boundaries
from api.cli.demo import demo
from api.cli.doctor import doctor
from api.cli.serve import serve
from api.cli.units import units
from api.cli.users import users


def install(app: Flask) -> None:
    for command in (boundaries, demo, doctor, serve, units, users):
        app.cli.add_command(command)
