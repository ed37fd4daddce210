"""After a run full of errors no byte written holds the key or a picture; what is sent holds the picture alone."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from attacks import RUN, cache_of
from cli_program import KEY_VARIABLE, PATHS, SMALL, Finished, model, provider, requests, row, write_items, write_rows
from forked import ForkedProgram
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from orchestrator.simulator import Fault, Settings, running

KEY = "sk-proj-Zq8vT3xNw6LrYb1KfJ9uHd5PcMa2EoGs7iRk"
"""Looks like a real one."""
STOPPING = {Fault.UNAUTHORIZED, Fault.INSUFFICIENT_QUOTA}
SHORT = 48
"""Characters of base64 that no accident writes."""


@pytest.mark.parametrize(
    "dialect", ["openai", *(pytest.param(other, marks=pytest.mark.nightly) for other in PATHS if other != "openai")]
)
def test_no_key_and_no_picture_in_anything_written(forked: ForkedProgram, dialect: str) -> None:
    """Every fault kind, a kill and every command: the whole folder, stdout and stderr are searched."""
    write_items(forked.folder, 40)
    alias = f"sim-spine-small-{dialect}"
    run = ("run", "items.jsonl", "-m", alias)
    kinds = [fault for fault in Fault if fault not in STOPPING]
    said: list[Finished] = []
    key = {KEY_VARIABLE: KEY}
    with running(
        Settings(keys=(KEY,), script=(None, None, *kinds), retry_after_s=0.1, huge_bytes=17_000_000)
    ) as simulator:
        block = provider(simulator, dialect, timeout_s=2).replace("rpm", "max_attempts = 3\nrpm")
        forked.configure(block, model("sim-spine-small", dialect))
        with forked.started(*run, **key) as command:
            command.wait_until(lambda: requests(simulator) >= 8)
            command.kill()
        said.append(_any_end(forked, *run, "--json", **key))
        simulator.change({"script": [Fault.UNAUTHORIZED.value, Fault.INSUFFICIENT_QUOTA.value]})
        said += [_any_end(forked, *run, "--samples", str(count), **key) for count in (2, 3)]
        simulator.change({"keys": ["another"]})
        said.append(_any_end(forked, *run, "--samples", "4", **key))
    said += [
        _any_end(forked, *rest, **key)
        for rest in (
            ("score", "items.jsonl", "-m", alias, "--json"),
            ("status",),
            ("status", "--json"),
            ("models",),
            ("cache", "verify", "--json"),
            ("cache", "export", "-o", "out.jsonl"),
            ("cache", "export", "-o", "out.csv", "--format", "csv"),
        )
    ]
    assert {one["fault"] for one in simulator.ledger()["arrivals"]} >= set(kinds), "every fault must have come"
    pictures = [_sent_base64(path) for path in (forked.folder / "images").iterdir()]
    written = {str(index): one.said.encode() for index, one in enumerate(said)}
    written |= {str(path): path.read_bytes() for path in forked.folder.rglob("*") if path.is_file()}
    for name, content in written.items():
        assert KEY.encode() not in content, name
        assert base64.b64encode(KEY.encode()) not in content, name
        assert not any(picture in content for picture in pictures), name


def _any_end(program: ForkedProgram, *args: str, **env: str) -> Finished:
    with program.started(*args, **env) as command:
        return command.finish(command.process.wait(60))


def _sent_base64(path: Path) -> bytes:
    """Return the beginning of a file's base64 after the header that all pictures share."""
    return base64.b64encode(path.read_bytes())[200 : 200 + SHORT]


# --- what is sent ----------------------------------------------------------------------------------------------------

NAME = "Jane-Patient-19480317"
PROFILE = b"ICC profile of " + NAME.encode()


Answer = Callable[[bytes, str], web.Response]
"""Given a request's body and its Authorization header."""


@contextmanager
def _serving(answer: Answer) -> Iterator[str]:
    """Run a server that answers everything in one way; yields its address."""

    async def respond(request: web.Request) -> web.Response:
        return answer(await request.read(), request.headers["Authorization"])

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", respond)
    runner = web.AppRunner(app, access_log=None)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _completion(text: str) -> dict[str, object]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 300, "completion_tokens": 9, "total_tokens": 309}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def _block(url: str, key: str = "") -> str:
    return f'[providers.sim-openai]\napi_base = "{url}"\nrpm = 6000\ntpm = 10_000_000\n{key}'


