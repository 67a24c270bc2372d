#!/usr/bin/env python3
"""A house that is lived in for hours: does its memory stay, does anything go wrong?

    tests/tools/soak.py target/release/homard --minutes 120 --models MODELS

One daemon with its own broker. 50 messages a second from 250 sensors; every minute a spoken command, every five a need
in unusual words (which loads the language model), a panel that follows the event stream and opens pages, and a bot of
Telegram (its server is played) that is written to. Every seven seconds memory, files, threads and processor time are noted
in a table; at the end the slope of the memory after the warm-up, of all samples and of the least of each five minutes (what is
needed for a moment comes and goes), and whatever went wrong. Standard library only.

Ends with 1 where the least memory grew by more than 0.5 MB an hour or something went wrong.
"""

import argparse
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPOKEN = ROOT / "tests/it/recordings/turn_on_the_kitchen_light.ogg"
TOKEN = "4242:a-Token_that-is-only-played"
ADA = 11
SENSORS = 250
BAR = 0.5
# Seconds of which the least memory counts.
FLOOR = 300
# Seconds between two samples: no part of a minute, or each would be as long after something was said as the one before.
SAMPLED = 7.3

problems = []
counts = {}


def wrong(text):
    problems.append(f"{time.strftime('%T')} {text}")
    print(f"WRONG {problems[-1]}", flush=True)


def count(what, n=1):
    counts[what] = counts.get(what, 0) + n


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Broker:
    """A client of MQTT 3.1.1, with quality of service 0."""

    def __init__(self, port, name, topics=(), heard=None):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lock, self.heard = threading.Lock(), heard
        head = self.text("MQTT") + bytes([4, 2]) + struct.pack(">H", 60) + self.text(name)
        self.send(0x10, head)
        if self.packet()[0] != 0x20:
            raise OSError("the broker refuses")
        if topics:
            self.send(0x82, struct.pack(">H", 1) + b"".join(self.text(one) + b"\0" for one in topics))
        threading.Thread(target=self.listen, daemon=True).start()
        threading.Thread(target=self.stay, daemon=True).start()

    @staticmethod
    def text(text):
        return struct.pack(">H", len(text.encode())) + text.encode()

    def send(self, kind, body):
        length, rest = b"", len(body)
        while True:
            rest, low = divmod(rest, 128)
            length += bytes([low | (128 if rest else 0)])
            if not rest:
                break
        with self.lock:
            self.socket.sendall(bytes([kind]) + length + body)

    def exactly(self, n):
        got = b""
        while len(got) < n:
            more = self.socket.recv(n - len(got))
            if not more:
                raise OSError("the broker is gone")
            got += more
        return got

    def packet(self):
        kind, length, shift = self.exactly(1)[0], 0, 0
        while True:
            low = self.exactly(1)[0]
            length |= (low & 127) << shift
            shift += 7
            if low < 128:
                return kind, self.exactly(length)

    def listen(self):
        try:
            while True:
                kind, body = self.packet()
                if kind & 0xF0 == 0x30 and self.heard:
                    n = struct.unpack(">H", body[:2])[0]
                    self.heard(body[2 : 2 + n].decode(), body[2 + n :].decode())
        except OSError:
            pass

    def stay(self):
        try:
            while True:
                time.sleep(20)
                self.send(0xC0, b"")
        except OSError:
            pass

    def publish(self, topic, payload, retain=False):
        self.send(0x31 if retain else 0x30, self.text(topic) + payload.encode())


