"""Ordinary text that tells of no failed connection."""

from __future__ import annotations

NO_ERRORS = [
    "",
    "2026-11-23 10:00:00 INFO GET /orders/111 200 111 bytes in 111 ms",
    '10.0.0.1 - - [23/Nov/2026:10:00:00 +0000] "GET /timeout HTTP/1.1" 502 111 "-" "curl/7.88.1"',
    "The offer was refused by the customer, who timed out of patience.",
    "job 7 timed out after 30 s",
    "PermissionError: [Errno 13] Permission denied: '/etc/shadow'",
    "FileNotFoundError: [Errno 2] No such file or directory: 'x'",
    "OSError: [Errno 24] Too many open files: 'x.log'",
    "bind: Cannot assign requested address",
    "requests.exceptions.HTTPError: 502 Server Error: Bad Gateway for url: http://x/",
    "BrokenPipeError: [Errno 32] Broken pipe",
    "TimeoutError: job 7 took too long",
    "ssl on; certificate renewed; TLS 1.3 enabled; connection closed normally",
    "EOFError: EOF when reading a line",
    "2",
    "Accepted connection, errno 0",
    "Traceback (most recent call last):\n  File \"/a.py\", line 1, in f\nPermissionError: [Errno 13] Permission denied: '/x'",
    'Traceback (most recent call last):\n  File "/a.py", line 1, in f\nValueError: no',
]
