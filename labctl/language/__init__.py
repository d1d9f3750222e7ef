"""What people write: YAML with the place of each value, kinds of values, placeholders, generated JSON."""
