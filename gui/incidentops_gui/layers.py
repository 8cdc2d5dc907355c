"""Where the services stand in the drawing of who needs whom: what is needed above, what needs it below. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUNDS = 4
"""How often the order within the layers is bettered; a handful is enough for fifty services."""


def layers(needs: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """The names by layer: each service below all that it needs; within a layer near what it is tied to.

    ``needs`` maps each service to what it depends on; what is not among the keys is left out, and a cycle (which the
    agent refuses) does not hang it.
    """
    known = {name: tuple(one for one in needed if one in needs and one != name) for name, needed in needs.items()}
    depth: dict[str, int] = {}

    def measure(name: str, above: frozenset[str]) -> int:
        if name not in depth:
            under = [measure(one, above | {name}) for one in known[name] if one not in above]
            depth[name] = 1 + max(under, default=-1)
        return depth[name]

    for name in sorted(known):
        measure(name, frozenset((name,)))
    made: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in sorted(known):
        made[depth[name]].append(name)
    return _untangle(made, known)


def _untangle(made: list[list[str]], needs: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Order each layer by the mean place of its neighbours (Sugiyama's barycentre), so that few lines cross.

    Downwards the ones above count, upwards the ones below: with both at once two layers change places for ever.
    """
    needed_by: dict[str, tuple[str, ...]] = dict.fromkeys(needs, ())
    for name, needed in needs.items():
        for one in needed:
            needed_by[one] += (name,)
    for turn in range(ROUNDS):
        tied, numbers = (needs, range(len(made))) if turn % 2 == 0 else (needed_by, range(len(made) - 1, -1, -1))
        place = {name: (index + 0.5) / len(layer) for layer in made for index, name in enumerate(layer)}
        for number in numbers:
            centres = {name: _mean([place[one] for one in tied[name]], place[name]) for name in made[number]}
            made[number] = [name for _, name in sorted((centre, name) for name, centre in centres.items())]
            place |= {name: (index + 0.5) / len(made[number]) for index, name in enumerate(made[number])}
    return made


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def neighbour(made: list[list[str]], name: str, dx: int, dy: int) -> str:
    """The name one step to the side, or the nearest one in the layer above or below; the name itself at the edge.

    ``name`` is one of the names."""
    row = next(number for number, layer in enumerate(made) if name in layer)
    layer = made[row]
    if dx:
        return layer[min(max(layer.index(name) + dx, 0), len(layer) - 1)]
    wanted = row + dy
    if not 0 <= wanted < len(made):
        return name
    share = (layer.index(name) + 0.5) / len(layer)
    return min(made[wanted], key=lambda one: abs((made[wanted].index(one) + 0.5) / len(made[wanted]) - share))
