"""Asks Homard's Wyoming server with the `wyoming` package, as Home Assistant does.

    wyoming_peer.py tcp://HOST:PORT [WAV]

Prints what came as one JSON object. Without a recording nothing is transcribed.
"""

import asyncio
import json
import sys
import wave

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop, wav_to_chunks
from wyoming.client import AsyncClient
from wyoming.handle import Handled, NotHandled
from wyoming.info import Describe, Info
from wyoming.intent import Recognize
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeVoice


async def answer(client):
    event = await asyncio.wait_for(client.read_event(), 60)
    assert event is not None, "the connection was closed"
    return event


async def describe(uri):
    async with AsyncClient.from_uri(uri) as client:
        await client.write_event(Describe().event())
        info = Info.from_event(await answer(client))
        await client.write_event(Ping("still there?").event())
        pong = Pong.from_event(await answer(client))
    return {
        "asr": info.asr[0].models[0].languages,
        "tts": [voice.languages for voice in info.tts[0].voices],
        "controls": info.handle[0].supports_home_control,
        "pong": pong.text,
    }


async def speak(uri, text, language):
    async with AsyncClient.from_uri(uri) as client:
        voice = SynthesizeVoice(language=language)
        await client.write_event(Synthesize(text=text, voice=voice).event())
        start = AudioStart.from_event(await answer(client))
        sound = b""
        while not AudioStop.is_type((event := await answer(client)).type):
            sound += AudioChunk.from_event(event).audio
    samples = memoryview(sound).cast("h")
    return {
        "seconds": len(samples) / start.rate / start.channels,
        "loudest": max(map(abs, samples), default=0),
    }


async def handle(uri, event):
    async with AsyncClient.from_uri(uri) as client:
        await client.write_event(event)
        event = await answer(client)
        kind = Handled if Handled.is_type(event.type) else NotHandled
        assert kind.is_type(event.type), event.type
        return {"kind": event.type, "text": kind.from_event(event).text}


async def hear(uri, path):
    async with AsyncClient.from_uri(uri) as client:
        await client.write_event(Transcribe(language="en").event())
        with wave.open(path, "rb") as wav:
            rate, width, channels = wav.getframerate(), wav.getsampwidth(), wav.getnchannels()
            await client.write_event(AudioStart(rate, width, channels).event())
            for chunk in wav_to_chunks(wav, 1024):
                await client.write_event(chunk.event())
        await client.write_event(AudioStop().event())
        return Transcript.from_event(await answer(client)).text


async def main(uri, recordings):
    told = {
        "info": await describe(uri),
        "english": await speak(uri, "The light is on. It is 21.5 °C.", "en"),
        "french": await speak(uri, "La lumière est allumée.", "fr"),
        "light": await handle(uri, Transcript("turn on the kitchen light").event()),
        "recognize": await handle(uri, Recognize("what time is it").event()),
        "door": await handle(uri, Transcript("unlock the front door").event()),
        "gibberish": await handle(uri, Transcript("hocus pocus fidibus").event()),
    }
    for path in recordings:
        told["heard"] = await hear(uri, path)
    print(json.dumps(told))


asyncio.run(main(sys.argv[1], sys.argv[2:]))
