"""Checks requests against the limits that the contract states, and names every fault with its path."""
