"""A local fal.ai: the queue API, storage and models of fal on one machine, with faults and a ledger.

It exists so that everything which would cost money or need a network can be run, tested and broken
on a laptop. It speaks fal's wire protocol (virtual hosts by Host header, or a TLS front for an
unmodified client), renders real media, and counts what a real account would have been billed for.
"""
