"""Measures hassil on sentences from standard input: {pack, names, areas, floors, sentences} in, times in ms out."""

import json
import sys
import time

from hassil import Intents, recognize_best
from hassil.intents import TextSlotList

given = json.load(sys.stdin)
with open(given["pack"], encoding="utf-8") as file:
    intents = Intents.from_dict(json.load(file))


def texts(tuples):
    return TextSlotList.from_tuples(tuples, allow_template=False)


lists = {
    "name": texts([(name, name, {"domain": domain}) for name, domain in given["names"]]),
    "area": texts([(name, name) for name in given["areas"]]),
    "floor": texts([(name, name) for name in given["floors"]]),
}
context = {"area": given["areas"][0]}


def recognize(sentence):
    return recognize_best(
        sentence, intents, slot_lists=lists, intent_context=context, language="en", best_slot_name="name"
    )


for sentence in given["sentences"]:  # templates are parsed when they are first needed
    recognize(sentence)
times, found = [], 0
for sentence in given["sentences"]:
    start = time.perf_counter()
    result = recognize(sentence)
    times.append((time.perf_counter() - start) * 1000)
    found += result is not None
times.sort()
json.dump(
    {
        "median": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100],
        "sum": sum(times),
        "found": found,
    },
    sys.stdout,
)
