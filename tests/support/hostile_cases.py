"""Command lines, files and circumstances that nobody would wish on a program, from a seed.

Options come from the commands' own click parameters, so a new option joins by itself.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from tfsoftmax.cli.main import main as group

ENDINGS = {
    "csv": "csv", "parquet": "parquet", "npz": "npz", "npy": "npy", "svmlight": "svm",
    "text": "txt", "idx": "idx", "images": "images", "tfrecord": "tfrecord",
}  # fmt: skip
WORDS = [
    "", " ", "a", "label", "c0", "a,b", ",", "none", "default", "-", "--", "../..", "~nosuch/x",
    "~", "$HOME", "*", "\udcff\udcfe", "a\nb", "ñandú", "蛇" * 80, "x" * 5000, "0x10", "utf-8",
    "utf-16", "\udcff", "rot13", "auto", "%s", "{}", "a=b", "a=1,b=2", "tab", ";", "\t", "\x1b[2J",
]  # fmt: skip
NUMBERS = [
    "0", "1", "2", "3", "5", "0.5", "0.1", "-1", "1e30", "1e-30", "1e308", "1e400", "nan", "inf",
    "-inf", "99999999999999999999", "2147483648", "1_000", "٣", "0.0", "1e5",
]  # fmt: skip
SIZES = ["0", "1", "1k", "500MB", "1e9", "99999999999999999999GB", "1e400", "-5", "10kib"]
SHAPES = ["28x28", "1", "0x0", "9999x9999", "2x", "8x8"]
TABLE_COLUMNS = "a,b,c,label"


class Case(NamedTuple):
    """One run: what is typed, and the circumstances."""

    number: int
    arguments: list[str]
    environment: dict[str, str | None]
    limits: dict[str, int]
    streams: dict[int, str]
    signal: tuple[float, int] | None
    folder: str
    own_process: bool


def make_sources(folder: Path) -> None:
    """Small, good sources of every kind, for cases to copy and damage."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(60, 3)).round(3)
    y = np.arange(60) % 3
    folder.mkdir(parents=True)
    rows = [f"{a},{b},{c},class{k}" for (a, b, c), k in zip(X, y, strict=True)]
    (folder / "good.csv").write_text("\n".join([TABLE_COLUMNS, *rows]) + "\n")
    np.savez(folder / "good.npz", x_train=X, y_train=y)
    (folder / "good.npy").mkdir()
    np.save(folder / "good.npy" / "X.npy", X)
    np.save(folder / "good.npy" / "y.npy", y)
    lines = [f"{k} 1:{a} 2:{b} 3:{c}" for (a, b, c), k in zip(X, y, strict=True)]
    (folder / "good.svm").write_text("\n".join(lines) + "\n")
    texts = [f"__label__{k} number {a} and {b}" for (a, b, c), k in zip(X, y, strict=True)]
    (folder / "good.txt").write_text("\n".join(texts) + "\n")
    _pictures(folder / "good.images", generator)
    _idx(folder / "good.idx", generator)
    (folder / "good.tfrecord").write_bytes(generator.bytes(300))
    try:
        import pandas as pd

        frame = pd.DataFrame(X, columns=["a", "b", "c"])
        frame.assign(label=[f"class{k}" for k in y]).to_parquet(folder / "good.parquet")
    except ImportError:
        shutil.copy(folder / "good.csv", folder / "good.parquet")


def _pictures(folder: Path, generator: np.random.Generator) -> None:
    from PIL import Image

    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        for index in range(6):
            pixels = generator.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")


def _idx(folder: Path, generator: np.random.Generator) -> None:
    folder.mkdir()
    for part, count in (("train", 30), ("t10k", 10)):
        header = b"\x00\x00\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (count, 8, 8))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + generator.bytes(count * 64))
        labels = bytes(k % 3 for k in range(count))
        header = b"\x00\x00\x08\x01" + count.to_bytes(4, "big")
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(header + labels)


