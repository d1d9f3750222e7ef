"""The stock server, by the name that `ps` shows: what it does is in server.py, which is compiled already."""

from server import main

main()
