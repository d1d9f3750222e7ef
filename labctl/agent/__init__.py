"""PID 1 of a sandbox: a small program of its own, standard library only.

It reads one JSON request a line on standard input, `{"id": 7, "do": "run", …}`, and answers each with one line on
standard output, `{"id": 7, "ok": …}` or `{"id": 7, "error": "why"}`. Requests may overlap. When its input ends it
exits, and the kernel ends everything in its PID namespace with it (pid_namespaces(7)): the dead man's switch.

    lines.py      the stream: requests in, replies out
    children.py   programs started and reaped
    resolver.py   the lab's own names, and no others
    capture.py    packets, as records of a pcap file
    looks.py      what the kernel knows: packets, counters, sockets
    __main__.py   the requests it knows
"""
