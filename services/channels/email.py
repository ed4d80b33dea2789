"""E-mail by the server's own SMTP relay. The Message-ID is that of the letter: sent twice, it is the same message."""

import smtplib
import ssl
import threading
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from models.letters import Letter
from services.channels.outcomes import LIMIT_S, SENT, Outcome, Target, attempted

PORTS = {"smtp": 587, "smtps": 465}
REFUSALS = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError)
OURSELVES = ("localhost", "127.0.0.1", "::1")


def send(config: Any, target: Target, letter: Letter) -> Outcome:
    held: list[Any] = [None]

    def attempt(_over: threading.Event) -> Outcome:
        place = urlsplit(config["SMTP_URL"])
        held[0] = relay = _relay(place)
        if place.username:
            relay.login(unquote(place.username), unquote(place.password or ""))
        relay.send_message(message(config["SMTP_FROM"], target.address, letter))
        return Outcome(SENT, 250)

    try:
        return attempted(attempt, lambda: held[0] and held[0].sock, *REFUSALS)
    finally:
        if held[0] is not None:
            held[0].close()


def _relay(place: SplitResult) -> smtplib.SMTP:
    """Encrypted where the relay can do it; a password is not sent to another machine in the clear."""
    host, port = place.hostname or "", place.port or PORTS.get(place.scheme, 587)
    secure = ssl.create_default_context()
    if place.scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=LIMIT_S, context=secure)
    relay = smtplib.SMTP(host, port, timeout=LIMIT_S)
    relay.ehlo_or_helo_if_needed()
    if relay.has_extn("starttls"):
        relay.starttls(context=secure)
    elif place.username and host not in OURSELVES:
        relay.close()
        raise smtplib.SMTPNotSupportedError
    return relay


def message(sender: str, receiver: str, letter: Letter) -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = letter.title
    made["From"] = Address("Giáp Ranh", addr_spec=sender)
    made["To"] = receiver
    made["Date"] = format_datetime(letter.at)
    made["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    if letter.urgent:
        made["Importance"] = "high"
    made.set_content(letter.body)
    return made
