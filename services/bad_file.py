"""What a file that cannot be used is answered with, and how texts of files are tidied."""

import re
import unicodedata

# Other spaces than the plain one come from word processors; a line end inside a name is none of its own.
SPACES = re.compile(r"\s+")


class BadFile(Exception):
    """The file cannot be used; the message is one plain sentence for whoever sent it."""


def tidy(text: str) -> str:
    """One way to write a name: NFC, single spaces, none around it."""
    return SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()
