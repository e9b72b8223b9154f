"""The conformance kit: what anyone's plugin is held to, and what to mend in words.

`check` (check.py) runs every check; those that only look are in hooks.py, files.py and tables.py, those
that let the plugin work are in work.py. A check is a function from a plugin to its problems.
"""

from mediaserver.plugins.kit.check import Report, check

__all__ = ["Report", "check"]
