"""The whole stack on one machine: for `make run`, for `make demo` and for the e2e tests.

Every part runs as a process of its own (see `process.py`), exactly as in production; nothing here is
imported by what runs in production.
"""
