"""How devices turn light into grey: noise, averaging, contrast, and what bad scans do to it."""

from dataclasses import dataclass, replace

import numpy as np

from training.phantoms.fields import Floats, smooth_field, stream

QUALITIES = ("good", "poor", "ungradable", "clipped")


@dataclass(frozen=True, slots=True)
class Style:
    """The look of one device.

    Attributes:
        contrast: Exponent on the reflectivities relative to the pigment epithelium.
        gain: Factor on the light, 1 puts the pigment epithelium near white.
        noise: Mean intensity of the detector noise.
        noise_cut: Share of the mean noise that is subtracted before the root (black clipping).
        noise_frames: Independent frames averaged in the noise.
        speckle_frames: The same for the speckle of the tissue.
        psf_um: Axial and lateral standard deviation of the point-spread function.
        vitreous: Reflectivity of the vitreous.
        fade_per_mm: Extra loss of light below the pigment epithelium.
        grain: Strength of the tissue's own mottle.
    """

    contrast: float
    gain: float
    noise: float
    noise_cut: float
    noise_frames: int
    speckle_frames: int
    psf_um: tuple[float, float]
    vitreous: float
    fade_per_mm: float
    grain: float


STYLES: dict[str, Style] = {
    "spectralis": Style(1.65, 1.05, 4.0e-4, 0.5, 3, 5, (3.2, 7.5), 2e-6, 9.0, 0.2),
    "spectralis_fine": Style(1.65, 1.1, 2.2e-4, 0.55, 9, 12, (3.2, 7.5), 2e-6, 9.0, 0.17),
    "cirrus": Style(1.0, 1.0, 5.0e-4, 0.0, 2, 3, (4.0, 9.0), 4e-6, 15.0, 0.2),
    "optovue": Style(1.15, 1.6, 6.0e-5, 0.0, 3, 4, (3.6, 12.0), 8e-6, 12.0, 0.18),
    "topcon": Style(1.3, 1.05, 2.2e-4, 0.25, 3, 4, (4.5, 11.0), 6e-6, 9.0, 0.18),
}


def style_of(name: str, seed: int, *, quality: str) -> Style:
    """The style with this eye's own deviation and the loss that `quality` names.

    Raises:
        ValueError: The style or the quality is unknown.
    """
    if name not in STYLES:
        raise ValueError(f"unknown style {name!r}")
    if quality not in QUALITIES:
        raise ValueError(f"unknown quality {quality!r}")
    rng = stream(seed, "style")
    base = STYLES[name]
    style = replace(
        base,
        contrast=base.contrast * float(np.exp(rng.normal(0, 0.05))),
        gain=base.gain * float(np.exp(rng.normal(0, 0.22))),
        noise_cut=base.noise_cut * float(rng.uniform(0.7, 1.3)),
        noise=base.noise * float(np.exp(rng.normal(0, 0.25))),
        fade_per_mm=base.fade_per_mm * float(np.exp(rng.normal(0, 0.38))),
        grain=base.grain * float(rng.uniform(0.7, 1.3)),
        vitreous=base.vitreous * float(np.exp(rng.normal(0, 1.2))),
        psf_um=(base.psf_um[0], base.psf_um[1] * float(rng.choice([1.0, 1.0, 1.25]))),
    )
    if quality == "poor":
        axial, lateral = style.psf_um
        loss = float(rng.uniform(0.06, 0.3))
        style = replace(style, gain=style.gain * loss, psf_um=(axial * 1.25, lateral * 1.9))
    elif quality == "ungradable":
        axial, lateral = style.psf_um
        loss = float(rng.uniform(0.001, 0.008))
        style = replace(style, gain=style.gain * loss, psf_um=(axial * 1.5, lateral * 2.5))
    return style


def pupil_gain(seed: int, x: Floats, *, y: Floats, quality: str) -> Floats:
    """Light that reaches each position: uneven pupil, and opacities in bad scans."""
    rng = stream(seed, "pupil")
    gain = np.exp(0.13 * smooth_field(rng, x, y=y, scale_mm=2.0))
    if quality in ("poor", "ungradable"):
        shadow = np.clip(smooth_field(rng, x, y=y, scale_mm=1.2) - 0.2, 0, None)
        gain = gain * np.exp(-1.6 * shadow)
    return np.asarray(gain, np.float32)


def to_grey(light: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Fourth root, as the widespread display of OCT intensities does, to 8 bit."""
    root = np.sqrt(np.sqrt(np.clip(light, 0, 1)))
    return np.asarray(root * np.float32(255) + np.float32(0.5)).astype(np.uint8)
