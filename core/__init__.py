"""The domain of Segue: what a job is, what may happen to it, and how Redis remembers it.

Nothing here knows gRPC, Dramatiq, fal or protobuf; specs and results pass through as bytes.
"""
