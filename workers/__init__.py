"""The workers: they claim jobs, perform their recipes on fal, and tell Redis what becomes of them.

Dramatiq brings the tickets (actors, async_worker); `attempts` turns a ticket into an attempt at a job; `generations`
is the ledger of paid calls; `recipes` say how each kind of job is made.
"""
