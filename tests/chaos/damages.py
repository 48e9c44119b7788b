"""Damages a synced cache in many ways, one at a time: what is read then is right, or a clear error.

    python tests/chaos/damages.py --damages 500 [--seed 1] [--seconds 3000]

Never a wrong number, never an error that is not ours, never a frame that is silently shorter. Each
damage is looked at offline or online first, and once more after a sync, which has to mend it; only
what lies in the way of our files may keep on giving a clear error.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workers import Clock, Result, Workers

sys.path.insert(0, str(Path(__file__).parents[1]))

from books import INVOICES, Books

from support.server import Service

FIRST_LOOKS = ("offline", "offline", "read", "scan", "sync")
CLEAR = frozenset({"error", "shorter, and said so", "not stored"})  # fine, until a sync has mended
MOST_SHOWN = 40


@dataclass(frozen=True)
class Place:
    """A file to be damaged, the folder it is in, and the same folder a year ago."""

    file: Path
    root: Path
    old: Path
    chance: random.Random

    def another(self, root: Path | None = None) -> Path:
        """Another file of its kind."""
        found = files_in(root or self.root).get(self.file.suffix, [])
        return self.chance.choice([path for path in found if path != self.file] or [self.file])


def flip_bit(at: Place) -> None:
    data = bytearray(at.file.read_bytes())
    if data:
        data[at.chance.randrange(len(data))] ^= 1 << at.chance.randrange(8)
    at.file.write_bytes(data)


def flip_many(at: Place) -> None:
    data = bytearray(at.file.read_bytes())
    for _ in range(20):
        if data:
            data[at.chance.randrange(len(data))] = at.chance.randrange(256)
    at.file.write_bytes(data)


def cut(at: Place) -> None:
    data = at.file.read_bytes()
    at.file.write_bytes(data[: at.chance.randrange(max(len(data), 1))])


def empty(at: Place) -> None:
    at.file.write_bytes(b"")


def fill_with_zeros(at: Place) -> None:
    """As a file system does after a power cut: the length is right, the rest is not."""
    data = at.file.read_bytes()
    start = at.chance.randrange(max(len(data), 1))
    at.file.write_bytes(data[:start] + bytes(len(data) - start))


def append(at: Place) -> None:
    with at.file.open("ab") as file:
        file.write(at.chance.randbytes(at.chance.randint(1, 4000)))


def append_itself(at: Place) -> None:
    at.file.write_bytes(at.file.read_bytes() * 2)


def take_out(at: Place) -> None:
    data = at.file.read_bytes()
    start = at.chance.randrange(max(len(data), 1))
    at.file.write_bytes(data[:start] + data[start + at.chance.randint(1, 64) :])


def delete(at: Place) -> None:
    at.file.unlink()


def delete_folder(at: Place) -> None:
    shutil.rmtree(at.file.parent)


def swap(at: Place) -> None:
    other = at.another()
    mine, theirs = at.file.read_bytes(), other.read_bytes()
    at.file.write_bytes(theirs)
    other.write_bytes(mine)


def copy_of_another(at: Place) -> None:
    at.file.write_bytes(at.another().read_bytes())


def copy_of_another_year(at: Place) -> None:
    at.file.write_bytes(at.another(at.old).read_bytes())


def put_a_folder(at: Place) -> None:
    at.file.unlink()
    at.file.mkdir()


def put_a_file_for_the_folder(at: Place) -> None:
    shutil.rmtree(at.file.parent)
    at.file.parent.write_bytes(b"a file")


def edit_note(at: Place) -> None:
    """Change one value of a note, as whoever means well would; its checksum stays."""
    notes = files_in(at.root).get(".json", [])
    path = at.chance.choice(notes)
    note = json.loads(path.read_bytes())
    values = list(leaves(note))
    if values:
        holder, name = at.chance.choice(values)
        holder[name] = at.chance.choice([0, 1, None, "", "x", [], {}, -1, 10**30, True])
    path.write_text(json.dumps(note))


def leaves(value: object) -> list[tuple[dict, str]]:
    """All places of a JSON value that hold no further ones."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    else:
        return []
    found = []
    for name, inner in pairs:
        found += leaves(inner) or [(value, name)]
    return found


