"""The families of causes, each with a sentence."""

CAUSES = {
    "not-running": "Nothing is running where the client knocks.",
    "wrong-target": "The client knocks at the wrong address or port.",
    "firewall": "A rule on the server, the client or a device in between stops the packets.",
    "listening-address": "The server runs, but listens on another address than the one the client uses.",
    "published": "The container serves, and the machine does not pass its port on as the client needs it.",
    "backlog": "The server's queue of connections to be accepted is full.",
    "not-ready": "The service is starting, or its port is open before it can serve.",
    "name": "The name resolves to nothing, or to another host.",
    "unresponsive": "The connection is accepted, but never answered.",
    "upstream": "A proxy is reached, and what it passes requests on to is not.",
    "cut-off": "A connection that stood is ended or lost.",
    "path": "The way there: a route, a lost packet, a packet that is too large.",
    "limit": "Something is used up: ports, descriptors, connections, memory.",
    "tls": "The two do not agree on TLS, or the certificate does not hold.",
    "engine": "The Docker Engine itself: its socket, who may use it, which versions of its API it speaks.",
    "access": "The server is reached, and does not let this client in.",
}
