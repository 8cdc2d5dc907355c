"""The desktop application of IncidentOps."""

__version__ = "0.1.0"
