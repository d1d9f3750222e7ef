"""A reproducible fault-injection lab for connection failures.

A module imports only from modules above it in this list; tests/unit/test_imports.py keeps it so. `clients` and `agent`
also run inside the hosts, so they lean on the standard library (and each client on the library that it is named after).

    errors       everything that can go wrong with the lab itself
    model        plain values: what the lab makes and hands from module to module
    system       this machine, without Docker: places, files, locks, threads, processes, signals
    agent        PID 1 of a sandbox, run inside it
    clients      ways to try to connect, run inside the client host
    standin      a stand-in for a Docker Engine
    language     what people write: YAML, kinds of values, placeholders
    kernel       what kernels say: captures, counters, sockets
    stack        stacks: Compose files, read into hosts and networks
    actions      what can be done to a lab
    results      what a run leaves: journal, result, record, bundle
    scenario     scenarios: found, read into frozen values, checked
    symptoms     errors, read out of any text
    knowledge    what the scenarios teach together, and from an error to its causes
    engine       the Docker Engine; the only folder that imports docker
    provision    what a machine needs before it can run a lab: packages, images, an engine
    lab          a running stack
    run          a run: observe, break, observe, wait, fix, observe, judge; and many of them
    report       what a person reads
    testing      scenarios as tests of pytest
    cli          the command line
    __main__     `python -m labctl`
"""

__version__ = "0.1.0"
