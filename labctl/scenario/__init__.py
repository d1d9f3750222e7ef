"""Scenarios: found by name, read into frozen values, checked before anything is run."""
