"""Colours, sizes and the one style sheet; dark by default, light with the same roles.

The canvas behind a B-scan is black in both themes, so whatever lies over it uses the dark roles.
"""

from dataclasses import dataclass

from kdoct_desktop.app.paths import resource_path
from kdoct_desktop.domain.finding import Urgency
from kdoct_desktop.ui.style_sheet import SHEET

GRID = 8
RAIL_WIDTH = 56
HEADER_HEIGHT = 48
STATUS_HEIGHT = 28
SMALL, BASE, HEADING, FINDING = 11, 13, 16, 22
"""Type sizes in pixels."""

CANVAS = "#000000"


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colour roles, each as ``#RRGGBB``.

    Attributes:
        name: ``dark`` or ``light``.
        on_action: Text on a button in the action colour.
        urgency: Colour of each urgency; a shape and a word always stand beside it.
    """

    name: str
    window: str
    panel: str
    raised: str
    line: str
    focus: str
    text: str
    second: str
    disabled: str
    action: str
    on_action: str
    urgency: dict[Urgency, str]
    warning: str
    problem: str


DARK = Theme(
    name="dark",
    window="#0F1317",
    panel="#161B20",
    raised="#1F262C",
    line="#2B343C",
    focus="#58B0E3",
    text="#E8EDF1",
    second="#A3B1BC",
    disabled="#5E6B76",
    action="#58B0E3",
    on_action="#0F1317",
    urgency={
        Urgency.URGENT: "#F0693F",
        Urgency.SEMI_URGENT: "#F2B24C",
        Urgency.NEEDS_HUMAN_READ: "#B9A1F2",
        Urgency.ROUTINE: "#7DBFC6",
        Urgency.OBSERVE: "#93A8B5",
    },
    warning="#F2B24C",
    problem="#F0693F",
)

LIGHT = Theme(
    name="light",
    window="#F4F6F8",
    panel="#FFFFFF",
    raised="#FFFFFF",
    line="#D5DCE2",
    focus="#1E78B4",
    text="#14191D",
    second="#4B5963",
    disabled="#98A4AE",
    action="#1E78B4",
    on_action="#FFFFFF",
    urgency={
        Urgency.URGENT: "#C2410C",
        Urgency.SEMI_URGENT: "#A16207",
        Urgency.NEEDS_HUMAN_READ: "#6D4AC2",
        Urgency.ROUTINE: "#0F766E",
        Urgency.OBSERVE: "#51606B",
    },
    warning="#A16207",
    problem="#C2410C",
)

THEMES = {theme.name: theme for theme in (DARK, LIGHT)}

URGENCY_SHAPES = {
    Urgency.URGENT: "▲",
    Urgency.SEMI_URGENT: "◆",
    Urgency.NEEDS_HUMAN_READ: "?",
    Urgency.ROUTINE: "●",
    Urgency.OBSERVE: "○",
}


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, from 1 to 21 (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance of ``#RRGGBB``."""
    channels = (int(colour[at : at + 2], 16) / 255.0 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def style_sheet(theme: Theme) -> str:
    """The whole style sheet of the program for one theme."""
    sheet = SHEET
    roles = {role: getattr(theme, role) for role in Theme.__slots__ if role != "urgency"}
    roles |= {"small": f"{SMALL}px", "heading": f"{HEADING}px", "finding": f"{FINDING}px"}
    roles["check"] = resource_path(f"icons/check-{theme.name}.svg").as_posix()
    sheet += "".join(
        f'QLabel[level="{urgency.name}"] {{ color: {colour}; }}\n'
        for urgency, colour in theme.urgency.items()
    )
    for role in sorted(roles, key=len, reverse=True):
        sheet = sheet.replace(f"${role}", roles[role])
    return sheet
