"""incidentops, the command line: a client of the agent's API that needs nothing but Python's own library.

It answers a person who waits, so what it imports is chosen by what importing costs: no dataclasses, no http.client.
"""