def _telling_pictures(folder: Path) -> list[str]:
    """Write pictures that say whom they show, in every place a format has for it; return their names."""
    folder.mkdir()
    picture = Image.linear_gradient("L").convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = NAME
    exif[0x013B] = NAME
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[0x1D] = NAME
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + NAME.encode()
    text = PngInfo()
    text.add_text("Patient", NAME)
    text.add_text("Comment", NAME, zip=True)
    text.add_itxt("XML:com.adobe.xmp", f"<x>{NAME}</x>")
    picture.save(folder / "a.jpg", exif=exif, icc_profile=PROFILE, comment=NAME.encode(), xmp=NAME.encode())
    picture.save(folder / "b.png", exif=exif, icc_profile=PROFILE, pnginfo=text)
    picture.save(folder / "c.webp", exif=exif.tobytes(), icc_profile=PROFILE, xmp=NAME.encode())
    picture.convert("L").save(folder / "d.jpg", comment=NAME.encode())
    with (folder / "d.jpg").open("ab") as file:
        file.write(NAME.encode())
    return [path.name for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("form", ["jpeg", "png"])
def test_a_picture_is_sent_without_anything_that_tells_whom_it_shows(forked: ForkedProgram, form: str) -> None:
    """EXIF with GPS and name, ICC, XMP, PNG text, comments and trailing bytes: none is in what the server received."""
    names = _telling_pictures(forked.folder / "images")
    write_rows(forked.folder, [row(number, image=f"images/{name}") for number, name in enumerate(names)])
    bodies: list[bytes] = []

    def answer(body: bytes, _: str) -> web.Response:
        bodies.append(body)
        return web.json_response(_completion("My final option: [A]"))

    with _serving(answer) as url:
        block = model("sim-spine-small", "openai").replace('detail = "high"', f'detail = "high", format = "{form}"')
        forked.configure(_block(url), block)
        assert forked(*RUN).json["calls"] == len(names)
    assert len(bodies) == len(names)
    for body in bodies:
        parts = json.loads(body)["messages"][-1]["content"]
        (url,) = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        sent = base64.b64decode(url.partition("base64,")[2])
        with Image.open(io.BytesIO(sent)) as picture:
            picture.load()
            assert picture.size == (256, 256)
            assert not picture.getexif()
            assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        for secret in (NAME.encode(), PROFILE, b"Exif", b"ICC_PROFILE", b"iCCP", b"tEXt", b"iTXt", b"zTXt", b"eXIf"):
            assert secret not in sent
            assert secret not in body
    assert NAME.encode() not in cache_of(forked).read_bytes()
    assert SMALL in forked("score", "items.jsonl").out


# --- what comes back ------------------------------------------------------------------------------------------------


def test_a_key_that_the_provider_echoes_is_not_written(forked: ForkedProgram) -> None:
    """In error bodies and headers, in what cannot be read, and in the very answer: it is struck out everywhere."""
    write_items(forked.folder, 12)
    seen: list[str] = []

    def answer(_: bytes, authorization: str) -> web.Response:
        seen.append(authorization)
        echo = {"x-request-id": authorization, "x-echo": authorization}
        match len(seen) % 4:
            case 1:
                return web.json_response(_completion(f"With {authorization}: My final option: [A]"), headers=echo)
            case 2:
                error = {"message": f"Bad {authorization}", "type": authorization, "code": authorization}
                return web.json_response({"error": error}, status=400, headers=echo)
            case 3:
                return web.Response(text=f"<html>{authorization}", status=502, headers=echo)
            case _:
                return web.Response(text=f'{{"{authorization}', content_type="application/json", headers=echo)

    with _serving(answer) as url:
        forked.configure(_block(url, f'api_key_env = "{KEY_VARIABLE}"\n'), model("sim-spine-small", "openai"))
        said = [
            _any_end(forked, *command, **{KEY_VARIABLE: KEY}) for command in (RUN, ("status",), ("status", "--json"))
        ]
    assert seen[0] == f"Bearer {KEY}"
    assert len(seen) >= 12
    assert not any(KEY in one.said for one in said)
    assert "<key>" in said[1].said
    for path in forked.folder.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path
