"""TLS as programs in Python have it by default: OpenSSL, and the authorities that the system trusts."""

from __future__ import annotations

from labctl.clients import Target

TYPE_CHECKING = False
if TYPE_CHECKING:  # by whoever reads the types; loading it takes 6 ms, and only a target that asks for TLS needs it
    from ssl import SSLContext


def context(target: Target) -> SSLContext:
    """Return a context for one target; reading the authorities takes 20 ms, so only a target that asks for TLS has one.

    Where the client does not verify, it is what people copy for that.
    """
    import ssl

    made = ssl.create_default_context()
    if not target.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
