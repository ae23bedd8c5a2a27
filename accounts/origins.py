"""Where a request comes from: exactly, to count tries; roughly, to be kept."""

import ipaddress
import re

from django.conf import settings
from django.http import HttpRequest

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - nothing listens there: whoever has none shares one

# The first that is named counts: each browser names those it descends from after itself.
_BROWSERS = re.compile(r"(Edg|OPR|SamsungBrowser|Firefox|FxiOS|Chrome|CriOS|Safari)/")
_NAMES = {"Edg": "Edge", "OPR": "Opera", "FxiOS": "Firefox", "CriOS": "Chrome"}
_RANK = ("Edg", "OPR", "SamsungBrowser", "Firefox", "FxiOS", "Chrome", "CriOS", "Safari")
_SYSTEMS = re.compile(r"Android|iPhone|iPad|Windows|Mac OS X|Linux")


def client_address(request: HttpRequest) -> str:
    """Give the address that asks: behind our proxy, the one that the proxy has seen.

    A client writes what it likes at the head of the forwarded header; the proxy appends.
    """
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    for text in (forwarded.rpartition(",")[2], request.META.get("REMOTE_ADDR", "")):
        try:
            address = ipaddress.ip_address(text.strip().partition("%")[0])
        except ValueError:
            continue
        return str(getattr(address, "ipv4_mapped", None) or address)
    return UNKNOWN_ADDRESS


def network_of(request: HttpRequest) -> str:
    """Give the network that asks, wide enough to name a provider and not a person."""
    address = ipaddress.ip_address(client_address(request))
    if str(address) == UNKNOWN_ADDRESS:
        return ""
    width = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{width}", strict=False))


def browser_of(request: HttpRequest) -> str:
    """Give the kind of browser and system, so that a person knows a session again."""
    text = request.headers.get("User-Agent", "")
    named = sorted(set(_BROWSERS.findall(text)), key=_RANK.index)
    system = _SYSTEMS.search(text)
    parts = [_NAMES.get(name, name) for name in named[:1]] + [system[0]] if system else named[:1]
    return ", ".join(parts).replace("Mac OS X", "macOS")
