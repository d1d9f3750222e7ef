"""Connections as a ladder: the client on the left, the server on the right, one packet a line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from labctl.kernel.packets import shape
from labctl.kernel.pcap import ACK, ARP_REQUEST, ICMP_KINDS, KINDS
from labctl.model import Connection, Packet
from labctl.report.text import plain

WIDTH = 76  # columns, at most
MARGIN, SPAN = 12, 36  # columns before the client's bar, and between the bars
ROOM = WIDTH - MARGIN - SPAN - 6  # columns for what stands behind the server's bar
MOST_SHAPES = 3  # that are drawn
MOST_PACKETS = 8  # of one connection
MOST_ALIKE = 2  # packets in a row, before they are drawn as one
LONGEST_NAME = 18
AGAIN = " again"
DRAWN = frozenset({*KINDS, *(kind + AGAIN for kind in KINDS)}) - {ACK, ACK + AGAIN}


@dataclass(frozen=True, slots=True)
class _Signs:
    """What lines and arrows are made of."""

    bar: str
    line: str
    left: str
    right: str
    lost: str
    more: str
    times: str

    def name(self, text: str, width: int = LONGEST_NAME) -> str:
        """Return a name, cut where it is too long."""
        text = " ".join(plain(text).split())
        if self.more.isascii():
            text = text.encode("ascii", "replace").decode()
        return text if len(text) <= width else text[: max(width - len(self.more), 0)] + self.more


UNICODE = _Signs("│", "─", "◀", "▶", "✗", "…", "×")  # noqa: RUF001 it is a multiplication sign
ASCII = _Signs("|", "-", "<", ">", "x", "...", "x")


@dataclass(frozen=True, slots=True)
class _Row:
    """What is drawn in one line: a packet, or some alike in a row."""

    when: str
    by: str
    kind: str
    reached: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class _Ladder:
    """Draws packets between two hosts."""

    client: str
    server: str
    signs: _Signs

    def head(self) -> str:
        """Return the line of the names, each above its bar."""
        left, right = self.signs.name(self.client), self.signs.name(self.server)
        begins = " " * (MARGIN - len(left) // 2) + left
        return begins.ljust(MARGIN + SPAN + 3 - len(right) // 2) + right

    def lines(self, rows: Sequence[_Row]) -> Iterator[str]:
        """Draw packets, one a line, and say how many more there were."""
        yield self.head()
        for row in rows[:MOST_PACKETS]:
            yield self._line(row.when, *self._middle(row))
        if left_out := sum(row.times for row in rows[MOST_PACKETS:]):
            yield self._line("", f"{self.signs.more} {left_out} more", "")

    def _line(self, when: str, middle: str, note: str) -> str:
        bar = self.signs.bar
        right = bar if len(middle) <= SPAN else ""
        return f"{when:>{MARGIN - 2}}  {bar} {middle:<{SPAN}} {right}  {note}".rstrip()

    def _middle(self, row: _Row) -> tuple[str, str]:
        """Return what is drawn between the bars, and what is noted behind them."""
        at_client = row.by == row.reached == self.client
        if row.kind.startswith(ARP_REQUEST):
            return self._label(row, ", unanswered"), ""
        if at_client and row.kind.removesuffix(AGAIN) in ICMP_KINDS:
            return self._label(row, ", by its own kernel"), ""
        if at_client and self.client == self.server:
            return self._label(row, ", to itself"), ""
        if row.by not in (self.client, self.server):
            return self._from_between(row)
        to_server = row.by == self.client
        if row.reached == (self.server if to_server else self.client):
            return self._arrow(row, SPAN, to_server=to_server), ""
        arrow = self._arrow(row, SPAN * 2 // 3, to_server=to_server, lost=True)
        return (arrow.ljust(SPAN) if to_server else arrow.rjust(SPAN)), self._where(row)

    def _from_between(self, row: _Row) -> tuple[str, str]:
        """Draw what neither of the two sent: it comes out of the middle."""
        to_server, lost = row.reached == self.server, row.reached not in (self.client, self.server)
        arrow = self._arrow(row, SPAN * 3 // 4, to_server=to_server, lost=lost)
        note = "by {}, lost" if lost else "by {}"
        return (arrow.rjust(SPAN) if to_server else arrow.ljust(SPAN)), self._note(note, row.by)

    def _where(self, row: _Row) -> str:
        return self._note("seen on {} only" if row.reached == row.by else "last seen at {}", row.reached)

    def _note(self, words: str, name: str) -> str:
        return words.format(self.signs.name(name, ROOM - len(words.format(""))))

    def _arrow(self, row: _Row, width: int, *, to_server: bool, lost: bool = False) -> str:
        """Return an arrow with a packet's kind on it, as wide as that takes at least."""
        line, label = self.signs.line, self._label(row)
        width = max(width, len(label) + 5)
        shaft = f"{line * min(3, width - len(label) - 4)} {label} ".ljust(width - 1, line)
        if to_server:
            return shaft + (self.signs.lost if lost else self.signs.right)
        return (self.signs.lost if lost else self.signs.left) + shaft

    def _label(self, row: _Row, words: str = "") -> str:
        """Return a packet's kind, and how often it was sent, no longer than there is room for."""
        again = AGAIN if row.kind.endswith(AGAIN) else ""
        times = f" {self.signs.times}{row.times}" if row.times > 1 else ""
        end = again + words + times
        return self.signs.name(row.kind.removesuffix(again), SPAN - 5 - (0 if words else len(end))) + end


