"""agenttrader-watchdog: knows, within milliseconds, that a trading platform cannot trade when it must not.

The flow, and nothing else happens in a turn of the daemon:

    source -> observation -> posture -> rules -> alerts -> incidents -> outlets

``core`` is pure, ``rules`` are pure, ``sources`` say what was seen, ``outlets`` publish what was concluded,
``adapters`` touch the world behind the Protocols in ``ports``; ``daemon`` wires them and turns. Unknown is a value
(``core.facts.Unknown``), from the fact to the page, and it is never fine.
"""

__version__ = "0.1.0"
