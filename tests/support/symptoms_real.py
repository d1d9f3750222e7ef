"""What programs printed that were really run, each against a closed port on loopback, and what it must give.

curl 7.88.1, Node.js 20.20.2, OpenJDK 17.0.15 and the wget, ssh, psql and git of Debian 12; Rust was compiled here.
"""

from __future__ import annotations

Told = tuple[str, str | None, str | None, str | None, str | None, str | None, int | None]
"""Program, client, outcome, stage, errno, host, port."""

REAL: list[tuple[str, str, Told]] = [
    (
        "curl -sS http://127.0.0.1:48111/",
        "curl: (7) Failed to connect to 127.0.0.1 port 48111 after 0 ms: Couldn't connect to server\n",
        ("curl", "curl", None, "connect", None, "127.0.0.1", 48111),
    ),
    (
        "curl -sSv http://127.0.0.1:48111/",
        "*   Trying 127.0.0.1:48111...\n* connect to 127.0.0.1 port 48111 failed: Connection refused\n* Failed to connect to 127.0.0.1 port 48111 after 0 ms: Couldn't connect to server\n* Closing connection 0\ncurl: (7) Failed to connect to 127.0.0.1 port 48111 after 0 ms: Couldn't connect to server\n",
        ("curl", "curl", "refused", "connect", "ECONNREFUSED", "127.0.0.1", 48111),
    ),
    (
        "wget -O- -t1 http://127.0.0.1:48111/",
        "--2026-11-23 21:16:04--  http://127.0.0.1:48111/\nConnecting to 127.0.0.1:48111... failed: Connection refused.\n",
        ("wget", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 48111),
    ),
    (
        "ssh -o BatchMode=yes -p 48111 127.0.0.1 true",
        "ssh: connect to host 127.0.0.1 port 48111: Connection refused\n",
        ("ssh", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 48111),
    ),
    (
        "psql -h 127.0.0.1 -p 48111 -c select",
        'psql: error: connection to server at "127.0.0.1", port 48111 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n',
        ("psql", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 48111),
    ),
    (
        "git ls-remote http://127.0.0.1:48111/x.git",
        "fatal: unable to access 'http://127.0.0.1:48111/x.git/': Failed to connect to 127.0.0.1 port 48111 after 0 ms: Couldn't connect to server\n",
        ("git", None, None, "connect", None, "127.0.0.1", 48111),
    ),
    (
        "git ls-remote git://127.0.0.1:48111/x.git",
        "fatal: unable to connect to 127.0.0.1:\n127.0.0.1[0: 127.0.0.1]: errno=Connection refused\n\n",
        ("git", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", None),
    ),
    (
        "git ls-remote ssh://git@127.0.0.1:48111/x.git",
        "ssh: connect to host 127.0.0.1 port 48111: Connection refused\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n[exit 128]\n",
        ("ssh", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 48111),
    ),
    (
        "node http",
        "node:events:502\n      throw er; // Unhandled 'error' event\n      ^\n\nError: connect ECONNREFUSED 127.0.0.1:48111\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)\nEmitted 'error' event on ClientRequest instance at:\n    at emitErrorEvent (node:_http_client:101:11)\n    at Socket.socketErrorListener (node:_http_client:504:5)\n    at Socket.emit (node:events:524:28)\n    at emitErrorNT (node:internal/streams/destroy:169:8)\n    at emitErrorCloseNT (node:internal/streams/destroy:128:3)\n    at process.processTicksAndRejections (node:internal/process/task_queues:82:21) {\n  errno: -111,\n  code: 'ECONNREFUSED',\n  syscall: 'connect',\n  address: '127.0.0.1',\n  port: 48111\n}\n\nNode.js v20.20.2\n",
        ("Node.js", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 48111),
    ),
    (
        "node net caught",
        "Error: connect ECONNREFUSED 127.0.0.1:48111\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16) {\n  errno: -111,\n  code: 'ECONNREFUSED',\n  syscall: 'connect',\n  address: '127.0.0.1',\n  port: 48111\n}\n",
        ("Node.js", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 48111),
    ),
    (
        "node fetch",
        "TypeError: fetch failed\n    at node:internal/deps/undici/undici:14976:13\n    at process.processTicksAndRejections (node:internal/process/task_queues:95:5) {\n  [cause]: Error: connect ECONNREFUSED 127.0.0.1:48111\n      at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16) {\n    errno: -111,\n    code: 'ECONNREFUSED',\n    syscall: 'connect',\n    address: '127.0.0.1',\n    port: 48111\n  }\n}\n",
        ("Node.js", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 48111),
    ),
    (
        "node fetch uncaught",
        "node:internal/deps/undici/undici:14976\n      Error.captureStackTrace(err);\n            ^\n\nTypeError: fetch failed\n    at node:internal/deps/undici/undici:14976:13\n    at process.processTicksAndRejections (node:internal/process/task_queues:95:5) {\n  [cause]: Error: connect ECONNREFUSED 127.0.0.1:48111\n      at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16) {\n    errno: -111,\n    code: 'ECONNREFUSED',\n    syscall: 'connect',\n    address: '127.0.0.1',\n    port: 48111\n  }\n}\n\nNode.js v20.20.2\n",
        ("Node.js", None, "refused", "connect", "ECONNREFUSED", "127.0.0.1", 48111),
    ),
    (
        "java s",
        'Exception in thread "main" java.net.ConnectException: Connection refused\n\tat java.base/sun.nio.ch.Net.connect0(Native Method)\n\tat java.base/sun.nio.ch.Net.connect(Net.java:579)\n\tat java.base/sun.nio.ch.Net.connect(Net.java:568)\n\tat java.base/sun.nio.ch.NioSocketImpl.connect(NioSocketImpl.java:593)\n\tat java.base/java.net.SocksSocketImpl.connect(SocksSocketImpl.java:327)\n\tat java.base/java.net.Socket.connect(Socket.java:633)\n\tat java.base/java.net.Socket.connect(Socket.java:583)\n\tat java.base/java.net.Socket.<init>(Socket.java:507)\n\tat java.base/java.net.Socket.<init>(Socket.java:287)\n\tat A.main(A.java:2)\n',
        ("Java", None, "refused", "connect", "ECONNREFUSED", None, None),
    ),
    (
        "java http",
        'Exception in thread "main" java.net.ConnectException\n\tat java.net.http/jdk.internal.net.http.HttpClientImpl.send(HttpClientImpl.java:574)\n\tat java.net.http/jdk.internal.net.http.HttpClientFacade.send(HttpClientFacade.java:123)\n\tat A.main(A.java:2)\nCaused by: java.net.ConnectException\n\tat java.net.http/jdk.internal.net.http.common.Utils.toConnectException(Utils.java:1083)\n\tat java.net.http/jdk.internal.net.http.PlainHttpConnection.connectAsync(PlainHttpConnection.java:198)\n\tat java.net.http/jdk.internal.net.http.PlainHttpConnection.checkRetryConnect(PlainHttpConnection.java:230)\n\tat java.net.http/jdk.internal.net.http.PlainHttpConnection.lambda$connectAsync$1(PlainHttpConnection.java:206)\n\tat java.base/java.util.concurrent.CompletableFuture.uniHandle(CompletableFuture.java:934)\n\tat java.base/java.util.concurrent.CompletableFuture$UniHandle.tryFire(CompletableFuture.java:911)\n\tat java.base/java.util.concurrent.CompletableFuture.postComplete(CompletableFuture.java:510)\n\tat java.base/java.util.concurrent.CompletableFuture$AsyncSupply.run(CompletableFuture.java:1773)\n\tat java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1136)\n\tat java.base/java.util.concurrent.ThreadPoolExecutor$Worker.run(ThreadPoolExecutor.java:635)\n\tat java.base/java.lang.Thread.run(Thread.java:840)\nCaused by: java.nio.channels.ClosedChannelException\n\tat java.base/sun.nio.ch.SocketChannelImpl.ensureOpen(SocketChannelImpl.java:195)\n\tat java.base/sun.nio.ch.SocketChannelImpl.beginConnect(SocketChannelImpl.java:760)\n\tat java.base/sun.nio.ch.SocketChannelImpl.connect(SocketChannelImpl.java:848)\n\tat java.net.http/jdk.internal.net.http.PlainHttpConnection.lambda$connectAsync$0(PlainHttpConnection.java:183)\n\tat java.base/java.security.AccessController.doPrivileged(AccessController.java:569)\n\tat java.net.http/jdk.internal.net.http.PlainHttpConnection.connectAsync(PlainHttpConnection.java:185)\n\t... 9 more\n',
        ("Java", None, None, "connect", None, None, None),
    ),
    (
        "rust",
        "error: Connection refused (os error 111)\n\nthread 'main' (12358) panicked at r.rs:2:129:\ncalled `Result::unwrap()` on an `Err` value: Os { code: 111, kind: ConnectionRefused, message: \"Connection refused\" }\nstack backtrace:\n   0: __rustc::rust_begin_unwind\n             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5\n   1: core::panicking::panic_fmt\n             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:80:14\n   2: core::result::unwrap_failed\n             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/result.rs:1867:5\n   3: r::main\n   4: core::ops::function::FnOnce::call_once\nnote: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n",
        ("Rust", None, "refused", "connect", "ECONNREFUSED", None, None),
    ),
]
