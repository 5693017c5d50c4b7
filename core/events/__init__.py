"""Events of jobs: what they are, and how they reach those who watch."""
