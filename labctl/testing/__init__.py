"""Scenarios as tests of pytest."""
