"""A journal made readable."""
