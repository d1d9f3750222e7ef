"""The Docker Engine: the only folder that imports `docker`.

translate.py    docker's errors, made ours at one door
connection.py   finding an engine that answers
images.py       pull, import, build
once.py         a command in a container of its own
labels.py       the labels by which labctl finds again what it has made
containers.py   containers and networks, as a lab wants them
spec.py         what a container is made from
stream.py       attached standard streams
terminal.py     a program in a container, on a person's terminal
feed.py         answers that go on
events.py       how containers ended
sweep.py        removing what carries a label
watchdog.py     a process that removes what a killed labctl left
"""
