"""Time and cost, measured (``make bench``): ratios within one run, and nothing here asserts a wall-clock time."""
