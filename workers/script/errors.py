"""How the analysis of a script says that no video can be made of it."""

from __future__ import annotations


class ScriptError(Exception):
    """No video can be made of the script as asked; the message tells people what to change."""