class Telegram(http.server.BaseHTTPRequestHandler):
    """The Bot API, as far as the bot uses it."""

    protocol_version = "HTTP/1.1"
    lock = threading.Condition()
    updates, sent, next_update, next_message = [], [], 700, 1000

    def log_message(self, *_):
        pass

    @classmethod
    def says(cls, user, text):
        with cls.lock:
            cls.next_message += 1
            person = {"id": user, "is_bot": False, "first_name": "Ada", "language_code": "en"}
            chat = {"id": user, "type": "private", "first_name": "Ada"}
            message = {"message_id": cls.next_message, "from": person, "chat": chat, "date": int(time.time())}
            cls.updates.append({"update_id": cls.next_update, "message": message | {"text": text}})
            cls.next_update += 1
            cls.lock.notify_all()

    @classmethod
    def answer(cls, user, text, patience=30):
        """The first message after this was said."""
        with cls.lock:
            n = len(cls.sent)
        cls.says(user, text)
        until = time.monotonic() + patience
        with cls.lock:
            while len(cls.sent) == n:
                if not cls.lock.wait(max(0.0, until - time.monotonic())) and time.monotonic() >= until:
                    return None
            answer = cls.sent[n]
            # What was sent long ago is no longer asked for.
            del cls.sent[:]
            return answer

    def do_POST(self):
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        method = self.path.rsplit("/", 1)[-1]
        try:
            body = json.loads(asked or b"{}")
        except ValueError:
            body = {}
        result = True
        if method == "getMe":
            result = {"id": 4242, "is_bot": True, "first_name": "Homard", "username": "homard_soak_bot"}
        elif method == "getUpdates":
            until = time.monotonic() + body.get("timeout", 0)
            with Telegram.lock:
                while True:
                    Telegram.updates[:] = [one for one in Telegram.updates if one["update_id"] >= body.get("offset", 0)]
                    left = until - time.monotonic()
                    if Telegram.updates or left <= 0:
                        break
                    Telegram.lock.wait(left)
                result = list(Telegram.updates)
        elif method == "sendMessage":
            with Telegram.lock:
                Telegram.next_message += 1
                Telegram.sent.append(body.get("text", ""))
                Telegram.lock.notify_all()
                chat = {"id": body.get("chat_id"), "type": "private", "first_name": "Ada"}
                result = {"message_id": Telegram.next_message, "date": int(time.time()), "chat": chat}
        answer = json.dumps({"ok": True, "result": result}).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            pass


