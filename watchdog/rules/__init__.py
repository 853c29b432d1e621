"""LAW: pure. YAML text becomes rules; a rule judges one fact; nothing here knows a clock, a socket or a file.

The one exception is ``load.read`` (and ``testing``, which reads through it): it reads the files whose paths it is
given.
"""
