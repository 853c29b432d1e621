"""LAW: an adapter implements one port, and holds no policy: when to look and what counts is decided elsewhere.

Only adapters touch sockets, files and clocks. Whatever the outside world does becomes what the port promises: an answer
or one of the port's errors.
"""
