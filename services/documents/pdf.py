"""A paper as PDF, set by typst. The same words are the same bytes on every machine."""

import json
import threading
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TEMPLATE, FONTS = HERE / "paper.typ", HERE / "fonts"
_turn = threading.Lock()  # one at a time: reports come first


def get_ready() -> None:
    """Load the typesetter. Never before a fork: a child of a process that has used it hangs in it."""
    _fonts()


@cache
def _fonts() -> Any:
    import typst  # 80 MB on disk: only where papers are printed

    return typst.Fonts(include_system_fonts=False, font_paths=[FONTS])


def write(paper: dict[str, Any]) -> Any:
    """What people wrote goes in as data alone: in a template it could be markup."""
    import typst

    words = {"paper": json.dumps(paper, ensure_ascii=False)}
    with _turn:
        compiler = typst.Compiler(TEMPLATE, root=HERE, font_paths=_fonts(), sys_inputs=words)
        return compiler.compile(format="pdf")
