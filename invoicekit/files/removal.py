"""Removes what is ours and nothing else: by a table of names, and through no link."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, Union

from invoicekit.files.private import is_folder, is_link

# What may lie in a folder of ours, in the order in which it goes: a pattern of names, and what lies
# in a folder of such a name in its turn; `None` is a file.
Layout: TypeAlias = Mapping[str, Union["Layout", None]]


@dataclass(slots=True)
class Removed:
    """What went, in bytes and files, and what is left: not ours, or it could not be deleted."""

    size: int = 0
    files: int = 0
    left: list[Path] = field(default_factory=list)

    def add(self, other: Removed) -> None:
        """Count what went elsewhere too."""
        self.size += other.size
        self.files += other.files
        self.left += other.left


def remove_folder(folder: Path, layout: Layout, removed: Removed | None = None) -> Removed:
    """Remove a folder and what the table knows of it; it stays if anything else is in it."""
    removed = remove_within(folder, layout, removed)
    if not any(path.is_relative_to(folder) for path in removed.left):
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError:  # another process has just put something there, or uses it
            removed.left.append(folder)
    return removed


def remove_within(folder: Path, layout: Layout, removed: Removed | None = None) -> Removed:
    """Remove what the table knows of a folder, and leave the folder."""
    removed = Removed() if removed is None else removed
    names = _names_in(folder, removed)
    for pattern, inside in layout.items():
        for name in [name for name in names if re.fullmatch(pattern, name)]:
            names.remove(name)
            path = folder / name
            if is_link(path) or is_folder(path) != (inside is not None):
                removed.left.append(path)
            elif inside is not None:
                remove_folder(path, inside, removed)
            else:
                _remove_file(path, removed)
    removed.left += [folder / name for name in names]
    return removed


def _names_in(folder: Path, removed: Removed) -> list[str]:
    try:
        if is_folder(folder):
            return sorted(os.listdir(folder))  # noqa: PTH208 (names are all that is needed)
        left = os.path.lexists(folder)
    except FileNotFoundError:
        return []
    except OSError:
        left = True
    removed.left += [folder] if left else []
    return []


def _remove_file(path: Path, removed: Removed) -> None:
    try:
        found = path.lstat()
        path.unlink()
    except FileNotFoundError:  # another process was quicker
        return
    except OSError:
        removed.left.append(path)
        return
    removed.size += found.st_size if found.st_nlink == 1 else 0  # under another name it stays
    removed.files += 1
