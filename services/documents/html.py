"""A paper as one HTML page to look at and print: nothing is fetched, and only its own style may be applied."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

HERE = Path(__file__).parent
STYLE = HERE / "paper.css"
DOTS = "…" * 120  # to the end of any line


def get_ready() -> None:
    _template()


@cache
def _template() -> Template:
    house = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return house.get_template("paper.html")


@cache
def style() -> str:
    return STYLE.read_text("utf-8")


@cache
def policy() -> str:
    """What a browser may do with it: apply this very style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def write(paper: dict[str, Any]) -> bytes:
    return _template().render(paper=paper, style=style(), dots=DOTS).encode()
