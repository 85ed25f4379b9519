"""Names in the order in which people count."""

import re

NUMBER = re.compile(r"(\d+)")
"""A run of digits in a name."""


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts names as people count: ``B2`` before ``B10``."""
    parts = NUMBER.split(name.casefold())
    return [
        (1, int(part), "") if part.isdigit() and part.isascii() else (0, 0, part) for part in parts
    ]
