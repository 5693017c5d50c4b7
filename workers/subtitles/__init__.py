"""Subtitles: cues, the files that carry them, how a text is cut into them, and how they are drawn."""
