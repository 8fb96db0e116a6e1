"""The HTTP side, for machines: `/metrics` and `/healthz`, read-only, on the loopback unless configured otherwise.

Handlers answer from memory and never wait for anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from zfspull.errors import LocalResourceError
from zfspull.observe.health import FINE, Check, assess


MAX_BODY_BYTES = 1024  # nothing here takes a body
KEEPALIVE_SECONDS = 75.0  # longer than the usual scrape interval of a minute
SHUTDOWN_SECONDS = 2.0

_INDEX = """zfspull
/metrics  what Prometheus scrapes
/healthz  200 if the daemon is well, else 503; JSON says why
"""
_HEADERS = {"Server": "zfspull", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def make_app(registry: CollectorRegistry, checks: Mapping[str, Check]) -> web.Application:
    """The application; GET and HEAD only, everything unknown is 404.

    Args:
        registry: what `/metrics` shows.
        checks: what `/healthz` asks, by name: scheduler, queue, config, history.
    """

    async def index(_request: web.Request) -> web.Response:
        return web.Response(text=_INDEX)

    async def healthz(_request: web.Request) -> web.Response:
        answers = assess(checks)
        well = all(answer == FINE for answer in answers.values())
        return web.json_response({"ok": well, "checks": answers}, status=200 if well else 503)

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_get("/", index)
    app.router.add_get("/metrics", make_aiohttp_handler(registry))
    app.router.add_get("/healthz", healthz)
    app.on_response_prepare.append(_set_headers)
    return app


async def _set_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


async def start_http(app: web.Application, address: str, port: int) -> web.AppRunner:
    """Listen; `await runner.cleanup()` stops it cleanly. Port 0 takes a free one (`runner.addresses`).

    Raises:
        LocalResourceError: the address can't be bound.
    """
    # The lines of a request are bounded by aiohttp itself; a scraper that is scraped has no access log.
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEPALIVE_SECONDS, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port).start()
    except OSError as error:
        await runner.cleanup()
        raise LocalResourceError(
            f"can't listen for HTTP on {address}:{port}: {error.strerror or error}",
            hint="is another zfspull daemon running? else set another `http: listen:` in zfspull.yaml",
            reason="http_listen",
        ) from error
    except BaseException:
        await runner.cleanup()
        raise
    return runner
