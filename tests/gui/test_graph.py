"""Who needs whom: in layers, in the colours of now, by mouse and by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from incidentops_gui import layers
from incidentops_gui.widgets.graph import GraphWindow
from incidentops_gui.widgets.service_window import ServiceWindow
from PySide6.QtCore import Qt

from gui.conftest import Desk, answer

if TYPE_CHECKING:
    from gui.fake_agent import FakeAgent

NAMES = st.sampled_from([f"s{number}" for number in range(9)])


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4).map(tuple)))
def test_every_service_has_one_place_and_what_it_needs_is_above(needs: dict[str, tuple[str, ...]]) -> None:
    made = layers.layers(needs)
    flat = [name for layer in made for name in layer]
    assert sorted(flat) == sorted(needs), "also with cycles"
    assert made == layers.layers(dict(reversed(needs.items()))), "the same each time"
    for name in flat:
        for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            assert layers.neighbour(made, name, *step) in needs


def test_layers_follow_the_dependencies_and_do_not_tangle() -> None:
    needs = {"a": (), "b": (), "x": ("b",), "y": ("a",), "top": ("x", "y"), "elsewhere": ("unknown",)}
    made = layers.layers(needs)
    assert [sorted(layer) for layer in made] == [["a", "b", "elsewhere"], ["x", "y"], ["top"]]
    assert (made[0].index("a") < made[0].index("b")) == (made[1].index("y") < made[1].index("x"))


def show(desk: Desk) -> GraphWindow:
    room = desk.window.rooms.graph()
    desk.until(lambda: room.settled and "worker" in room.canvas.nodes)
    return room


def test_nodes_have_the_colours_of_now_and_the_root_is_marked(desk: Desk, agent: FakeAgent) -> None:
    agent.incidents = answer("incidents")[:1]
    room = show(desk.live())
    nodes = room.canvas.nodes
    assert set(nodes) == set(desk.session.store.state.cards)
    assert nodes["worker"].y() > nodes["rabbitmq"].y()
    assert nodes["rabbitmq"].role == "good"
    desk.until(lambda: agent.readers)
    for name, state in (("rabbitmq", "failed"), ("worker", "unresponsive")):
        agent.change(name, status="down", state=state, incident="5f1c09ab")
    desk.until(lambda: nodes["worker"].mark == "part")
    assert (nodes["rabbitmq"].role, nodes["rabbitmq"].look.shape, nodes["rabbitmq"].mark) == ("bad", "cross", "root")
    said = nodes["rabbitmq"].accessibleName()
    assert said == "RabbitMQ: DOWN · Failed; root of incident 5f1c09ab; needed by worker"
    assert "needs postgres, rabbitmq and redis" in nodes["worker"].accessibleName()
    agent.close()
    desk.until(lambda: nodes["rabbitmq"].role == "muted")
    assert room.offline.isVisible()


def test_the_keyboard_goes_from_node_to_node_and_opens_one(desk: Desk, agent: FakeAgent) -> None:
    room = show(desk.live())
    room.activateWindow()
    desk.until(room.isActiveWindow)
    nodes = room.canvas.nodes
    nodes["rabbitmq"].setFocus()
    desk.key(nodes["rabbitmq"], Qt.Key.Key_Down)
    assert nodes["worker"].hasFocus()
    desk.key(nodes["worker"], Qt.Key.Key_Up)
    assert room.canvas.layers[0].count(next(name for name, node in nodes.items() if node.hasFocus())) == 1
    desk.key(nodes["worker"], Qt.Key.Key_Return)
    desk.until(lambda: [one.service for one in desk.window.findChildren(ServiceWindow)] == ["worker"])
    desk.key(room, Qt.Key.Key_Escape)
    desk.until(lambda: not desk.window.findChildren(GraphWindow))
    desk.window.findChildren(ServiceWindow)[0].close()


def test_a_click_opens_the_services_window(desk: Desk, agent: FakeAgent) -> None:
    room = show(desk.live())
    desk.click(room.canvas.nodes["redis"])
    desk.until(lambda: [one.service for one in desk.window.findChildren(ServiceWindow)] == ["redis"])
    desk.window.findChildren(ServiceWindow)[0].close()


def test_without_services_it_says_so(desk: Desk, agent: FakeAgent) -> None:
    agent.close()
    desk.open()
    room = desk.window.rooms.graph()
    desk.until(lambda: room.told.title.text() == "No services")
