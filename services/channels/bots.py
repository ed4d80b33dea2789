"""Telegram and Zalo, by the server's own bots, through apprise: a person must have written to the bot first."""

import logging
from typing import Any

from models.letters import Letter
from services.channels.outcomes import REFUSED, SENT, UNREACHABLE, Outcome, Target


def send_by_telegram(config: Any, target: Target, letter: Letter) -> Outcome:
    from apprise.plugins import telegram

    bot: Any = telegram.NotifyTelegram
    return _sent(lambda: bot(config["TELEGRAM_TOKEN"], target.address, detect_owner=False), letter)


def send_by_zalo(config: Any, target: Target, letter: Letter) -> Outcome:
    from apprise.plugins.zalo import NotifyZalo

    return _sent(lambda: NotifyZalo(config["ZALO_TOKEN"], target.address), letter)


def _sent(bot: Any, letter: Letter) -> Outcome:
    """apprise says only whether it was taken. It logs addresses, and a token that it does not like: not here."""
    from apprise import NotifyFormat

    logging.getLogger("apprise").disabled = True
    try:
        taken = bot().notify(body=letter.body, title=letter.title, body_format=NotifyFormat.TEXT)
    except (TypeError, OSError):  # a token or an address that is none
        return Outcome(UNREACHABLE)
    return Outcome(SENT if taken else REFUSED)
