"""The only reader and writer of Redis: keys, records, scripts, and what each use case does with them."""
