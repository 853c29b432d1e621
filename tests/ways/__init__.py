"""Every way to enable execution, or to hide it, that we know of: one row each, and beside them what only looks alike.

The law of this folder: a row says what somebody does, as they would do it, and exactly which pages it must bring; it
knows nothing of how the watchdog finds out. ``tests/test_ways.py`` plays them.
"""
