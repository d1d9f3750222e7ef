"""TLS as programs in Python have it by default: OpenSSL, and the authorities that the system trusts."""

from __future__ import annotations

import ssl

from labctl.clients import Target


def context(target: Target) -> ssl.SSLContext:
    """Return a context for one target; reading the authorities takes 20 ms, so only a target that asks for TLS has one.

    Where the client does not verify, it is what people copy for that.
    """
    made = ssl.create_default_context()
    if not target.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
