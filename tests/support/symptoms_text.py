"""Lines that tell of failed connections, written from how programs word them, and what each must give.

They were not printed here: see symptoms_real.py for those that were.
"""

from __future__ import annotations

from support.symptoms_real import Told

WORDED: list[tuple[str, Told]] = [
    (
        "requests.exceptions.SSLError: HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: / (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed')))",
        ("requests", "requests", "tls-error", "handshake", None, "x", 443),
    ),
    (
        "curl: (6) Could not resolve host: nowhere.invalid",
        ("curl", "curl", "name-error", "resolve", None, "nowhere.invalid", None),
    ),
    (
        "curl: (7) Failed to connect to db port 8080 after 3072 ms: No route to host",
        ("curl", "curl", "unreachable", "connect", "EHOSTUNREACH", "db", 8080),
    ),
    (
        "curl: (7) Failed to connect to localhost port 8080: Connection refused",
        ("curl", "curl", "refused", "connect", "ECONNREFUSED", "localhost", 8080),
    ),
    (
        "curl: (28) Failed to connect to 10.0.0.1 port 8080 after 2001 ms: Timeout was reached",
        ("curl", "curl", "timed-out", "connect", None, "10.0.0.1", 8080),
    ),
    (
        "curl: (28) Connection timed out after 2001 milliseconds",
        ("curl", "curl", "timed-out", "connect", None, None, None),
    ),
    (
        "curl: (28) Operation timed out after 5001 milliseconds with 0 bytes received",
        ("curl", "curl", "timed-out", "receive", None, None, None),
    ),
    (
        "curl: (28) Failed to connect to 10.0.0.1 port 80 after 130000 ms: Connection timed out",
        ("curl", "curl", "timed-out", "connect", "ETIMEDOUT", "10.0.0.1", 80),
    ),
    (
        "curl: (28) Resolving timed out after 5000 milliseconds",
        ("curl", "curl", "timed-out", "resolve", None, None, None),
    ),
    (
        "curl: (35) OpenSSL SSL_connect: Connection reset by peer in connection to example.org:443 ",
        ("curl", "curl", "reset", "handshake", "ECONNRESET", "example.org", 443),
    ),
    (
        "curl: (35) error:0A00010B:SSL routines::wrong version number",
        ("curl", "curl", "tls-error", "handshake", None, None, None),
    ),
    ("curl: (52) Empty reply from server", ("curl", "curl", "closed", "receive", None, None, None)),
    (
        "curl: (56) Recv failure: Connection reset by peer",
        ("curl", "curl", "reset", "receive", "ECONNRESET", None, None),
    ),
    (
        "curl: (60) SSL certificate problem: self-signed certificate",
        ("curl", "curl", "tls-error", "handshake", None, None, None),
    ),
    (
        "* connect to 1.2.3.4 port 8080 failed: Connection refused",
        ("curl", "curl", "refused", "connect", "ECONNREFUSED", "1.2.3.4", 8080),
    ),
    (
        "* connect to 1.2.3.4 port 8080 from 10.0.0.2 port 45678 failed: Connection refused",
        ("curl", "curl", "refused", "connect", "ECONNREFUSED", "1.2.3.4", 8080),
    ),
    (
        "Connecting to localhost (localhost)|127.0.0.1|:8080... failed: Connection refused.",
        ("wget", None, "refused", "connect", "ECONNREFUSED", "localhost", 8080),
    ),
    (
        "wget: unable to resolve host address ‘nowhere.invalid’",
        ("wget", None, "name-error", "resolve", None, "nowhere.invalid", None),
    ),
    (
        "wget: can't connect to remote host (10.0.0.1): Connection refused",
        ("wget", None, "refused", "connect", "ECONNREFUSED", "10.0.0.1", None),
    ),
    (
        "nc: connect to server (10.0.0.1) port 8080 (tcp) failed: Connection refused",
        ("nc", "nc", "refused", "connect", "ECONNREFUSED", "server", 8080),
    ),
    (
        "nc: connect to server (10.0.0.1) port 8080 (tcp) timed out: Operation now in progress",
        ("nc", "nc", "timed-out", "connect", None, "server", 8080),
    ),
    (
        'nc: getaddrinfo for host "nowhere" port 80: Name or service not known',
        ("nc", "nc", "name-error", "resolve", None, "nowhere", 80),
    ),
    ("Ncat: Connection refused.", ("ncat", None, "refused", "connect", "ECONNREFUSED", None, None)),
    ("Ncat: TIMEOUT.", ("ncat", None, "timed-out", "connect", None, None, None)),
    (
        "(UNKNOWN) [1.2.3.4] 8080 (?) : Connection refused",
        ("nc.traditional", None, "refused", "connect", "ECONNREFUSED", "1.2.3.4", 8080),
    ),
    (
        "telnet: Unable to connect to remote host: Connection refused",
        ("telnet", "telnet", "refused", "connect", "ECONNREFUSED", None, None),
    ),
    (
        "telnet: Unable to connect to remote host: No route to host",
        ("telnet", "telnet", "unreachable", "connect", "EHOSTUNREACH", None, None),
    ),
    (
        "ssh: connect to host example.org port 22: Connection timed out",
        ("ssh", None, "timed-out", "connect", "ETIMEDOUT", "example.org", 22),
    ),
    (
        "ssh: Could not resolve hostname nowhere: Name or service not known",
        ("ssh", None, "name-error", "resolve", None, "nowhere", None),
    ),
    (
        "kex_exchange_identification: read: Connection reset by peer",
        ("ssh", None, "reset", "receive", "ECONNRESET", None, None),
    ),
    (
        'psql: error: connection to server at "db" (10.0.0.5), port 5432 failed: timeout expired',
        ("psql", None, "timed-out", "connect", None, "db", 5432),
    ),
    (
        'could not translate host name "db" to address: Name or service not known',
        ("psql", None, "name-error", "resolve", None, "db", None),
    ),
    (
        "Could not connect to Redis at 127.0.0.1:6379: Connection refused",
        ("redis-cli", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 6379),
    ),
    (
        "ERROR 2003 (HY000): Can't connect to MySQL server on '127.0.0.1:3306' (111)",
        ("mysql", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 3306),
    ),
    ("Error: read ECONNRESET", ("Node.js", None, "reset", "receive", "ECONNRESET", None, None)),
    (
        "Error: getaddrinfo ENOTFOUND nowhere.invalid",
        ("Node.js", None, "name-error", "resolve", None, "nowhere.invalid", None),
    ),
    ("Error: getaddrinfo EAI_AGAIN db", ("Node.js", None, "name-error", "resolve", None, "db", None)),
    ("Error: socket hang up", ("Node.js", None, "closed", None, None, None, None)),
    (
        "AxiosError: connect ECONNREFUSED 10.0.0.1:3000",
        ("Node.js", None, "refused", "connect", "ECONNREFUSED", "10.0.0.1", 3000),
    ),
    ("Error: connect ETIMEDOUT 10.0.0.1:443", ("Node.js", None, "timed-out", "connect", "ETIMEDOUT", "10.0.0.1", 443)),
    ("Error: connect ECONNREFUSED ::1:8080", ("Node.js", None, "refused", "connect", "ECONNREFUSED", "::1", 8080)),
    (
        'Get "http://1.2.3.4:8080/": dial tcp 1.2.3.4:8080: connect: connection refused',
        ("Go", None, "refused", "connect", "ECONNREFUSED", "1.2.3.4", 8080),
    ),
    ("dial tcp 10.0.0.1:5432: i/o timeout", ("Go", None, "timed-out", "connect", None, "10.0.0.1", 5432)),
    (
        "dial tcp 10.0.0.1:80: connect: no route to host",
        ("Go", None, "unreachable", "connect", "EHOSTUNREACH", "10.0.0.1", 80),
    ),
    (
        "dial tcp [::1]:8080: connect: connection refused",
        ("Go", None, "refused", "connect", "ECONNREFUSED", "::1", 8080),
    ),
    (
        "read tcp 10.0.0.2:43210->10.0.0.1:443: read: connection reset by peer",
        ("Go", None, "reset", "receive", "ECONNRESET", "10.0.0.1", 443),
    ),
    ("dial tcp: lookup db: no such host", ("Go", None, "name-error", "resolve", None, "db", None)),
    (
        "dial tcp: lookup db on 127.0.0.53:53: server misbehaving",
        ("Go", None, "name-error", "resolve", None, "db", None),
    ),
    (
        'Get "http://h:1/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        ("Go", None, "timed-out", None, None, "h", 1),
    ),
    ('Get "http://h:1/": EOF', ("Go", None, "closed", "receive", None, "h", 1)),
    ("net/http: TLS handshake timeout", ("Go", None, "timed-out", "handshake", None, None, None)),
    (
        "java.net.ConnectException: Connection timed out",
        ("Java", None, "timed-out", "connect", "ETIMEDOUT", None, None),
    ),
    ("java.net.SocketTimeoutException: connect timed out", ("Java", None, "timed-out", "connect", None, None, None)),
    ("java.net.SocketTimeoutException: Read timed out", ("Java", None, "timed-out", "receive", None, None, None)),
    (
        "java.net.NoRouteToHostException: No route to host",
        ("Java", None, "unreachable", "connect", "EHOSTUNREACH", None, None),
    ),
    ("java.net.UnknownHostException: db", ("Java", None, "name-error", "resolve", None, "db", None)),
    ("java.net.SocketException: Connection reset", ("Java", None, "reset", None, None, None, None)),
    (
        'Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }',
        ("Rust", None, "refused", "connect", "ECONNREFUSED", None, None),
    ),
    (
        "error sending request for url (http://h:80/): error trying to connect: tcp connect error: Connection refused (os error 111)",
        ("Rust", None, "refused", "connect", "ECONNREFUSED", "h", 80),
    ),
    (
        '2026/11/23 10:00:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.9, server: , request: "GET / HTTP/1.1", upstream: "http://10.0.0.1:8080/"',
        ("nginx", None, "refused", "connect", "ECONNREFUSED", "10.0.0.1", 8080),
    ),
    (
        'upstream timed out (110: Connection timed out) while reading response header from upstream, upstream: "http://10.0.0.1:8080/"',
        ("nginx", None, "timed-out", "receive", "ETIMEDOUT", "10.0.0.1", 8080),
    ),
    ("SQLSTATE[HY000] [2002] Connection refused", ("PHP", None, "refused", "connect", "ECONNREFUSED", None, None)),
    (
        'Connection refused - connect(2) for "127.0.0.1" port 8080 (Errno::ECONNREFUSED)',
        ("Ruby", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 8080),
    ),
    ("Net::OpenTimeout: execution expired", ("Ruby", None, "timed-out", "connect", None, None, None)),
    (
        "System.Net.Http.HttpRequestException: Connection refused (h:8080)",
        (".NET", None, "refused", "connect", "ECONNREFUSED", "h", 8080),
    ),
    (
        "ConnectionRefusedError: [Errno 111] Connection refused",
        ("Python", None, "refused", "connect", "ECONNREFUSED", None, None),
    ),
    (
        "ConnectionRefusedError: [Errno 61] Connection refused",
        ("Python", None, "refused", "connect", "ECONNREFUSED", None, None),
    ),
    (
        "2026-11-23 10:00:00,123 ERROR app: ConnectionRefusedError(111, 'Connection refused')",
        ("Python", None, "refused", "connect", "ECONNREFUSED", None, None),
    ),
    (
        "[Errno 111] Connect call failed ('10.0.0.1', 8080)",
        ("asyncio", "asyncio", "refused", "connect", "ECONNREFUSED", "10.0.0.1", 8080),
    ),
    ("httpx.ConnectError: All connection attempts failed", ("httpx", "httpx", None, "connect", None, None, None)),
    (
        "Cannot connect to host x:8080 ssl:default [Connect call failed ('1.2.3.4', 8080)]",
        ("aiohttp", "aiohttp", None, "connect", None, "x", 8080),
    ),
    (
        "<urlopen error [Errno 111] Connection refused>",
        ("urllib", "urllib", "refused", "connect", "ECONNREFUSED", None, None),
    ),
    (
        'psycopg2.OperationalError: connection to server at "db" (1.2.3.4), port 5432 failed: Connection refused',
        ("psycopg2", None, "refused", "connect", "ECONNREFUSED", "db", 5432),
    ),
    (
        "redis.exceptions.ConnectionError: Error 111 connecting to db:6379. Connection refused.",
        ("redis", "redis", "refused", "connect", "ECONNREFUSED", "db", 6379),
    ),
    (
        "socket.gaierror: [Errno -2] Name or service not known",
        ("socket", None, "name-error", "resolve", None, None, None),
    ),
    ("TimeoutError: timed out", ("Python", None, "timed-out", None, None, None, None)),
    (
        "requests.exceptions.ReadTimeout: HTTPConnectionPool(host='x', port=80): Read timed out. (read timeout=2)",
        ("requests", "requests", "timed-out", "receive", None, "x", 80),
    ),
    (
        "requests.exceptions.ConnectionError: ('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))",
        ("requests", "requests", "closed", "receive", None, None, None),
    ),
    (
        "OSError: [WinError 10061] No connection could be made because the target machine actively refused it",
        ("Python", None, "refused", "connect", "ECONNREFUSED", None, None),
    ),
    ("111", ("errno", None, "refused", "connect", "ECONNREFUSED", None, None)),
    ("-111", ("errno", None, "refused", "connect", "ECONNREFUSED", None, None)),
    ("ECONNREFUSED", ("errno", None, "refused", "connect", "ECONNREFUSED", None, None)),
    ("[Errno 111]", ("errno", None, "refused", "connect", "ECONNREFUSED", None, None)),
    ("errno=111", ("errno", None, "refused", "connect", "ECONNREFUSED", None, None)),
    ("WinError 10061", ("errno", None, "refused", "connect", "ECONNREFUSED", None, None)),
    ("110", ("errno", None, "timed-out", None, "ETIMEDOUT", None, None)),
    (
        "myapp: cannot reach the database: Connection refused",
        ("the kernel's wording", None, "refused", "connect", "ECONNREFUSED", None, None),
    ),
    (
        "backup[12]: sync to store failed: No route to host",
        ("the kernel's wording", None, "unreachable", None, "EHOSTUNREACH", None, None),
    ),
    (
        "requests.exceptions.HTTPError: 502 Server Error: Bad Gateway for url: http://x/",
        ("requests", "requests", "protocol-error", "protocol", None, "x", None),
    ),
    (
        "2026-11-23 10:00:00 ERROR sync failed: 504 Server Error: Gateway Time-out for url: http://x:80/",
        ("requests", "requests", "protocol-error", "protocol", None, "x", 80),
    ),
    (
        "requests.exceptions.RetryError: HTTPConnectionPool(host='x', port=80): Max retries exceeded with url: / (Caused by ResponseError('too many 503 error responses'))",
        ("requests", "requests", "protocol-error", "protocol", None, "x", 80),
    ),
    (
        "urllib.error.HTTPError: HTTP Error 503: Service Unavailable",
        ("urllib", "urllib", "protocol-error", "protocol", None, None, None),
    ),
    (
        "httpx.HTTPStatusError: Server error '502 Bad Gateway' for url 'http://x/'",
        ("httpx", "httpx", "protocol-error", "protocol", None, "x", None),
    ),
    (
        "aiohttp.client_exceptions.ClientResponseError: 504, message='Gateway Timeout', url='http://x/'",
        ("aiohttp", "aiohttp", "protocol-error", "protocol", None, "x", None),
    ),
    (
        "curl: (22) The requested URL returned error: 503",
        ("curl", "curl", "protocol-error", "protocol", None, None, None),
    ),
    (
        "2026-11-23 10:00:00 ERROR 503: Service Unavailable.",
        ("wget", None, "protocol-error", "protocol", None, None, None),
    ),
    (
        "fatal: unable to access 'http://x/a.git/': The requested URL returned error: 502",
        ("git", None, "protocol-error", "protocol", None, "x", None),
    ),
    (
        "AxiosError: Request failed with status code 502",
        ("Node.js", None, "protocol-error", "protocol", None, None, None),
    ),
    (
        "java.io.IOException: Server returned HTTP response code: 503 for URL: http://x/",
        ("Java", None, "protocol-error", "protocol", None, "x", None),
    ),
    (
        "<head><title>502 Bad Gateway</title></head>",
        ("HTTP", None, "protocol-error", "protocol", None, None, None),
    ),
    (
        '2026/11/23 10:00:00 [error] 7#7: *1 no live upstreams while connecting to upstream, client: 10.0.0.9, upstream: "http://api/"',
        ("nginx", None, "protocol-error", "protocol", None, "api", None),
    ),
    (
        '2026/11/23 10:00:00 [error] 7#7: *1 upstream prematurely closed connection while reading response header from upstream, client: 10.0.0.9, upstream: "http://10.0.0.1:8080/"',
        ("nginx", None, "closed", "receive", None, "10.0.0.1", 8080),
    ),
    (
        "2026/11/23 10:00:00 [error] 7#7: *1 api could not be resolved (3: Host not found)",
        ("nginx", None, "name-error", "resolve", None, "api", None),
    ),
    (
        "java.net.SocketException: Unexpected end of file from server",
        ("Java", None, "closed", "receive", None, None, None),
    ),
    (
        "org.apache.http.NoHttpResponseException: The target server failed to respond",
        ("Java", None, "closed", "receive", None, None, None),
    ),
    (
        "curl: (18) transfer closed with 50000 bytes remaining to read",
        ("curl", "curl", "closed", "receive", None, None, None),
    ),
    (
        'Get "http://h:1/": http: server closed idle connection',
        ("Go", None, "closed", "receive", None, "h", 1),
    ),
    (
        "EOFError: the server closed the connection without an answer",
        ("Python", None, "closed", None, None, None, None),
    ),
    (
        "http.client.RemoteDisconnected: Remote end closed connection without response",
        ("http.client", None, "closed", "receive", None, None, None),
    ),
    (
        "httpx.ConnectError: [Errno -2] Name or service not known",
        ("httpx", "httpx", "name-error", "resolve", None, None, None),
    ),
    (
        "nc: connect to server (10.0.0.1) port 8080 (tcp) failed: Invalid argument",
        ("nc", "nc", "unreachable", "connect", "EINVAL", "server", 8080),
    ),
    (
        "urllib.error.URLError: <urlopen error [Errno 13] Permission denied>",
        ("urllib", "urllib", "denied", None, "EACCES", None, None),
    ),
    (
        "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)",
        ("ssl", None, "tls-error", "handshake", None, None, None),
    ),
    (
        "httpx.ConnectError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)",
        ("httpx", "httpx", "tls-error", "handshake", None, None, None),
    ),
    (
        "redis.exceptions.ConnectionError: max number of clients reached",
        ("redis", "redis", "exhausted", "protocol", None, None, None),
    ),
    (
        "redis.exceptions.ResponseError: DENIED Redis is running in protected mode because protected mode is enabled",
        ("redis", "redis", "denied", "protocol", None, None, None),
    ),
    (
        "redis.exceptions.ConnectionError: Connection closed by server.",
        ("redis", "redis", "closed", "receive", None, None, None),
    ),
    (
        "redis.exceptions.TimeoutError: Timeout reading from db:6379",
        ("redis", "redis", "timed-out", "receive", None, "db", 6379),
    ),
    (
        "(error) ERR max number of clients reached",
        ("Redis", None, "exhausted", None, None, None, None),
    ),
    (
        'psycopg.OperationalError: connection failed: connection to server at "10.0.0.5", port 5432 failed: FATAL:  no pg_hba.conf entry for host "10.0.0.2", user "app", database "app", no encryption',
        ("psycopg", "psycopg", "denied", "protocol", None, "10.0.0.5", 5432),
    ),
    (
        'psycopg.OperationalError: connection failed: connection to server at "10.0.0.5", port 5432 failed: FATAL:  sorry, too many clients already',
        ("psycopg", "psycopg", "exhausted", "protocol", None, "10.0.0.5", 5432),
    ),
    (
        'psql: error: connection to server at "db" (10.0.0.5), port 5432 failed: FATAL:  sorry, too many clients already',
        ("PostgreSQL", None, "exhausted", None, None, "db", 5432),
    ),
    (
        "psycopg.errors.ConnectionTimeout: connection timeout expired",
        ("psycopg", "psycopg", "timed-out", None, None, None, None),
    ),
]
