"""What the provider's models take and cost, and what videos look like where they are shown: tables and pure functions.

The server refuses by them before anything is paid, and the workers' recipes name arguments by them, so that the two
cannot differ. Nothing here talks to anything.
"""
