"""The queues of the worker's protocol, as units/README.md describes them."""

from incidentops_worker.amqp import Channel

JOBS = "incidentops.jobs"
DEAD = "incidentops.dead"
PING = "incidentops.ping"

# The dead are kept for a person to look at; without a bound, a sender gone wrong would fill the disk with them.
_DEAD_ARGUMENTS = {"x-max-length": 10_000, "x-max-length-bytes": 64 * 1024 * 1024}
_PING_ARGUMENTS = {"x-message-ttl": 5_000}


async def declare_jobs(channel: Channel) -> int:
    """Make the queues of jobs; the jobs that are ready. Raises AmqpError."""
    await channel.declare(DEAD, durable=True, arguments=_DEAD_ARGUMENTS)
    return await channel.declare(JOBS, durable=True)


async def declare_ping(channel: Channel) -> None:
    """Make the queue of pings. Raises AmqpError."""
    await channel.declare(PING, durable=False, arguments=_PING_ARGUMENTS)
