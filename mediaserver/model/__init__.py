"""The vocabulary everyone shares: ids, roles, grants, events, clock, pii. Standard library only."""
