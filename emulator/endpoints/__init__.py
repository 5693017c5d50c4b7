"""The HTTP faces: each module is one of fal's hosts, `control` is the emulator's own."""
