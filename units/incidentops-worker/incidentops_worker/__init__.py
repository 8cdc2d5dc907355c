"""IncidentOps worker: records each job of a RabbitMQ queue exactly once in PostgreSQL, with Redis as a cache."""

__version__ = "0.1.0"
