"""Probes: ask each kind of service in its own protocol whether it works, over connections that are kept.

Every probe is a coroutine that never blocks the event loop and can be cancelled at any await. One file per kind.
"""
