"""IncidentOps chaos service: while it is armed, injects faults by a seeded plan through the agent's API."""

__version__ = "0.1.0"
