"""IncidentOps chaos service: idle in this version, and says so to whoever asks."""

__version__ = "0.1.0"
