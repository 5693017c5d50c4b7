"""How the analysis of a script says that no video can be made of it."""

from __future__ import annotations


class ScriptError(Exception):
    """No video can be made of the script as asked; the message tells people what to change."""

    def __init__(self, message: str, *, field: str = "script_content") -> None:
        """Say what is wrong with a field of the script video: its script, "language" or "video_length"."""
        super().__init__(message)
        self.field = field
