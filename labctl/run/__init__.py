"""A run: observe, break, observe, wait, fix, observe, judge; and many runs, side by side."""
