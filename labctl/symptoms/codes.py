"""What tells errors of one outcome apart: the code that a resolver, a server or TLS gave, in whoever's words."""

from __future__ import annotations

import re

from labctl.model import Outcome

STATUS = re.compile(  # of HTTP, as its clients word it
    r"\bHTTP Error (\d{3}): "  # urllib
    r"|\b(\d{3}) (?:Client|Server) Error: "  # requests
    r"|\b(?:Client|Server) error '(\d{3}) "  # httpx
    r"|\b(\d{3}), message="  # aiohttp
    r"|\btoo many (\d{3}) error responses"  # urllib3, after its retries
    r"|\breturned error: (\d{3})\b"  # curl, and git with its library
    r"|\b(?i:status code|response code|success):? (\d{3})\b"  # axios, java.net, .NET, and many in Go
    r"|\bERROR (\d{3}): "  # wget
    r"|\b(\d{3}) (?i:Bad Gateway|Service (?:Temporarily )?Unavailable|Gateway Time-?out)\b"  # RFC 9110, 15.6; nginx
)
ENGINES = {  # Docker's, api/server/middleware/version.go
    "is too new. maximum supported api version": "API_TOO_NEW",
    "is too old. minimum supported api version": "API_TOO_OLD",
}
CODES: dict[Outcome, dict[str, str]] = {  # wordings, in lower case; the first that a text has tells
    Outcome.NAME_ERROR: {  # getaddrinfo(3): there is no such name, or whoever knows was not reached
        "name or service not known": "EAI_NONAME",  # gai_strerror(3) of glibc
        "nodename nor servname provided": "EAI_NONAME",  # macOS
        "name does not resolve": "EAI_NONAME",  # musl
        "no such host": "EAI_NONAME",  # Go, net/net.go: errNoSuchHost; and Windows
        "enotfound": "EAI_NONAME",  # Node.js, lib/internal/errors.js: DNSException
        "temporary failure in name resolution": "EAI_AGAIN",  # glibc
        "eai_again": "EAI_AGAIN",
        "server misbehaving": "EAI_AGAIN",  # Go, net/dnsclient_unix.go: errServerMisbehaving, for SERVFAIL
    },
    Outcome.PROTOCOL_ERROR: {
        "no live upstreams": "502",  # nginx, ngx_http_upstream.c: NGX_HTTP_UPSTREAM_FT_NOLIVE
        **ENGINES,
    },
    Outcome.TLS_ERROR: {  # OpenSSL's names, x509_vfy.h and sslerr.h
        "wrong version number": "WRONG_VERSION_NUMBER",
        "wrong_version_number": "WRONG_VERSION_NUMBER",
        "first record does not look like a tls handshake": "WRONG_VERSION_NUMBER",  # Go, crypto/tls
        "certificate has expired or is not yet valid": "",  # Go, crypto/x509: either
        "certificate has expired": "CERT_HAS_EXPIRED",
        "cert_has_expired": "CERT_HAS_EXPIRED",
        "certificate is not yet valid": "CERT_NOT_YET_VALID",
        "self-signed certificate in certificate chain": "SELF_SIGNED_CERT_IN_CHAIN",
        "self-signed certificate": "DEPTH_ZERO_SELF_SIGNED_CERT",
        "self signed certificate": "DEPTH_ZERO_SELF_SIGNED_CERT",  # until OpenSSL 3
        "unable to get local issuer certificate": "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        "hostname mismatch": "HOSTNAME_MISMATCH",
        "ip address mismatch": "IP_ADDRESS_MISMATCH",
        "no alternative certificate subject name matches": "HOSTNAME_MISMATCH",  # curl
        "err_tls_cert_altname_invalid": "HOSTNAME_MISMATCH",  # Node.js
    },
}
NOT_READY = {"502", "503", "504"}
"""The statuses that tell of a failed connection, or of a server that is not ready: RFC 9110, 15.6.3 to 15.6.5."""


def code_of(outcome: Outcome | None, text: str) -> str | None:
    """Return the code that a text about an error of this outcome tells, None where it tells none."""
    low, known = text.lower(), CODES.get(outcome, {}) if outcome else {}
    worded = next((code for said, code in known.items() if said in low), None) or None
    return worded or (status_in(text) if outcome is Outcome.PROTOCOL_ERROR else None)


def status_in(text: str) -> str | None:
    """Return the HTTP status that a text tells, where it says that it is one."""
    found = STATUS.search(text)
    return found[found.lastindex or 0] if found else None


def not_ready(text: str) -> bool:
    """Tell whether a text has a status that is a failed connection's, or an engine's reason for one."""
    return status_in(text) in NOT_READY or any(said in text.lower() for said in ENGINES)
