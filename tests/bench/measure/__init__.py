"""The measuring programs of ./lab bench, run inside the lab machine, as root; ../README.md says what they measure.

One module per family of rows: ``python3 -m measure FAMILY`` prints its rows as JSON.
"""