Damage = Callable[[Place], None]
# What is not ours is not deleted, so nothing can be kept there until somebody takes it away.
IN_THE_WAY = (put_a_folder, put_a_file_for_the_folder)
DAMAGES: tuple[Damage, ...] = (
    flip_bit, flip_bit, flip_bit, flip_many, cut, cut, empty, fill_with_zeros, append,
    append_itself, take_out, delete, delete_folder, swap, swap, copy_of_another, copy_of_another,
    copy_of_another_year, put_a_folder, put_a_file_for_the_folder, edit_note,
)  # fmt: skip


def files_in(root: Path) -> dict[str, list[Path]]:
    """All files below, by the end of their name."""
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            found.setdefault(path.suffix, []).append(path)
    return found


def judge(found: Result, right: Result) -> list[tuple[str, str, str]]:
    """Of each answer its outcome, its question, and what was said."""
    judged = []
    for question, (outcome, *said) in found.items():
        if outcome != "right":
            judged.append((outcome, question, ": ".join(said)))
        elif said == right[question][1:]:
            judged.append(("right", question, ""))
        elif question.startswith("scan") and said[0].endswith("(warned)"):
            judged.append(("shorter, and said so", question, said[0]))
        elif question.startswith("scan") and said[0] == "not stored":
            judged.append(("not stored", question, said[0]))
        else:
            judged.append(("wrong", question, f"{said[0][:300]}, not {right[question][1][:300]}"))
    return judged


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--damages", type=int, default=500)
    words.add_argument("--first", type=int, default=0, help="number of the first one")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--seconds", type=float, default=3000)
    given = words.parse_args()
    books = Books()
    service = Service(books)
    with tempfile.TemporaryDirectory(prefix="invoicekit-damages-") as folder:
        try:
            return run(given, Path(folder), books, Workers(service.url, tuple(INVOICES)))
        finally:
            service.close()


def run(given: argparse.Namespace, room: Path, books: Books, workers: Workers) -> int:
    """Damage, look, sync, look again; prints a line for each finding, and one of the counts."""
    workers.do("verify", room / "old")
    books.generation = 2
    right = workers.do("verify", room / "new")
    offline = workers.do("offline", room / "new")
    bad = {name: said for name, said in (right | offline).items() if said[0] != "right"}
    bad |= {name: said for name, said in offline.items() if said != right[name]}
    if bad:
        print(f"undamaged it is wrong: {bad}")
        return 1
    clock, counts, done, findings = Clock(given.seconds), Counter(), 0, 0
    for number in range(given.first, given.first + given.damages):
        if clock.over:
            break
        done += 1
        chance = random.Random(f"{given.seed} {number}")
        root = room / f"damaged-{number}"
        shutil.copytree(room / "new", root)
        damage, file = damage_one(root, room / "old", chance)
        what = f"{number}: {damage.__name__} of {file}"
        outcomes = set()
        looks = (chance.choice(FIRST_LOOKS), "verify", "offline")
        for mended, look in enumerate(looks):
            for outcome, question, said in judge(workers.do(look, root, number), right):
                stays = damage in IN_THE_WAY and outcome in CLEAR
                if outcome == "right" or (not mended and outcome in CLEAR) or stays:
                    outcomes.add(outcome)
                    continue
                outcomes.add(f"{outcome}{', after a sync' if mended else ''} (!)")
                findings += 1
                if findings <= MOST_SHOWN:
                    print(f"{what}; {look}, {question}: {outcome} {said[:400]}", flush=True)
        counts.update(outcomes)
        shutil.rmtree(root, ignore_errors=True)
    said = ", ".join(f"{outcome} {count}" for outcome, count in sorted(counts.items()))
    print(
        f"{done} damages in {clock.seconds:.0f} s, seed {given.seed}, {findings} findings; damages "
        f"after which an answer was: {said}"
    )
    return 1 if findings or done < given.damages else 0


def damage_one(root: Path, old: Path, chance: random.Random) -> tuple[Damage, Path]:
    """Damage one file below `root`, of any kind with the same chance; says how, and which."""
    by_kind = files_in(root)
    file = chance.choice(by_kind[chance.choice(sorted(by_kind))])
    damage = chance.choice(DAMAGES)
    damage(Place(file, root, old, chance))
    return damage, file.relative_to(root)


if __name__ == "__main__":
    sys.exit(main())