def ladder(connections: Sequence[Connection], client: str, *, ascii: bool = False) -> list[str]:  # noqa: A002 its name
    """Draw connections, those of one shape once, the most frequent shapes first, in lines of at most 76 columns.

    `client` is who should have opened them. With `ascii` there is no other character in them.
    """
    signs = ASCII if ascii else UNICODE
    if not connections:
        return [f"nothing from {signs.name(client)} came onto the wire"]
    by_shape: defaultdict[object, list[Connection]] = defaultdict(list)
    for connection in connections:
        by_shape[_shape(connection)].append(connection)
    alike = sorted(by_shape.values(), key=len, reverse=True)
    lines = []
    for of_shape in alike[:MOST_SHAPES]:
        first = of_shape[0]
        everything = sum(_ends(connection) == _ends(first) for connection in connections)
        lines.append(_heading(first, len(of_shape), everything, signs))
        lines.extend(_Ladder(first.client, first.server, signs).lines(_rows(first)))
    if rest := alike[MOST_SHAPES:]:
        shapes = f"{len(rest)} other shapes" if len(rest) > 1 else "another shape"
        lines.append(f"{signs.more} and {sum(map(len, rest))} more, of {shapes}")
    return lines


def expected_ladder(expected: Sequence[Packet], client: str, server: str, *, ascii: bool = False) -> list[str]:  # noqa: A002
    """Draw the packets that a scenario expects of a connection between two hosts, as `ladder` does, without times."""
    rows = [replace(_row(packet), when="") for packet in expected]
    return list(_Ladder(client, server, ASCII if ascii else UNICODE).lines(rows))


def _ends(connection: Connection) -> tuple[str, str, int]:
    return connection.client, connection.server, connection.port


def _shape(connection: Connection) -> tuple[tuple[str, str, int], tuple[tuple[str, str, str], ...]]:
    """Return what connections that are drawn together have in common: their ends, and what was sent, also again."""
    packets = tuple(replace(packet, kind=packet.kind + AGAIN * packet.again) for packet in connection.packets)
    return _ends(connection), shape(replace(connection, packets=packets), also=DRAWN)


def _heading(connection: Connection, count: int, everything: int, signs: _Signs) -> str:
    counted = f"{count}" if count == everything else f"{count} of {everything}"
    noun = "connection" if everything == 1 else "connections"
    client, server = signs.name(connection.client), signs.name(connection.server)
    return f"{counted} {noun} from {client} to {server}:{connection.port}"


def _rows(connection: Connection) -> list[_Row]:
    """Return what is drawn of a connection: everything but its acknowledgements."""
    rows = [_row(packet) for packet in connection.packets if packet.kind != ACK]
    drawn: list[_Row] = []
    for _, run in groupby(rows, key=lambda row: (row.by, row.kind, row.reached)):
        alike = list(run)
        drawn.extend([replace(alike[0], times=len(alike))] if len(alike) > MOST_ALIKE else alike)
    return drawn


def _row(packet: Packet) -> _Row:
    when = f"{packet.at * 1000:.1f} ms" if packet.at < 1 else f"{packet.at:.2f} s"
    return _Row(when, packet.by, packet.kind + AGAIN * packet.again, packet.reached)
