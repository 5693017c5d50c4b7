"""Measures what the service does, beside the least that its libraries could do; nothing imports it."""
