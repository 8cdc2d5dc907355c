"""The peer of GET /services: the usual small FastAPI application on Debian's uvicorn, without an access log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import uvicorn  # type: ignore[import-not-found]  # only inside the machine
from fastapi import FastAPI, Response  # type: ignore[import-not-found]

PORT = 8009
PAYLOAD = Path("/run/incidentops-bench.json")


def application() -> Any:
    served = FastAPI()
    payload: dict[str, Any] = json.loads(PAYLOAD.read_text())
    ready_made = json.dumps(payload).encode()

    async def hello() -> dict[str, Any]:
        return payload

    async def ready() -> Any:
        return Response(ready_made, media_type="application/json")

    served.add_api_route("/hello", hello)
    served.add_api_route("/bytes", ready, response_class=Response)
    return served


if __name__ == "__main__":
    uvicorn.run(application(), host="127.0.0.1", port=PORT, access_log=False, log_level="warning")