class House:
    def __init__(self, arguments, folder):
        self.http, self.mqtt, bot = free_port(), free_port(), free_port()
        self.data, self.log = folder / "data", folder / "log"
        self.program = str(pathlib.Path(arguments.program).resolve())
        server = http.server.ThreadingHTTPServer(("127.0.0.1", bot), Telegram)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = folder / "homard.toml"
        config.write_text(
            f'[http]\nlisten = "127.0.0.1:{self.http}"\n[mqtt]\nlisten = "127.0.0.1:{self.mqtt}"\n'
            f'[telegram]\ntoken = "{TOKEN}"\napi_url = "http://127.0.0.1:{bot}"\n'
        )
        self.place = ["--config", str(config), "--data-dir", str(self.data)]
        self.token = self.tool("token", "add", "soak").split()[-1]
        self.tool("user", "add", "Ada", "--role", "admin")
        models = ["--models", arguments.models] if arguments.models else []
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.program, "run", *self.place, *models], stderr=log, stdout=log)
        for _ in range(300):
            try:
                if self.ask("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.2)
        raise SystemExit(f"the house does not start:\n{self.log.read_text()}")

    def tool(self, *words):
        environment = os.environ | {"HOMARD_PASSWORD": "a long password"}
        place = self.place if words[0] == "token" else self.place[2:]
        done = subprocess.run([self.program, *words, *place], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{words}: {done.stderr}")
        return done.stdout

    def ask(self, method, path, body=None, kind="application/json", headers=None, patience=90):
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=patience)
        try:
            given = {"Authorization": f"Bearer {self.token}"} if headers is None else headers
            if body is not None:
                given = given | {"Content-Type": kind}
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def figures(self):
        """Resident and own memory in MB, files, threads, seconds of processor time, MB written."""
        of = f"/proc/{self.process.pid}"
        status = pathlib.Path(of, "status").read_text()
        field = lambda name: int(re.search(rf"^{name}:\s+(\d+)", status, re.M).group(1))
        ticks = pathlib.Path(of, "stat").read_text().rsplit(") ", 1)[1].split()[11:13]
        written = re.search(r"^write_bytes: (\d+)", pathlib.Path(of, "io").read_text(), re.M).group(1)
        return (
            field("VmRSS") * 1024 / 1e6,
            field("RssAnon") * 1024 / 1e6,
            len(os.listdir(of + "/fd")),
            field("Threads"),
            sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
            int(written) / 1e6,
        )


def forever(what, every, stop, act):
    """Does something again and again until the end; what goes wrong is noted."""

    def run():
        while not stop.wait(every):
            try:
                act()
                count(what)
            except Exception as error:  # whatever it is, it is told
                if not stop.is_set():
                    wrong(f"{what}: {error!r}")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def messages(house, stop, rate):
    """Sensors, and lamps that do what they are told."""
    lamps = ["Kitchen light", "Hall light", "Desk lamp"]

    def told(topic, payload):
        publisher.publish(topic.replace("/set", "/state"), payload, True)

    publisher = Broker(house.mqtt, "soak-devices", ["soak/+/set"], told)
    for n, name in enumerate(lamps):
        of = {"name": None, "unique_id": f"soak_lamp_{n}", "schema": "json", "brightness": True,
              "command_topic": f"soak/lamp_{n}/set", "state_topic": f"soak/lamp_{n}/state",
              "device": {"identifiers": [f"soak_lamp_{n}"], "name": name}, "origin": {"name": "soak"}}
        publisher.publish(f"homeassistant/light/soak_{n}/config", json.dumps(of), True)
        publisher.publish(f"soak/lamp_{n}/state", '{"state":"OFF","brightness":100}', True)
    for n in range(SENSORS):
        of = {"name": "Temperature", "unique_id": f"soak_{n}", "state_topic": f"soak/sensor_{n}/state",
              "value_template": "{{ value_json.temperature }}", "unit_of_measurement": "°C",
              "device_class": "temperature", "state_class": "measurement",
              "device": {"identifiers": [f"soak_{n}"], "name": f"Sensor {n}"}, "origin": {"name": "soak"}}
        publisher.publish(f"homeassistant/sensor/soak_{n}/config", json.dumps(of), True)

    def run():
        number, next_at = 0, time.monotonic()
        while not stop.is_set():
            value = 20 + (number * 37 % 500) / 100
            publisher.publish(f"soak/sensor_{number % SENSORS}/state", f'{{"temperature":{value:.2f},"battery":87}}')
            number += 1
            count("messages")
            next_at += 1 / rate
            time.sleep(max(0.0, next_at - time.monotonic()))

    def guarded():
        try:
            run()
        except OSError as error:
            if not stop.is_set():
                wrong(f"messages: {error!r}")

    threading.Thread(target=guarded, daemon=True).start()


def speak(house):
    status, answer, _ = house.ask("POST", "/api/speech?language=en", SPOKEN.read_bytes(), "application/octet-stream")
    heard = json.loads(answer)
    if status != 200 or "kitchen" not in heard.get("transcript", "").lower():
        raise ValueError(f"{status} {answer[:200]}")


def need(house):
    body = json.dumps({"text": "my toes are like ice", "language": "en"})
    status, answer, _ = house.ask("POST", "/api/conversation/process", body)
    if status != 200:
        raise ValueError(f"{status} {answer[:200]}")


def sentence(house):
    body = json.dumps({"text": "turn off the kitchen light", "language": "en"})
    status, answer, _ = house.ask("POST", "/api/conversation/process", body)
    if status != 200 or b"action_done" not in answer:
        raise ValueError(f"{status} {answer[:200]}")


def write(_):
    answer = Telegram.answer(ADA, "is the hall light on?")
    if not answer:
        raise ValueError("the bot does not answer")


def browse(house):
    form = "name=Ada&password=a+long+password"
    kind = "application/x-www-form-urlencoded"
    origin = {"Host": f"127.0.0.1:{house.http}", "Origin": f"http://127.0.0.1:{house.http}"}
    status, answer, headers = house.ask("POST", "/sign-in", form, kind, origin)
    if status != 303 or not headers["Set-Cookie"]:
        raise ValueError(f"sign-in {status} {answer[:200]}")
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
    for page in ("/", "/devices", "/history", "/settings/system", "/settings/log", "/api/states", "/sign-out"):
        if page == "/sign-out":
            status, answer, _ = house.ask("POST", page, "", kind, cookie | origin)
        else:
            status, answer, _ = house.ask("GET", page, headers=cookie)
        if status not in (200, 303):
            raise ValueError(f"{page} {status} {answer[:200]}")


def follow(house):
    """The event stream for ten minutes."""
    connection = http.client.HTTPConnection("127.0.0.1", house.http, timeout=60)
    try:
        connection.request("GET", "/api/events", headers={"Authorization": f"Bearer {house.token}"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"{answer.status}")
        until = time.monotonic() + 600
        while time.monotonic() < until:
            line = answer.readline()
            if not line:
                raise ValueError("the stream ended")
            if line.startswith(b"data:"):
                count("events")
    finally:
        connection.close()


def floors(points):
    """The least of each time: what is needed for a moment, as to hear a sentence, comes and goes; what leaks stays."""
    least = {}
    for at, value in points:
        least[at // FLOOR] = min((value, at), least.get(at // FLOOR, (value, at)))
    return [(at, value) for value, at in least.values()]


def slope(points):
    """Of a line through these, by least squares: MB an hour, and its standard error."""
    n = len(points)
    x_mean, y_mean = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    a = sum((x - x_mean) * (y - y_mean) for x, y in points) / spread
    rest = sum((y - y_mean - a * (x - x_mean)) ** 2 for x, y in points)
    return a * 3600, (rest / max(n - 2, 1) / spread) ** 0.5 * 3600


def main():
    parse = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parse.add_argument("program")
    parse.add_argument("--minutes", type=float, default=120)
    parse.add_argument("--warm-up", type=float, help="minutes that do not count; a sixth of all")
    parse.add_argument("--rate", type=float, default=50, help="messages a second")
    parse.add_argument("--models", help="their folder; without it nobody listens or thinks")
    parse.add_argument("--table", type=pathlib.Path, help="where the figures go")
    arguments = parse.parse_args()
    warm_up = (arguments.warm_up if arguments.warm_up is not None else arguments.minutes / 6) * 60
    folder = pathlib.Path(tempfile.mkdtemp(prefix="homard-soak-"))
    stop, house = threading.Event(), None
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    try:
        house = House(arguments, folder)
        messages(house, stop, arguments.rate)
        time.sleep(10)
        code = (Telegram.answer(ADA, "/start") or "").split("\n")[0]
        house.tool("user", "pair", code, "Ada")
        forever("telegram", 30, stop, lambda: write(house))
        forever("pages", 20, stop, lambda: browse(house))
        forever("sentences", 15, stop, lambda: sentence(house))
        forever("streams", 1, stop, lambda: follow(house))
        if arguments.models:
            forever("speech", 60, stop, lambda: speak(house))
            forever("needs", 300, stop, lambda: need(house))
        began, rows = time.monotonic(), []
        table = open(arguments.table or os.devnull, "w")
        table.write("seconds,resident_mb,own_mb,files,threads,cpu_s,written_mb\n")
        while not stop.wait(SAMPLED) and time.monotonic() - began < arguments.minutes * 60:
            if house.process.poll() is not None:
                wrong(f"the house ended with {house.process.returncode}")
                break
            row = (time.monotonic() - began, *house.figures())
            rows.append(row)
            table.write(",".join(f"{one:.2f}" for one in row) + "\n")
            table.flush()
        status, page, _ = house.ask("GET", "/metrics")
        stop.set()
        taken = re.findall(r"^(homard_(?:hub_events|hub_changes|events_lost|problems|disk_write_failures)\S*) (\S+)$", page.decode(), re.M)
        house.process.terminate()
        if house.process.wait(20) != 0:
            wrong(f"the house ended with {house.process.returncode}")
        for line in house.log.read_text().splitlines():
            if re.search(r"\b(WARN|ERROR)\b|panicked", line):
                wrong(f"log: {line}")
        counted = [row for row in rows if row[0] >= warm_up] or rows
        print(f"\n{rows[-1][0] / 60:.1f} minutes, the first {warm_up / 60:.1f} to warm up, {len(counted)} samples; did:")
        print("  " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
        print("  the house's own figures: " + ", ".join(f"{name} {n}" for name, n in taken))
        worst = 0.0
        for at, what in ((1, "resident memory"), (2, "own memory (no pages of files)")):
            points = [(row[0], row[at]) for row in counted]
            values = [value for _, value in points]
            print(f"  {what}: {min(values):.1f} to {max(values):.1f} MB")
            for of, name in ((points, "of all samples"), (floors(points), f"of the least of each {FLOOR // 60} minutes")):
                grew, error = slope(of) if len(of) > 2 else (0.0, 0.0)
                print(f"    slope {name}: {grew:+.2f} ± {2 * error:.2f} MB/h")
            worst = max(worst, grew)
        print(f"  bar {BAR} MB/h of the least: {'held' if worst <= BAR else 'NOT MET'}")
        for at, what in ((3, "files"), (4, "threads")):
            print(f"  {what}: {min(row[at] for row in counted)} to {max(row[at] for row in counted)}")
        spent = rows[-1][5] - rows[0][5]
        print(f"  processor: {100 * spent / max(rows[-1][0] - rows[0][0], 1):.1f} % of a core; written {rows[-1][6]:.1f} MB")
        print(f"  {len(problems)} went wrong")
        sys.exit(1 if problems or worst > BAR else 0)
    finally:
        stop.set()
        if house and house.process.poll() is None:
            house.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
