"""The only room that talks to fal: submits exactly once, polls, fetches, cancels, uploads.

It turns every way fal can answer, or fail to, into one tree of errors (`errors`), and knows nothing of
jobs, Redis or Dramatiq.
"""
