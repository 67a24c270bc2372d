"""Runs automations in Home Assistant itself, on simulated time, and writes down what they call, by the second.

    home_assistant_peer.py AUTOMATIONS SCRIPTS SCRIPT > CALLS

Needs Python 3.13 and homeassistant==2025.4.4 (`tests/tools/home_assistant.sh`). SCRIPT is what happens, one thing a
line (see `tests/automations/days.txt`); CALLS is one line for each service call: the time, the service, its data. All
services that are not Home Assistant's own automations and scripts are replaced by ones that do nothing.
"""

import asyncio
import json
import logging
import selectors
import sys
import tempfile
import time
from datetime import datetime, timedelta
from unittest.mock import patch
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Paris")
PLACE = (48.8566, 2.3522)
CLOCK = {"base": 0.0, "passed": 0.0}
CALLS = []


def now():
    return CLOCK["base"] + CLOCK["passed"]


class Idle(selectors.DefaultSelector):
    """Nobody waits: where nothing is ready, time jumps to what is due next."""

    def select(self, timeout=None):
        found = super().select(0)
        if not found and timeout:
            CLOCK["passed"] += timeout
        return found


class Loop(asyncio.SelectorEventLoop):
    def __init__(self):
        super().__init__(Idle())
        self._clock_resolution = 1e-6

    def time(self):
        return CLOCK["passed"]

    def run_in_executor(self, _executor, call, *args):
        done = self.create_future()
        try:
            done.set_result(call(*args))
        except Exception as error:  # noqa: BLE001
            done.set_exception(error)
        return done


def plain(value):
    """As it is compared: lists for what may be a text with commas."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(one) for one in value]
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return str(value)


async def play(automations, scripts, lines):
    from homeassistant import bootstrap, config_entries, core, loader
    from homeassistant.setup import async_setup_component

    begun = now()
    folder = tempfile.mkdtemp()
    hass = core.HomeAssistant(folder)
    hass.config.config_dir = folder
    loader.async_setup(hass)
    hass.config.skip_pip = True
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    await bootstrap.async_load_base_functionality(hass)
    await hass.config.async_update(
        latitude=PLACE[0], longitude=PLACE[1], time_zone="Europe/Paris", unit_system="metric", elevation=0)
    assert await async_setup_component(hass, "homeassistant", {})
    for name in ("homeassistant",):
        for service in list(hass.services.async_services_for_domain(name)):
            if service not in ("reload_core_config",):
                hass.services.async_remove(name, service)

    def record(call):
        at = datetime.fromtimestamp(now(), ZONE).strftime("%Y-%m-%dT%H:%M:%S")
        data = plain(dict(call.data))
        if isinstance(data.get("entity_id"), str):
            data["entity_id"] = [one.strip() for one in data["entity_id"].split(",")]
        for key in ("area_id", "device_id"):
            if isinstance(data.get(key), str):
                data[key] = [data[key]]
        told = json.dumps(data, sort_keys=True, ensure_ascii=False)
        CALLS.append(f"{at} {call.domain}.{call.service} {told}")

    services = {line.split(" ")[1] for line in lines if line.startswith("service ")}
    for name in services:
        domain, service = name.split(".")
        hass.services.async_register(domain, service, record)
    async def set_up():
        assert await async_setup_component(hass, "sun", {}) or True
        assert await async_setup_component(hass, "script", {"script": scripts})
        assert await async_setup_component(hass, "automation", {"automation": automations})
        for name in services:
            domain, service = name.split(".")
            hass.services.async_register(domain, service, record)
        await settle()
        for state in hass.states.async_all("automation"):
            if state.state == "unavailable":
                print("# Home Assistant does not take in", state.entity_id)
        hass.set_state(core.CoreState.running)
        hass.bus.async_fire("homeassistant_start")
        hass.bus.async_fire("homeassistant_started")
        await settle()

    def sun():
        from homeassistant.helpers import sun as helper
        from homeassistant.util import dt as dt_util
        up = helper.is_up(hass, dt_util.utcnow())
        hass.states.async_set("sun.sun", "above_horizon" if up else "below_horizon")

    async def settle():
        # Whatever goes on without time passing.
        for _ in range(200):
            await asyncio.sleep(0)

    async def wait(seconds):
        end = CLOCK["passed"] + seconds
        while CLOCK["passed"] < end:
            await asyncio.sleep(min(60.0, end - CLOCK["passed"]))
            sun()
        await settle()

    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "service":
            continue
        if word == "begin":
            sun()
            await set_up()
            # Setting up took no time.
            assert now() - begun < 1, now() - begun
        elif word == "event":
            name, _, data = rest.partition(" ")
            hass.bus.async_fire(name, json.loads(data) if data else {})
        elif word == "until":
            at = datetime.fromisoformat(rest).replace(tzinfo=ZONE).timestamp()
            await wait(at - now())
        elif word.startswith("+"):
            size = {"s": 1, "m": 60, "h": 3600, "d": 86400}[word[-1]]
            await wait(float(word[1:-1]) * size)
        elif word == "#":
            continue
        else:
            state, _, attributes = rest.partition(" ")
            hass.states.async_set(word, state, json.loads(attributes) if attributes else None)
        await settle()


def main():
    import yaml

    logging.disable(logging.ERROR if "-v" not in sys.argv else logging.NOTSET)
    automations, scripts, script = sys.argv[1:4]

    with open(script, encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    begin = next(line.split(" ")[1] for line in lines if line.startswith("begin "))
    CLOCK["base"] = datetime.fromisoformat(begin).replace(tzinfo=ZONE).timestamp()
    with open(automations, encoding="utf-8") as file:
        rules = yaml.safe_load(file)
    with open(scripts, encoding="utf-8") as file:
        named = yaml.safe_load(file)
    from datetime import UTC

    from homeassistant.helpers import event
    from homeassistant.util import dt as dt_util

    utcnow = lambda: datetime.fromtimestamp(now(), UTC)  # noqa: E731
    local = lambda zone=None: datetime.fromtimestamp(now(), zone or dt_util.get_default_time_zone())  # noqa: E731
    with patch("time.time", now), patch("time.monotonic", lambda: CLOCK["passed"]), \
            patch.object(dt_util, "utcnow", utcnow), patch.object(dt_util, "now", local), \
            patch.object(event, "time_tracker_utcnow", utcnow), patch.object(event, "time_tracker_timestamp", now):
        loop = Loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(play(rules, named, lines))
    # What two automations do in the same second comes in no order of its own.
    print("\n".join(sorted(CALLS)))
    sys.stdout.flush()
    import os
    os._exit(0)


main()
