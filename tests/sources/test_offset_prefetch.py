"""Offset pages asked ahead: quicker, never more than four at once, and never believed too soon."""

from __future__ import annotations

import threading

import pytest

import invoicekit as ik
from invoicekit.fetch.thread_pool import ThreadPool
from invoicekit.pages import Answer, Request
from invoicekit.sources.partner_center.offset_prefetch import OffsetPrefetch
from support.chains import OFFSET, SEEK, Chain, kept, numbers, place, read_whole
from support.server import Reply, line, page, rows

AHEAD = 3  # how many are asked for beyond the one that is wanted


def test_offset_pages_are_asked_four_at_once_and_each_once(serve, open_client):
    service = serve(chain := Chain(12, kinds=(OFFSET,), delay=0.15))  # seen on a busy machine too
    client = open_client(service)
    read_whole(client, chain)
    made = numbers(service)
    assert sorted(number for number in made if number <= 12) == list(range(1, 13))
    assert len(made) <= 12 + AHEAD
    assert service.most_active == 4
    assert kept(client, OFFSET) == ("committed", 12)


def test_never_more_than_four_at_once_over_all_collections(serve, open_client):
    service = serve(chain := Chain(12, kinds=(OFFSET, SEEK), delay=0.02))
    read_whole(open_client(service), chain)
    assert service.most_active <= 4


@pytest.mark.parametrize(("connections", "delay"), [(1, 0.01), (8, 0.15)])
def test_connections_say_how_many_are_asked_at_once(serve, open_client, connections, delay):
    service = serve(chain := Chain(24, kinds=(OFFSET,), delay=delay))
    read_whole(open_client(service, connections=connections), chain)
    assert service.most_active == connections


def test_seek_pages_are_never_asked_ahead(serve, open_client):
    service = serve(chain := Chain(6, delay=0.01))
    read_whole(open_client(service), chain)
    assert numbers(service) == [1, 2, 3, 4, 5, 6]
    assert service.most_active == 1


@pytest.mark.parametrize(
    "beyond",
    [Reply(b"{}", 404), Reply(b"{}", 400), Reply(b"", 500), Reply(b"<html>"), Reply(page("[]"))],
    ids=["404", "400", "500", "a web page", "an empty page"],
)
def test_a_guess_beyond_the_end_changes_nothing(serve, open_client, beyond):
    service = serve(chain := Chain(6, kinds=(OFFSET,), beyond=beyond))
    client = open_client(service)
    read_whole(client, chain)
    made = numbers(service)
    assert sorted(number for number in made if number <= 6) == [1, 2, 3, 4, 5, 6]
    assert set(made) <= set(range(1, 6 + AHEAD + 1))
    assert kept(client, OFFSET)[0] == "committed"
    asked = len(service.asked)
    read_whole(open_client(service), chain)
    assert [number for number in numbers(service, asked) if number <= 6] == []


def test_a_service_that_refuses_to_be_asked_ahead_is_asked_again_in_order(serve, open_client):
    chain = Chain(6, kinds=(OFFSET,))
    served = set()

    def answer(asked):
        number = place(asked)[1]
        if number > 1 and number - 1 not in served:
            return Reply(b'{"code":3000,"description":"not yet"}', 400)
        reply = chain(asked)
        if number:
            served.add(number)
        return reply

    client = open_client(serve(answer))
    read_whole(client, chain)
    assert kept(client, OFFSET) == ("committed", 6)


def test_a_service_whose_steps_are_uneven_is_asked_ahead_no_more(serve, open_client):
    offsets = [0, 10, 17, 40, 41, 60, 99, 100, 130]

    def answer(asked):
        if not place(asked)[1]:
            return chain(asked)
        offset = place(asked)[1] - 1
        if offset not in offsets:
            return page(rows(line("1000000", name="a guess")))
        number = offsets.index(offset) + 1
        path = "/invoices/G1/lineitems/Office/BillingLineItems?size=2000&offset="
        uri = f"{path}{offsets[number]}" if number < len(offsets) else None
        return page(rows(line(f"{number}.10")), uri=uri)

    chain = Chain(len(offsets), kinds=(OFFSET,))
    service = serve(answer)
    read_whole(open_client(service), chain)
    assert len(numbers(service)) <= len(offsets) + AHEAD


class FromPool:
    """Answers with the address, ahead on a pool."""

    def __init__(self, pool: ThreadPool) -> None:
        self.connections = pool.size
        self._pool = pool

    def __call__(self, request: Request) -> Answer:
        return Answer(request.url.encode())

    def ahead(self, request, wanted):
        del wanted
        return self._pool.submit(lambda: self(request))


@pytest.mark.parametrize("submitted", ["before", "after"])
def test_a_guess_that_no_thread_is_free_for_says_that_the_client_is_closed(submitted):
    """Its thread would never come; whoever waits for it is told."""
    pool, busy = ThreadPool(2, "test"), threading.Event()
    for _ in range(2):
        pool.submit(lambda: busy.wait(30))
    ahead = OffsetPrefetch(FromPool(pool))
    links = [Request(f"/x?offset={number}") for number in range(3)]
    try:
        if submitted == "after":
            pool.close()
        for link in links[:2]:
            ahead(link)
        told: list[str] = []

        def wait() -> None:
            with pytest.raises(ik.FetchError) as error:
                ahead(links[2])
            told.append(str(error.value))

        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        pool.close()
        waiting.join(10)
        assert told == ["the client is closed. Open another with connect()"]
    finally:
        busy.set()
