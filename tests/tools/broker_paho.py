"""paho-mqtt, which most Python producers use, against a broker on 127.0.0.1:PORT.

Prints `ok NAME` or `FAIL NAME: reason` for each check, in both protocol versions; exit code 1 if
one failed. The broker's tests start it.
"""

import sys
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PORT = int(sys.argv[1])
PATIENCE = 8


class Peer:
    """A connected client that collects what it receives."""

    def __init__(self, version, name, will=None):
        self.received = []
        self.changed = threading.Condition()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"{name}-{version}", protocol=version
        )
        self.client.on_message = self._on_message
        self.subscribed = threading.Event()
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        connected = threading.Event()
        self.client.on_connect = lambda _c, _u, _f, reason, _p: reason == 0 and connected.set()
        if will:
            self.client.will_set(*will)
        self.client.connect("127.0.0.1", PORT, keepalive=20)
        self.client.loop_start()
        if not connected.wait(PATIENCE):
            raise AssertionError(f"{name} was not connected")

    def _on_message(self, _client, _user, message):
        with self.changed:
            self.received.append(message)
            self.changed.notify_all()

    def subscribe(self, topic, qos=0):
        self.subscribed.clear()
        self.client.subscribe(topic, qos)
        assert self.subscribed.wait(PATIENCE), f"no SUBACK for {topic}"

    def publish(self, topic, payload, qos=1, retain=False, properties=None):
        done = self.client.publish(topic, payload, qos, retain, properties)
        done.wait_for_publish(PATIENCE)
        assert done.is_published(), f"{topic} was not acknowledged"

    def wait(self, count):
        with self.changed:
            self.changed.wait_for(lambda: len(self.received) >= count, PATIENCE)
            got = list(self.received)
        assert len(got) >= count, f"{len(got)} of {count} messages"
        return got

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def discovery(version):
    """500 retained configurations, read by a wildcard, as Home Assistant does it."""
    producer = Peer(version, "producer")
    for number in range(500):
        producer.client.publish(f"ha{version}/sensor/n{number}/config", "x" * 700, 1, True)
    producer.publish(f"ha{version}/end", "end", 2, True)
    hub = Peer(version, "hub")
    hub.subscribe(f"ha{version}/#", 1)
    got = hub.wait(501)
    assert len(got) == 501 and all(message.retain for message in got), len(got)
    producer.close()
    hub.close()


def all_qualities(version):
    sender, receiver = Peer(version, "sender"), Peer(version, "receiver")
    receiver.subscribe(f"q{version}/#", 2)
    for qos in range(3):
        for number in range(100):
            sender.client.publish(f"q{version}/{qos}", str(number), qos)
    got = receiver.wait(300)
    for qos in range(3):
        numbers = [int(m.payload) for m in got if m.topic.endswith(f"/{qos}") and m.qos == qos]
        assert numbers == list(range(100)), f"QoS {qos}: {numbers}"
    sender.close()
    receiver.close()


def last_will(version):
    watcher = Peer(version, "watcher")
    watcher.subscribe(f"will{version}", 1)
    lost = Peer(version, "lost", will=(f"will{version}", "offline", 1, True))
    lost.client.loop_stop()
    lost.client.socket().close()
    assert watcher.wait(1)[0].payload == b"offline"
    watcher.publish(f"will{version}", "", 1, True)
    watcher.close()


def properties(version):
    if version != mqtt.MQTTv5:
        return
    client = Peer(version, "properties")
    client.subscribe("pr", 2)
    sent = Properties(PacketTypes.PUBLISH)
    sent.ContentType = "application/json"
    sent.ResponseTopic = "answer"
    sent.CorrelationData = b"\x00\x01"
    sent.MessageExpiryInterval = 60
    sent.UserProperty = [("k", "v"), ("k", "w")]
    client.publish("pr", "{}", 2, False, sent)
    got = client.wait(1)[0].properties
    assert got.ContentType == "application/json", got
    assert got.ResponseTopic == "answer" and got.CorrelationData == b"\x00\x01", got
    assert 50 < got.MessageExpiryInterval <= 60, got
    # The broker adds who sent it; the sender's own come first and in order.
    assert got.UserProperty[:2] == [("k", "v"), ("k", "w")], got
    client.close()


def main():
    failed = False
    for version in (mqtt.MQTTv311, mqtt.MQTTv5):
        for check in (discovery, all_qualities, last_will, properties):
            name = f"{check.__name__} version {version}"
            try:
                check(version)
                print("ok", name, flush=True)
            except Exception as error:  # a check that breaks is a check that failed
                failed = True
                print(f"FAIL {name}: {error!r}", flush=True)
    time.sleep(0.1)
    sys.exit(failed)


main()
