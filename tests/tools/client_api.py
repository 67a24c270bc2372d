"""homeassistant_api, Home Assistant's client from PyPI, against a house that runs.

Started by tests/it/clients.rs with an address and a token; says `ok …` per check.
"""

import sys
from datetime import datetime, timezone

from homeassistant_api import Client, WebsocketClient

url, token = sys.argv[1:3]
socket = url.replace("http", "ws", 1) + "/api/websocket"
LAMP = "light.kitchen_light"


def check(what, is_so, seen=""):
    print("ok" if is_so else "FAIL", what, "" if is_so else repr(seen), flush=True)


def refused(what, kind, call):
    try:
        check(what, False, call())
    except Exception as error:  # Which it is, is what is checked.
        check(what, type(error).__name__ == kind, error)


with Client(url + "/api", token) as house:
    states = house.get_states()
    check("states", len(states) > 40, len(states))
    lamp = house.get_state(entity_id=LAMP)
    check("a state has its time", (datetime.now(timezone.utc) - lamp.last_changed).days == 0, lamp)
    domains = house.get_domains()
    number = domains["light"].turn_on.fields["brightness"].selector.number
    check("services have fields", number.max == 255, number)
    changed = house.trigger_service("light", "turn_on", entity_id=LAMP)
    check("a service answers what changed", [(s.entity_id, s.state) for s in changed] == [(LAMP, "on")], changed)
    changed = domains["light"].turn_off(entity_id=LAMP)
    check("a service can be called by its name", changed[0].state == "off", changed)
    check("entities are in groups", house.get_entities()["light"].kitchen_light.state.state == "off")
    check("components", "mqtt" in house.get_components())
    check("the configuration is good", house.check_api_config())
    check("settings", house.get_config()["location_name"] == "Home")
    check("the log is text", isinstance(house.get_error_log(), str))
    said = house.get_rendered_template("{{ states('%s') }} {{ state_attr('%s', 'area') }}" % (LAMP, LAMP))
    check("templates", said == "off Kitchen", said)
    check("events", house.fire_event("doorbell", who="me") == "Event doorbell fired.")
    refused("a state of one's own", "MethodNotAllowedError", lambda: house.set_state(lamp))
    refused("a wrong template", "BadTemplateError", lambda: house.get_rendered_template("{{ ("))
    refused("an unknown entity", "EndpointNotFoundError", lambda: house.get_state(entity_id="light.no"))
    refused("an unknown service", "RequestError", lambda: house.trigger_service("light", "fly"))
refused("a wrong token", "UnauthorizedError", lambda: Client(url + "/api", "wrong").get_states())

with WebsocketClient(socket, token) as house:
    check("the socket answers", house.ping_latency() < 5000)
    check("states over the socket", len(house.get_states()) == len(states))
    check("services over the socket", len(house.get_domains()) == len(domains))
    house.trigger_service("light", "turn_on", entity_id=LAMP)
    check("it was done", house.get_state(entity_id=LAMP).state == "on")
    check("templates over the socket", house.get_rendered_template("{{ states('%s') }}" % LAMP) == "on")
    with house.listen_events("state_changed") as events:
        house.trigger_service("light", "turn_off", entity_id=LAMP)
        mine = (event for event in events if event.data["entity_id"] == LAMP)
        check("events over the socket", next(mine).data["new_state"]["state"] == "off")
    with house.listen_trigger("state", entity_id=LAMP, to="on") as fired:
        house.trigger_service("light", "turn_on", entity_id=LAMP)
        check("triggers", next(fired)["trigger"]["to_state"]["state"] == "on")
    check("the registry", len(house.list_entity_registry()) > 40)
    entry = house.update_entity_registry_entry({"entity_id": LAMP, "name": "Cook's lamp"}).entity_entry
    check("a name is given", entry.name == "Cook's lamp" and entry.platform == "mqtt", entry)
    house.update_entity_registry_entry({"entity_id": LAMP, "name": None})
    check("and taken back", house.get_entity_registry_entry(LAMP).name is None)
    check("no configuration entries", house.get_config_entries() == ())
    check("events are fired", bool(house.fire_event("doorbell", who="me").id))


def wrong():
    with WebsocketClient(socket, "wrong"):
        pass


refused("a wrong token at the socket", "UnauthorizedError", wrong)
