"""Options that several commands share, and the types that check what a user writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from numbanet.cli import names
from numbanet.errors import unknown_name

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Name(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """One of a registry's names; a misspelt one gets the nearest. The registry is imported on first use."""

    def __init__(self, kind: str, known: Callable[[], Iterable[str]]) -> None:
        self.name = kind
        self.known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself, if it is known."""
        if value not in self.known():
            self.fail(unknown_name(self.name, value, self.known()), param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The known names that begin so."""
        return [CompletionItem(name) for name in self.known() if name.startswith(incomplete)]


class DataSetName(Name):
    """A data set: one that is known by name, or a path to data of one's own."""

    def __init__(self) -> None:
        super().__init__("data set", names.data_sets)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name or path; whether there is anything at a path is found out when it is loaded."""
        from numbanet.data.files import looks_like_path

        if value not in self.known() and not looks_like_path(value):
            advice = " Or give a path: a folder of IDX files, an .npz, a CSV."
            self.fail(unknown_name(self.name, value, self.known()) + advice, param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Known names first; files where none fits."""
        found = super().shell_complete(ctx, param, incomplete)
        return found or [CompletionItem(incomplete, type="file")]


class Widths(click.ParamType):  # type: ignore[type-arg]
    """Widths of hidden layers: `512,512`; `0` or `none` for no hidden layer."""

    name = "widths"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """A tuple of positive numbers."""
        if isinstance(value, tuple):
            return value
        if value in ("0", "none"):
            return ()
        return _positive(self, value, ",", "512,512", param, ctx)


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """Positive whole numbers with commas between them: `1,2`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """A tuple of them."""
        return value if isinstance(value, tuple) else _positive(self, value, ",", "1,2", param, ctx)


class Shapes(click.ParamType):  # type: ignore[type-arg]
    """The numbers of a kernel's shape, `128x784x128`; `several` of them with commas between them."""

    name = "shape"

    def __init__(self, several: bool = False) -> None:
        self.several = several

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """A tuple of numbers, or a tuple of those."""
        if isinstance(value, tuple):
            return value
        parts = value.split(",") if self.several else [value]
        shapes = tuple(_positive(self, part, "x", "128x784x128", param, ctx) for part in parts)
        return shapes if self.several else shapes[0]


def _positive(
    kind: click.ParamType,  # type: ignore[type-arg]
    text: str,
    separator: str,
    example: str,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(separator))
    except ValueError:
        numbers = (0,)
    if min(numbers) < 1:
        kind.fail(f"expected positive whole numbers, as in {example}; found {text!r}.", param, ctx)
    return numbers


class Augmentation(click.ParamType):  # type: ignore[type-arg]
    """How training images are distorted: `default`, `none`, or `shift=2,rotate=10,flip`."""

    name = "augmentation"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """An `Augment`."""
        from numbanet.data.augment import get
        from numbanet.errors import ModelError

        try:
            return get(value)
        except ModelError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names, and what may follow the last comma."""
        begun, comma, last = incomplete.rpartition(",")
        known = names.distortions() if comma else [*names.augmentations(), *names.distortions()]
        return [CompletionItem(f"{begun}{comma}{name}") for name in known if name.startswith(last)]


DATA_SET = DataSetName()
MODEL = Name("model", names.models)
OPTIMIZER = Name("optimizer", names.optimizers)
LOSS = Name("loss", names.losses)
KERNEL = Name("kernel", names.kernels)
SHAPE, SHAPES = Shapes(), Shapes(several=True)
DTYPE = click.Choice(["float32", "float64"])


def _set_debug(_ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        os.environ["NUMBANET_DEBUG"] = "1"


debug_option = click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_set_debug,
    help="Show the traceback of an error.",
)
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(),
    metavar="FOLDER",
    help="Where data sets are kept, or a folder with the four IDX files. [default: NUMBANET_DATA or a cache]",
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Use only the first N training and N test examples.",
)
batch_size_option = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Examples in one step. [default: the model's]",
)
hidden_option = click.option(
    "--hidden",
    type=Widths(),
    metavar="WIDTHS",
    help="Widths of hidden layers: 512,512; none for none. [mlp, lstm, gru, rnn]",
)
sequence_option = click.option(
    "--sequence",
    type=click.Choice(["row", "pixel"]),
    help="How a recurrent network reads an image: row by row, or pixel by pixel. [lstm, gru, rnn; default: row]",
)
dropout_option = click.option(
    "--dropout",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="RATE",
    help="Share of hidden units switched off while training. [default: the model's]",
)
augment_option = click.option(
    "--augment",
    type=Augmentation(),
    metavar="WHAT",
    help="Distort images at random: default, none, or any of shift=2 and cutout=8 (pixels), rotate=10 and "
    "shear=8 (degrees), scale=0.1 (a share), elastic=1 (pixels) and flip, with commas between them. [default: none]",
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Processor threads to use. [default: all]"
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes a CUDA GPU where one can be used.",
)
json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the result as one JSON object, the last line on stdout; all else goes to stderr.",
)

split_option = click.option("--split", type=click.Choice(["train", "test"]), default="test", show_default=True)


def compute_options(function: Decorated) -> Decorated:
    """--threads, --device and --debug: what every command that computes takes."""
    return threads_option(device_option(debug_option(function)))


def picture_options(function: Decorated) -> Decorated:
    """--out and --overwrite: what every command that draws a picture takes."""
    out = click.option(
        "--out",
        type=click.Path(),
        metavar="FILE.png",
        help="Where to save the picture. [default: named after the model, here]",
    )
    overwrite = click.option("--overwrite", is_flag=True, help="Replace a picture that is there already.")
    return out(overwrite(function))
