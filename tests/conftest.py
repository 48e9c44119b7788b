"""Real parts: a scripted service, the seeds as recorded, the demo partner; all on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import invoicekit as ik
from support import leaks
from support.entra import Place
from support.paths import SEEDS
from support.server import TOKEN, Asked, Reply, Service

leaks.watch()
settings.register_profile("any machine", deadline=None)  # a busy one is slow, and no bug
settings.load_profile("any machine")


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Asked], Reply | bytes]], Service]]:
    """Start a service that answers as the function given says."""
    services: list[Service] = []

    def start(answer: Callable[[Asked], Reply | bytes]) -> Service:
        services.append(Service(answer))
        return services[-1]

    yield start
    for service in services:
        service.close()


@pytest.fixture
def open_client(tmp_path: Path) -> Iterator[Callable[..., ik.Client]]:
    """Open a client on a service, its cache in the test's own folder."""
    clients: list[ik.Client] = []

    def open_(service: Service, **given: object) -> ik.Client:
        settings = {"token": TOKEN, "cache_dir": tmp_path / "cache", "tenant_id": "t", **given}
        settings.setdefault("client_id", "one-app")  # who asks, whatever its token is today
        clients.append(ik.connect(base_url=service.url, **settings))
        clients[-1].retry_policy = ik.RetryPolicy(first=0.01)
        return clients[-1]

    yield open_
    for client in clients:
        client.close()


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[ik.Client]:
    """A client on the responses of Microsoft's own pages (data/seeds), two lines a page."""
    from invoicekit.sandbox.partner_center.recorded import Recorded
    from invoicekit.sandbox.server import Sandbox

    with (
        Sandbox(Recorded(SEEDS)) as server,
        ik.connect(
            token=server.token, base_url=server.url, cache_dir=tmp_path / "cache", page_size=2
        ) as client,
    ):
        yield client


@pytest.fixture
def fresh_demo() -> Iterator[ik.Client]:
    """The demo partner, of whom nothing is kept yet."""
    with ik.demo() as client:
        yield client


@pytest.fixture(scope="session")
def v1_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ik.Client]:
    """The demo partner as if Partner Center had all its lines, those of new commerce too."""
    from invoicekit.sandbox.server import demo_sandbox

    cache = tmp_path_factory.mktemp("v1-demo")
    with (
        demo_sandbox() as server,
        ik.connect(**server.settings, tenant_id="demo", cache_dir=cache) as client,
    ):
        yield client


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A Microsoft Entra on loopback, and what it needs to be signed in at."""
    place = Place(tmp_path)
    yield place
    place.server.close()
