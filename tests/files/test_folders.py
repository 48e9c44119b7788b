"""Whose folder it is: adopted from the first release, refused where it is not ours alone."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

import invoicekit as ik
from invoicekit.files.private import MARK, MARKER, file_lock, private_folder
from invoicekit.settings import read_settings
from support.partner import Partner

# Written by the code of the first release, which asked a service of this address.
from support.paths import FIRST_RELEASE
from support.server import invoice

ASKED = {"base_url": "http://127.0.0.1:48123", "tenant_id": "t", "offline": True}
posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes of POSIX")


@pytest.fixture
def old(tmp_path) -> Path:
    """A cache folder as the first release left it."""
    shutil.copytree(FIRST_RELEASE, tmp_path / "cache")
    for folder in (tmp_path / "cache").rglob("*/"):
        folder.chmod(0o700)
    return tmp_path / "cache"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read_offline(cache: Path, **given: object) -> list[Decimal]:
    with ik.connect(cache_dir=cache, **ASKED, **given) as client:
        assert client.invoices().height == 1
        found = client.invoice("G1")
        assert found.reconcile().ties
        assert found.charges()["customer_name"].to_list() == ["A", "Grünkern"]
        return found.charges()["total"].to_list()


def test_what_the_first_release_kept_is_read_offline_and_adopted(old):
    (before,) = names(old)
    settings = read_settings({"client_id": "one-app", "cache_dir": old, **ASKED}, environ={})
    assert before == settings.tenant_folder
    for _ in range(2):
        assert read_offline(old, client_id="one-app") == [Decimal("1.10"), Decimal("2.20")]
        assert names(old) == [settings.scope]
    assert (old / settings.scope / MARKER).read_bytes() == MARK


def test_what_the_first_release_kept_is_read_by_who_says_nothing_of_himself(old):
    before = names(old)
    assert read_offline(old) == [Decimal("1.10"), Decimal("2.20")]
    assert names(old) == before  # whose it is, the next sign-in says


def test_offline_without_a_sign_in_there_is_one_folder_or_an_error(serve, open_client, tmp_path):
    service = serve(Partner())

    def offline() -> ik.Client:
        return ik.connect(
            base_url=service.url, cache_dir=tmp_path / "cache", tenant_id="t", offline=True
        )

    with pytest.raises(ik.SettingsError, match=r"holds nothing of tenant t at .*offline=False"):
        offline()
    open_client(service, client_id="one").invoice("G1").line_items()
    with offline() as client:
        assert client.invoice("G1").charges().height == 1
    open_client(service, client_id="two").invoice("G1")
    with pytest.raises(ik.SettingsError, match=r"2 sign-ins .* say whose to read by client_id"):
        offline()


def test_one_user_s_refusal_is_not_another_s_answer(serve, open_client, tmp_path):
    service = serve(Partner())
    for client_id in ("one", "two", "one", "two"):
        open_client(service, client_id=client_id).invoice("G1")
    assert len(service.asked) == 2
    assert len(names(tmp_path / "cache")) == 2


def damaged(folder: Path) -> None:
    for note in folder.rglob("*.json"):
        note.write_bytes(note.read_bytes().replace(b'"', b"'"))


def a_link(folder: Path) -> None:
    folder.rename(folder.parent.parent / "elsewhere")
    folder.symlink_to(folder.parent.parent / "elsewhere", target_is_directory=True)


def of_another_user(folder: Path) -> None:
    os.chown(folder, 12345, 12345)


@posix
@pytest.mark.parametrize("spoil", [damaged, a_link, of_another_user])
def test_what_only_looks_like_the_first_release_is_left_alone(old, spoil):
    if spoil is of_another_user and os.geteuid():
        pytest.skip("only root gives files away")
    (before,) = names(old)
    spoil(old / before)
    with (
        ik.connect(cache_dir=old, client_id="one-app", **ASKED) as client,
        pytest.raises(ik.FetchError, match="not in the cache"),
    ):
        client.invoices()
    assert names(old) == [before]
    assert not (old / before / MARKER).exists()


ADOPT = """
import sys, time
from invoicekit.files.partner_folder import partner_folder
from invoicekit.settings import read_settings
url, cache, start = sys.argv[1:]
given = {"base_url": url, "tenant_id": "t", "client_id": "one-app", "cache_dir": cache}
settings = read_settings({**given, "offline": True}, environ={})
time.sleep(max(0, float(start) - time.time()))
print(partner_folder(settings).name)
"""


def test_two_processes_adopt_at_once(old):
    start = str(time.time() + 2)
    command = [sys.executable, "-c", ADOPT, ASKED["base_url"], str(old), start]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0, 0]
    assert said == set(names(old))
    assert read_offline(old, client_id="one-app") == [Decimal("1.10"), Decimal("2.20")]


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_refused(serve, open_client, tmp_path, mode):
    service = serve(lambda _: invoice().encode())
    open_client(service).invoice("G1")
    (folder,) = (tmp_path / "cache").iterdir()
    folder.chmod(mode)
    with pytest.raises(ik.SettingsError, match=r"can be written to by others.*cache_dir"):
        open_client(service)
    folder.chmod(0o755)  # who could only look has changed nothing
    open_client(service).invoice("G1")
    assert len(service.asked) == 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix
def test_a_folder_that_is_a_link_is_refused(serve, open_client, tmp_path):
    service = serve(lambda _: invoice().encode())
    open_client(service).invoice("G1")
    (folder,) = (tmp_path / "cache").iterdir()
    a_link(folder)
    with pytest.raises(ik.SettingsError, match="is a link, and the cache follows none"):
        open_client(service)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="only root gives away")
def test_a_folder_of_another_user_is_refused(serve, open_client, tmp_path):
    service = serve(lambda _: invoice().encode())
    open_client(service).invoice("G1")
    (folder,) = (tmp_path / "cache").iterdir()
    of_another_user(folder)
    with pytest.raises(ik.SettingsError, match="belongs to another user"):
        open_client(service)


@posix
def test_on_a_disk_without_owners_there_is_one_warning(serve, open_client, monkeypatch):
    """Such a disk (FAT, some network drives) gives all that is made there to one fixed user."""
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    service = serve(lambda _: invoice().encode())
    client = open_client(service)
    with pytest.warns(UserWarning, match=r"knows no owners or modes.*cache_dir") as told:
        client.invoice("G1")
    assert len(told) == 1
    with pytest.warns(UserWarning, match="knows no owners or modes") as told:
        open_client(service).invoice("G1")
    assert len(told) == 1
    assert len(service.asked) == 1  # it is used all the same
    assert client.cache.clear() == 1


def test_a_partner_s_folder_is_never_there_without_its_marker(tmp_path):
    folder = tmp_path / "cache" / f"{'0' * 32}-{'1' * 32}"
    private_folder(folder / ("2" * 32))
    assert (folder / MARKER).read_bytes() == MARK
    assert names(tmp_path / "cache") == [folder.name]
    (folder / MARKER).write_bytes(b"spoilt")
    private_folder(folder / ("3" * 32))
    assert (folder / MARKER).read_bytes() == b"spoilt"  # it stops deletion, and nothing else


HOLD = """
import sys, time
from pathlib import Path
from invoicekit.files.private import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_lets_go_of_its_lock_at_once(tmp_path):
    lock = tmp_path / "x.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.wait()
    began = time.perf_counter()
    with file_lock(lock):
        assert time.perf_counter() - began < 2
    process.stdout.close()


def test_a_lock_is_held_by_one_alone(tmp_path):
    lock = tmp_path / "x.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.replace("60", "1"), str(lock)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    began = time.perf_counter()
    with file_lock(lock):
        assert time.perf_counter() - began > 0.5
    process.communicate()
