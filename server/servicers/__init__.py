"""The RPCs: translate in, call, translate out."""
