"""Faults: what breaks services on purpose, as root, and what takes it back. README.md is the way in."""
