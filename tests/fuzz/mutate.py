"""Damage to a file: what transmission, other programs and people who mean harm do to it."""

import random
import struct
from collections.abc import Callable, Sequence

MARKED = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Numbers at which sizes and counts turn over."""
NUMBERS = (0.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"), 3.4028234663852886e38)


def mutate(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """A damaged copy.

    Args:
        data: A file, sound or damaged before.
        others: Files of the same format, of which parts may be taken.
        chance: Decides.
    """
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        if not made:
            break
        act = chance.choice(_ACTS)
        act(made, chance)
    if others and chance.random() < 0.08:
        _splice(made, chance.choice(others), chance)
    if chance.random() < 0.08:
        del made[chance.randrange(len(made) + 1) :]
    return bytes(made)


def _at(made: bytearray, chance: random.Random) -> int:
    """A place; every second time in the first bytes, where headers are."""
    near = chance.choice((64, 512, 4096, 1 << 40))
    return chance.randrange(min(len(made), near))


def _bit(made: bytearray, chance: random.Random) -> None:
    made[_at(made, chance)] ^= 1 << chance.randrange(8)


def _byte(made: bytearray, chance: random.Random) -> None:
    made[_at(made, chance)] = chance.randrange(256)


def _marked(made: bytearray, chance: random.Random) -> None:
    """A number at which sizes turn over, in two, four or eight bytes of either order."""
    value, width = chance.choice(MARKED), chance.choice((2, 4, 8))
    at = _at(made, chance) & ~1
    order: str = chance.choice(("little", "big"))
    raw = (value & ((1 << 8 * width) - 1)).to_bytes(width, order)  # type: ignore[arg-type]
    made[at : at + width] = raw


def _step(made: bytearray, chance: random.Random) -> None:
    """A number a little larger or smaller, as an offset that points beside."""
    at = _at(made, chance) & ~3
    if at + 4 <= len(made):
        (value,) = struct.unpack_from("<I", made, at)
        struct.pack_into("<I", made, at, (value + chance.randint(-64, 64)) & 0xFFFFFFFF)


def _number(made: bytearray, chance: random.Random) -> None:
    value = chance.choice(NUMBERS)
    kinds = ("<d",) if 1e39 < abs(value) < float("inf") else ("<d", "<f")
    raw = struct.pack(chance.choice(kinds), value)
    at = _at(made, chance) & ~3
    made[at : at + len(raw)] = raw


def _copy(made: bytearray, chance: random.Random) -> None:
    """Four bytes from elsewhere in the file: an offset that points to another structure."""
    source, target = _at(made, chance) & ~3, _at(made, chance) & ~3
    made[target : target + 4] = made[source : source + 4]


def _cut(made: bytearray, chance: random.Random) -> None:
    at = _at(made, chance)
    del made[at : at + chance.choice((1, 2, 4, chance.randrange(1, 2000)))]


def _insert(made: bytearray, chance: random.Random) -> None:
    at = _at(made, chance)
    made[at:at] = chance.randbytes(chance.choice((1, 2, 4, chance.randrange(1, 200))))


def _repeat(made: bytearray, chance: random.Random) -> None:
    at = _at(made, chance)
    part = made[at : at + chance.randrange(1, 600)]
    made[at:at] = part * chance.choice((1, 1, 8))


def _digits(made: bytearray, chance: random.Random) -> None:
    """Another number where digits stand, for headers that are text."""
    places = [at for at, letter in enumerate(made[:4096]) if 48 <= letter <= 57]
    if places:
        at = chance.choice(places)
        made[at : at + 1] = chance.choice((b"0", b"9", b"-1", b"99999999999", b"1e308", b"nan"))


def _splice(made: bytearray, other: bytes, chance: random.Random) -> None:
    """The beginning of one file and the end of another."""
    at, there = chance.randrange(len(made) + 1), chance.randrange(len(other) + 1)
    made[at:] = other[there:]


_ACTS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _bit, _byte, _marked, _marked, _step, _number, _copy, _cut, _insert, _repeat, _digits,
)  # fmt: skip
