"""IncidentOps agent: watches and controls the units of a catalogue through PID 1 and serves a local HTTP API."""

__version__ = "0.1.0"
