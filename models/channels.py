"""The ways in which notices go out to whoever subscribed, and what an address of each must look like."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from models.errors import Incomplete, Invalid
from models.subscription_errors import ChannelNotAvailable
from models.vocabulary import vocabulary

EMAIL, TELEGRAM, ZALO, WEB_PUSH, WEBHOOK = "email", "telegram", "zalo", "web_push", "webhook"
KINDS = (EMAIL, TELEGRAM, ZALO, WEB_PUSH, WEBHOOK)
LETTERS = (EMAIL, TELEGRAM, ZALO)  # read by people in one piece: they take a digest, in this order
FOR_UNITS = (EMAIL, WEBHOOK)
LONGEST_URL = 2000

# One mailbox, as it is typed: no quoted names, no comments; what is accepted is proven by a code anyway.
MAILBOX = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
CHAT = {TELEGRAM: re.compile(r"-?[0-9]{1,20}"), ZALO: re.compile(r"[A-Za-z0-9._-]{1,64}")}
PUSH_KEY = {"p256dh": re.compile(r"[A-Za-z0-9_-]{87}=?"), "auth": re.compile(r"[A-Za-z0-9_-]{22}(?:==)?")}


def check_available(kind: str, available: Iterable[str]) -> None:
    """Raises ChannelNotAvailable when this server has not been given what the channel needs."""
    if kind not in available:
        raise ChannelNotAvailable(channel=_called(kind))


def _called(kind: str) -> str:
    entry = next(e for e in vocabulary()["subscription_kind"] if e["code"] == kind)
    return f"{entry['vi']} / {entry['en']}"


def address_of(kind: str, text: str, plain_http: bool = False) -> str:
    """The address as it is kept. Raises Invalid. Where it leads is asked each time something is sent."""
    text = text.strip()
    if kind == EMAIL:
        if not MAILBOX.fullmatch(text):
            raise Invalid("address", "địa chỉ như canbo@kiemlam.vn / an address as canbo@kiemlam.vn")
        return text
    if kind in CHAT:
        if not CHAT[kind].fullmatch(text):
            raise Invalid("address", "mã cuộc trò chuyện (chat id) với bot / the chat id with the bot")
        return text
    return _url(text, plain_http)


def _url(text: str, plain_http: bool) -> str:
    """A web address without a name or password in it; local ones are only for servers that say so."""
    wanted = Invalid("address", "địa chỉ https công khai / a public https address")
    try:
        parts = urlsplit(text)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        raise wanted from None
    schemes = ("https", "http") if plain_http else ("https",)
    if parts.scheme not in schemes or not parts.hostname or not port_is_one or len(text) > LONGEST_URL:
        raise wanted
    if "@" in parts.netloc or not text.isascii() or re.search(r"[\s\x00-\x1f\\\"<>]", text):
        raise wanted
    if not plain_http and (parts.hostname == "localhost" or not _may_be_public(parts.hostname)):
        raise wanted
    return text


def _may_be_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:
        return True  # a name: whatever it leads to is looked at when something is sent


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet; those that carry another inside are judged by it.

    Raises ValueError for what is no IP address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in NAT64:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inside:
            return is_public(str(inside))
        if ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def push_keys(keys: dict[str, Any] | None) -> dict[str, str]:
    """What a browser gave with its endpoint. Raises Incomplete, Invalid."""
    if not keys:
        raise Incomplete("keys")
    for name, form in PUSH_KEY.items():
        if not form.fullmatch(str(keys.get(name, ""))):
            raise Invalid("keys", "p256dh và auth như trình duyệt đã cấp / p256dh and auth as the browser gave them")
    return {name: str(keys[name]) for name in PUSH_KEY}
