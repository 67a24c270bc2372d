"""A Wyoming engine that hears the same words in everything, and hums what it is to say.

    wyoming_engine.py tcp://HOST:PORT "WORDS" FILE    notes in FILE what it was asked
"""

import asyncio
import math
import sys
from functools import partial

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.server import AsyncEventHandler, AsyncServer
from wyoming.tts import Synthesize

RATE = 22_050


class Engine(AsyncEventHandler):
    def __init__(self, words, notes, *arguments):
        super().__init__(*arguments)
        self.words, self.notes, self.n_heard = words, notes, 0

    def note(self, text):
        with open(self.notes, "a") as notes:
            print(text, file=notes)

    async def handle_event(self, event):
        if Transcribe.is_type(event.type):
            self.n_heard = 0
        elif AudioChunk.is_type(event.type):
            chunk = AudioChunk.from_event(event)
            assert (chunk.rate, chunk.width, chunk.channels) == (16_000, 2, 1)
            self.n_heard += chunk.samples
        elif AudioStop.is_type(event.type):
            self.note(f"heard {self.n_heard / 16_000:.1f} s")
            await self.write_event(Transcript(self.words).event())
        elif Synthesize.is_type(event.type):
            said = Synthesize.from_event(event)
            self.note(f"said {said.text}")
            tone = (int(8_000 * math.sin(at / 10)) for at in range(RATE))
            sound = b"".join(sample.to_bytes(2, "little", signed=True) for sample in tone)
            await self.write_event(AudioStart(RATE, 2, 1).event())
            for at in range(0, len(sound), 2_048):
                await self.write_event(AudioChunk(RATE, 2, 1, sound[at : at + 2_048]).event())
            await self.write_event(AudioStop().event())
        return True


asyncio.run(AsyncServer.from_uri(sys.argv[1]).run(partial(Engine, sys.argv[2], sys.argv[3])))