class Maker:
    """Makes the case of a number, and its files in a folder of its own."""

    def __init__(self, seed: int, number: int, templates: Path, folder: Path):
        self.random = random.Random(f"{seed}:{number}")
        self.number, self.templates, self.folder = number, templates, folder

    def case(self) -> Case:
        """The whole of it."""
        draw = self.random
        for name in ("home", "tmp", "cache", "out"):
            (self.folder / name).mkdir(parents=True)
        command = draw.choice([*list(group.commands), "train", "inspect", "predict"])
        arguments = [command, *self._arguments(group.commands[command])]
        # What no command line can hold.
        arguments = [a.replace("\0", "") for a in arguments]
        return Case(
            self.number,
            arguments,
            self._environment(),
            self._limits(),
            self._streams(),
            (draw.uniform(0, 1.0), draw.choice([signal.SIGINT, signal.SIGTERM]))
            if draw.random() < 0.15
            else None,
            str(self.folder if draw.random() < 0.93 else self._odd_folder()),
            draw.random() < 0.03,
        )

    def _arguments(self, command: click.Command) -> list[str]:
        draw, found = self.random, []
        options = [p for p in command.params if isinstance(p, click.Option)]
        chosen = draw.sample(options, min(len(options), draw.choice([0, 1, 1, 2, 3, 6])))
        named = any(p.name == "dataset" for p in command.params) and draw.random() < 0.5
        chosen = [o for o in chosen if o.name != "dataset_name"]
        chosen += [o for o in options if o.name == "dataset_name" and not named]
        chosen += [o for o in options if o.name == "output_dir" and o not in chosen]
        for option in chosen:
            if option.name in ("help", "version") and draw.random() < 0.9:
                continue
            name = draw.choice(option.opts)
            found += [name] if option.is_flag else [name, self._value(option)]
        for argument in command.params:
            if argument.name == "dataset" and not named:
                continue
            if isinstance(argument, click.Argument):
                count = 1 if argument.nargs == 1 else draw.choice([1, 1, 2])
                found += [self._value(argument) for _ in range(count)]
        if draw.random() < 0.05:
            found.insert(draw.randrange(len(found) + 1), draw.choice(["--nonsense", "-x", "word"]))
        return found

    def _value(self, parameter: click.Parameter) -> str:
        draw, kind = self.random, parameter.type
        if draw.random() < 0.08:
            return draw.choice(WORDS + NUMBERS)
        if parameter.name in ("dataset", "dataset_name", "source"):
            return self._dataset()
        if parameter.name in ("model", "start_from"):
            return self._model()
        if parameter.name == "files":
            return str(self._file(draw.choice(["csv", "png", "npy-file", "parquet"])))
        if parameter.name == "output_dir":
            return draw.choice(["out"] * 8 + ["/dev/null", "out/a/b", "/proc/x", "good", "ro"])
        if isinstance(kind, click.Choice):
            return draw.choice([*map(str, kind.choices)])
        if isinstance(kind, click.Path):
            suffix = draw.choice(["", ".csv", ".json", ".png", ".svg"])
            return draw.choice(["out/x", "x", "/dev/full", "/nonexistent/x", "out"]) + suffix
        if isinstance(kind, click.IntRange | click.FloatRange | click.types.FloatParamType):
            return draw.choice(NUMBERS)
        pool = {"SIZE": SIZES, "HxW": SHAPES, "KINDS": ["none", "float32", "int8,uint8", ",", "x"]}
        return draw.choice(pool.get(kind.name, ["a", "b", "c", "label", "a,b", *WORDS]))

    def _dataset(self) -> str:
        draw = self.random
        if draw.random() < 0.15:
            return draw.choice(
                [
                    "digits",
                    "mnist5k",
                    "nosuch",
                    "csv:",
                    ":",
                    "csv",
                    "mnist/",
                    "idx:",
                    "emnist/x",
                    "a:b",
                ]
            )
        kind = draw.choice(list(ENDINGS))
        given = kind if draw.random() < 0.93 else draw.choice(list(ENDINGS))
        return f"{given}:{self._file(kind)}" if draw.random() < 0.7 else str(self._file(kind))

    def _model(self) -> str:
        draw = self.random
        models = self.templates / "models"
        if not models.is_dir() or draw.random() < 0.1:
            return draw.choice(["nosuch", "out", "/dev/null", "~nosuch", str(self._file("csv"))])
        place = self.folder / "model"
        shutil.copytree(models, place, dirs_exist_ok=True)
        files = sorted(p for p in place.rglob("*") if p.is_file())
        if draw.random() < 0.5:
            self._damage(draw.choice(files))
        folder = next(place.glob("*"))
        files = sorted((folder / "1").glob("*.tflite"))
        return str(draw.choice([folder, folder / "1", *files, *files]))

    def _file(self, kind: str) -> Path:
        """A file or folder of a kind: good, damaged, or something else under its name."""
        draw = self.random
        if draw.random() < 0.2:
            return self._odd_file()
        names = {"png": "good.images/one/0.png", "npy-file": "good.npy/X.npy"}
        source = self.templates / "sources" / names.get(kind, f"good.{ENDINGS.get(kind, kind)}")
        place = self.folder / draw.choice(["good", "ñame ☃", "a,b", "-x", "it's"])
        place = place.with_name(place.name + source.suffix)
        if source.is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True)
        else:
            shutil.copy(source, place)
        if draw.random() < 0.6:
            files = sorted(p for p in place.rglob("*") if p.is_file()) or [place]
            self._damage(draw.choice(files))
        return place

    def _damage(self, path: Path) -> None:
        draw, content = self.random, bytearray(path.read_bytes())
        where = draw.randrange(len(content) + 1)
        how = draw.choice(["flip", "flip", "cut", "insert", "repeat", "zero", "empty", "noise"])
        if how == "flip" and content:
            content[where % len(content)] ^= 1 << draw.randrange(8)
        elif how == "cut":
            del content[where:]
        elif how == "insert":
            mark = draw.choice(
                [b"\xff\xfe", b"\0", b'"', b"\n\n", b",,,", b"1e999", b"\xef\xbb\xbf"]
            )
            content[where:where] = mark
        elif how == "repeat":
            content += content[where:]
        elif how == "zero":
            content[where : where + 64] = bytes(64)
        elif how == "empty":
            content.clear()
        elif how == "noise":
            content[:] = draw.randbytes(draw.randrange(2000))
        path.write_bytes(content)

    def _odd_file(self) -> Path:
        draw, place = self.random, self.folder / "odd.csv"
        how = draw.choice(
            ["fifo", "loop", "folder", "sparse", "device", "dangling", "long", "bytes"]
        )
        if place.exists() or place.is_symlink():
            return place
        if how == "fifo":
            os.mkfifo(place)
        elif how == "loop":
            place.symlink_to(place)
        elif how == "folder":
            place.mkdir()
        elif how == "sparse":
            with place.open("wb") as file:
                file.truncate(50_000_000)
        elif how == "dangling":
            place.symlink_to("nowhere")
        elif how == "device":
            devices = [
                "/dev/zero",
                "/dev/null",
                "/dev/full",
                "/proc/kmsg",
                "/proc/self/mem",
                "/dev/tty",
            ]
            return Path(draw.choice(devices))
        elif how == "long":
            return Path("x" * 300)
        else:
            place = self.folder / os.fsdecode(b"\xff\xfe.csv")
            place.write_bytes(draw.randbytes(500))
        return place

    def _odd_folder(self) -> Path:
        place = self.folder / self.random.choice(["gone", "ro"])
        place.mkdir()
        return place

    def _environment(self) -> dict[str, str | None]:
        draw, folder = self.random, self.folder
        usual: dict[str, str | None] = {
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "TFDS_DATA_DIR": str(folder / "cache" / "tfds"),
        }
        odd: list[dict[str, str | None]] = [
            {"HOME": None, "XDG_CACHE_HOME": None, "TFDS_DATA_DIR": None},
            {"HOME": "/nonexistent", "XDG_CACHE_HOME": None, "TFDS_DATA_DIR": None},
            {"HOME": "", "XDG_CACHE_HOME": ""},
            {"TMPDIR": "/nonexistent"},
            {"XDG_CACHE_HOME": "/dev/null"},
            {"TFDS_DATA_DIR": "/dev/null/x"},
            {"LANG": "C", "LC_ALL": "C"},
            {"PYTHONIOENCODING": "ascii"},
            {"PYTHONIOENCODING": "latin-1"},
            {"COLUMNS": "0", "TERM": "dumb"},
            {"TERM": "\udcff", "LINES": "x"},
        ]
        return usual | (draw.choice(odd) if draw.random() < 0.35 else {})

    def _limits(self) -> dict[str, int]:
        draw = self.random
        if draw.random() > 0.15:
            return {}
        return draw.choice(
            [{"NOFILE": 12}, {"NOFILE": 16}, {"AS": 700_000_000}, {"AS": 1_500_000_000},
             {"FSIZE": 20_000}, {"STACK": 200_000}, {"NPROC": 1}]
        )  # fmt: skip

    def _streams(self) -> dict[int, str]:
        draw = self.random
        if draw.random() > 0.12:
            return {}
        return draw.choice([{0: "closed"}, {1: "closed"}, {2: "closed"}, {1: "full"}, {2: "full"},
                            {0: "closed", 1: "closed", 2: "closed"}])  # fmt: skip
