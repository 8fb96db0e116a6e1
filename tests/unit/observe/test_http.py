"""The HTTP side: right answers for the two paths, and nothing else."""

import asyncio
import contextlib
import socket
import tracemalloc

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Gauge

from zfspull.errors import LocalResourceError
from zfspull.observe.http import make_app, start_http


@pytest.fixture
def troubles():
    return {"loop": None, "scheduler": None}


@pytest.fixture
async def url(troubles):
    registry = CollectorRegistry()
    Gauge("zfspull_things", "Things.", registry=registry).set(3)
    checks = {name: (lambda name=name: troubles[name]) for name in troubles}
    runner = await start_http(make_app(registry, checks), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


async def test_metrics(url, client):
    """Prometheus gets the text format."""
    async with client.get(f"{url}/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert "zfspull_things 3.0" in await answer.text()


async def test_health(url, client, troubles):
    """200 while all is well, 503 with the reason as soon as something is not."""
    async with client.get(f"{url}/healthz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"ok": True, "checks": {"loop": "ok", "scheduler": "ok"}}
    troubles["scheduler"] = "stopped"
    async with client.get(f"{url}/healthz") as answer:
        assert answer.status == 503
        assert await answer.json() == {"ok": False, "checks": {"loop": "ok", "scheduler": "stopped"}}


async def test_the_index_leads_on(url, client):
    """Who opens the address in a browser sees what there is."""
    async with client.get(url) as answer:
        assert answer.status == 200
        assert "/metrics" in await answer.text()


@pytest.mark.parametrize("path", ["/x", "/metrics/", "/metrics/x", "/healthz/../etc/passwd", "//"])
async def test_other_paths_are_not_found(url, client, path):
    """Nothing answers where nothing is."""
    async with client.get(url + path) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_only_reading_is_allowed(url, client, method):
    """Methods that could change something are refused, with a body of any size."""
    async with client.request(method, f"{url}/metrics", data=b"x" * 100_000) as answer:
        assert answer.status == 405
        assert set(answer.headers["Allow"].split(",")) == {"GET", "HEAD"}


async def test_head_has_no_body(url, client):
    """HEAD answers as GET does, without the body."""
    async with client.head(f"{url}/healthz") as answer:
        assert answer.status == 200
        assert await answer.read() == b""


async def test_rubbish_is_a_bad_request(url):
    """Bytes that are no HTTP, and lines without end, get an error and the connection is closed."""
    port = int(url.rpartition(":")[2])
    for rubbish in (b"\x00\xff nonsense\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(rubbish)
        answer = await reader.read()
        writer.close()

        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))


async def test_a_taken_port_says_what_to_do():
    """When the address can't be bound the error names it and the key to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalResourceError, match=f"127.0.0.1:{port}: .*in use") as caught:
            await start_http(make_app(CollectorRegistry(), {}), "127.0.0.1", port)

    assert "http: listen:" in caught.value.hint


async def test_a_foreign_address_says_so():
    """An address that this machine does not have is a clear error too."""
    with pytest.raises(LocalResourceError, match=r"192\.0\.2\.1:9797"):
        await start_http(make_app(CollectorRegistry(), {}), "192.0.2.1", 9797)


async def test_after_the_end_nobody_listens():
    """A clean stop closes the port."""
    runner = await start_http(make_app(CollectorRegistry(), {}), "127.0.0.1", 0)
    port = runner.addresses[0][1]
    await runner.cleanup()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_body_is_not_read(url, client):
    """Reading takes no body: one of many megabytes is not kept, and the next request is answered."""

    async def endless():
        for _ in range(64):
            yield b"x" * (1 << 20)

    tracemalloc.start()
    try:
        with contextlib.suppress(aiohttp.ClientError):  # it may be cut off while it still sends
            async with client.get(f"{url}/healthz", data=endless()) as answer:
                assert answer.status == 200
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
    async with client.get(f"{url}/healthz") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/%1b%5d0;owned%07", "/\N{RIGHT-TO-LEFT OVERRIDE}", "/metrics%0d%0aSet-Cookie:x=y"])
async def test_nothing_of_a_request_comes_back(url, client, path):
    """An unknown path is not found, and neither its text nor a header made of it is in the answer."""
    async with client.get(url + path) as answer:
        body = await answer.text()
        assert answer.status == 404
        assert "owned" not in body
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
