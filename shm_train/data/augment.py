"""What may be changed about training pictures, and how much."""

from __future__ import annotations

from dataclasses import dataclass

from shm_deploy.errors import SpecError


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Probabilities in 0..1 and ranges of the changes made to training pictures."""

    flip: float = 0.5
    aspect: tuple[float, float] = (0.8, 1.25)
    crop: tuple[float, float] = (0.35, 1.0)  # side of a crop, of the largest that fits into the photo
    max_enlargement: float = 2.0  # of a crop, to the canvas
    rotation: float = 12.0  # [degrees], largest, of a composed foreground
    tilt: float = 0.0  # [degrees], largest, of a photograph or background
    shear: float = 0.0  # largest, of all of them: what goes right per pixel down
    figure: tuple[float, float] = (0.4, 2.2)  # height of a composed figure, of the canvas' height
    second_person: float = 0.15
    blurred_background: float = 0.35
    gain: tuple[float, float] = (0.6, 1.5)
    gamma: tuple[float, float] = (0.65, 1.5)
    colour: tuple[float, float] = (0.88, 1.12)  # gain of each channel by itself
    contrast: tuple[float, float] = (0.8, 1.15)
    foreground_gain: tuple[float, float] = (1.0, 1.0)  # light on the people alone
    offset: float = 8.0  # [levels], largest, up or down
    low_light: float = 0.08
    grey: float = 0.03
    noise: float = 0.3
    blur: float = 0.1
    jpeg: float = 0.4

    def __post_init__(self) -> None:
        for name in ("flip", "second_person", "blurred_background", "low_light", "grey", "noise", "blur", "jpeg"):
            if not 0 <= getattr(self, name) <= 1:
                raise SpecError(f"got {name} {getattr(self, name)}; a probability in 0..1 is wanted")
        for name in ("rotation", "tilt", "shear", "offset"):
            if getattr(self, name) < 0:
                raise SpecError(f"got {name} {getattr(self, name)}; at least 0 is wanted")
        for name in ("aspect", "crop", "figure", "gain", "gamma", "colour", "contrast", "foreground_gain"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise SpecError(f"got {name} {(low, high)}; a range of positive numbers, lowest first, is wanted")


UNCHANGED = AugmentConfig(  # but for figures' scale and place, which are drawn
    flip=0.0,
    aspect=(1.0, 1.0),
    crop=(1.0, 1.0),
    rotation=0.0,
    second_person=0.0,
    blurred_background=0.0,
    gain=(1.0, 1.0),
    gamma=(1.0, 1.0),
    colour=(1.0, 1.0),
    contrast=(1.0, 1.0),
    offset=0.0,
    low_light=0.0,
    grey=0.0,
    noise=0.0,
    blur=0.0,
    jpeg=0.0,
)
