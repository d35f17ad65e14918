"""A pack of a few flat pictures, one of each kind and side."""

import cv2
import numpy as np

from shm_train.data.samples import Pack, Sample, write_index
from shm_train.data.stores import SAMPLES_FOLDER

RED, GREEN = (255, 0, 0), (0, 255, 0)


def write_pack(folder, grounds=("wall",)):
    """A red person of soft edge, a photo with a hard mask, one with a label, grounds in green; each also as seen."""
    (folder / SAMPLES_FOLDER).mkdir(parents=True)
    alpha = np.zeros((400, 300), np.uint8)
    cv2.ellipse(alpha, (150, 200), (70, 170), 0, 0, 360, 255, -1)
    soft = cv2.GaussianBlur(alpha, (0, 0), 3)
    sure = np.where((soft > 2) & (soft < 253), 0, 255).astype(np.uint8)
    samples = []

    def add(name, source, kind, colour, **planes):
        for held_out in (True, False):
            key = name if held_out else f"{name}-seen"
            image = np.full((400, 300, 3), colour[::-1], np.uint8)
            for suffix, plane in {".jpg": image, **planes}.items():
                cv2.imwrite(str(folder / SAMPLES_FOLDER / f"{key}{suffix}"), plane)
            samples.append(Sample(key=key, source=source, kind=kind, group=key, held_out=held_out))

    add("anna", "studio", "cutout", RED, **{".png": soft})
    add("street", "web", "mask", RED, **{".png": alpha, ".sure.png": sure})
    add("beach", "web", "photo", RED, **{".png": soft, ".fg.jpg": np.zeros((400, 300, 3), np.uint8)})
    for name in grounds:
        add(name, "places", "background", GREEN)
    write_index(folder, samples)
    return Pack(folder)
