"""Bad folders of pictures, through the command itself: one line, nothing written."""

from pathlib import Path

import pytest
from support.bad_input import (
    assert_one_line_and_nothing_left,
    cases,
    in_secret_folder,
    odd_path,
    png,
    png_header,
)


def images(contents, *options, links=()):
    def build(folder):
        photos = folder / "photos"
        photos.mkdir()
        for name, content in contents.items():
            path = photos / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir()
            else:
                path.write_bytes(content)
        for name, target in links:
            (photos / name).symlink_to(target)
        return [f"images:{photos}", *options]

    return build


PHOTOS = {f"{label}/{n}.png": png() for label in ("cat", "dog") for n in range(5)}

PICTURES = {
    "pictures of two sizes": (
        "dog/9.png is 5x6, 10 are 4x4.*--image-size 4x4",
        images({**PHOTOS, "dog/9.png": png((6, 5))}),
    ),
    "a truncated picture": (
        "dog/9.png: cannot be read",
        images({**PHOTOS, "dog/9.png": png()[:-20]}),
    ),
    "cut within its header": ("dog/9.png", images({**PHOTOS, "dog/9.png": png()[:20]})),
    "no picture by that name": ("dog/9.png", images({**PHOTOS, "dog/9.png": b"no picture"})),
    "no bytes": ("dog/9.png", images({**PHOTOS, "dog/9.png": b""})),
    "a picture that would fill the memory": (
        "dog/9.png.*decompression bomb",
        images({**PHOTOS, "dog/9.png": png_header(60_000, 60_000)}),
    ),
    "a picture that would, of a size asked for": (
        "dog/9.png.*decompression bomb",
        images(
            {**PHOTOS, "dog/9.png": png_header(60_000, 60_000)},
            "--image-size",
            "4x4",
            "--color",
            "gray",
        ),
    ),
    "pictures too large": (
        "give --image-size",
        images({f"{n % 2}/{n}.png": png((5000, 1)) for n in range(4)}),
    ),
    "no class": ("no pictures", images({"0.png": png(), "1.png": png()})),
    "one class": ("one class, 'cat'", images({f"cat/{n}.png": png() for n in range(5)})),
    "a class without pictures": (
        "one class, 'cat'",
        images({**{f"cat/{n}.png": png() for n in range(5)}, "dog": None}),
    ),
    "classes without pictures": ("no pictures", images({"cat": None, "dog": None})),
    "a class of one picture": ("class 'cow' has one row", images({**PHOTOS, "cow/1.png": png()})),
    "an empty folder": ("no pictures", images({})),
    "no test pictures": (
        "class 'cat' has one row only",
        images({"train/cat/1.png": png(), "train/dog/1.png": png(), "test/dog": None}),
    ),
    "a picture that leads out": (
        "dog/9.png is a link that leads out",
        images(PHOTOS, links=[("dog/9.png", "/etc/hostname")]),
    ),
    "a class that leads out": (
        "cow is a link that leads out",
        images(PHOTOS, links=[("cow", "/etc")]),
    ),
    "a link to nothing": (
        "dog/9.png is a link that leads nowhere",
        images(PHOTOS, links=[("dog/9.png", "nowhere")]),
    ),
    "a link to itself": (
        "dog/9.png is a link that leads nowhere",
        images(PHOTOS, links=[("dog/9.png", "9.png")]),
    ),
    "a file": ("found a file", odd_path("images", Path.touch)),
    "nothing there": ("found nothing", odd_path("images"), 2),
    "a class name with a line break": (
        "has a line break",
        images({**PHOTOS, "a\nb/1.png": png(), "a\nb/2.png": png()}),
    ),
    "a folder that may not be read": (
        "may not be read: Permission denied",
        odd_path("images", in_secret_folder),
    ),
    "a size that is none": ("'foo' is not HEIGHTxWIDTH", images(PHOTOS, "--image-size", "foo"), 2),
    "a size of 0": (
        "--image-size must be at least 1 and at most 4096",
        images(PHOTOS, "--image-size", "0x4"),
        2,
    ),
    "a color that is none": (
        "'cmyk' is not one of 'gray', 'rgb'",
        images(PHOTOS, "--color", "cmyk"),
        2,
    ),
}


@pytest.mark.parametrize("case", cases("images", PICTURES))
def test_bad_images(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)
