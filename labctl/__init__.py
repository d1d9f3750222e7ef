"""A reproducible fault-injection lab for connection failures."""

__version__ = "0.1.0"
