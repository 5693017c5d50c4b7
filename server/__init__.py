"""The gRPC face: translates between the contract and the core, and nothing more."""
