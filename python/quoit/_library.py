"""Finds libquoit.so and libquoit_llm.so, and gives their functions prototypes.

Looked at, in this order, and the first place that has the library is taken:

    $QUOIT_LIBRARY   the path of libquoit.so, or of the folder that has it
    the system       what the dynamic linker finds as libquoit.so.0
    build/           of the checkout in which this package stands

libquoit_llm.so is taken from the same place. Whatever is wrong is one ImportError, raised by
`import quoit`, that says what to do.
"""

import ctypes
import os
import pathlib
from collections.abc import Iterator

from quoit import _header
from quoit._version import VERSION

SONAME = "libquoit.so.0"
LLM_SONAME = "libquoit_llm.so.0"
CHECKOUT = pathlib.Path(__file__).resolve().parent.parent.parent


def _places() -> Iterator[tuple[str, str]]:
    """Pairs of paths, for dlopen: libquoit and libquoit_llm."""
    told = os.environ.get("QUOIT_LIBRARY")
    if told:
        path = pathlib.Path(told).resolve()
        folder, name = (path, SONAME) if path.is_dir() else (path.parent, path.name)
        yield str(folder / name), str(folder / LLM_SONAME)
        return
    yield SONAME, LLM_SONAME
    build = CHECKOUT / "build"
    if (build / SONAME).exists():
        yield str(build / SONAME), str(build / LLM_SONAME)


def _declare(library: ctypes.CDLL, prototypes: _header.Prototypes) -> None:
    for name, (result, arguments) in prototypes.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments


def _check_version(library: ctypes.CDLL, path: str) -> None:
    library.quoit_version.restype = ctypes.c_char_p
    found = library.quoit_version().decode()
    # Below 1.0 each minor version may differ.
    if found.split(".")[:2] != VERSION.split(".")[:2]:
        raise ImportError(
            f"quoit: this package is for libquoit {VERSION}, and {path} is {found}: install both"
            " from the same source, or let QUOIT_LIBRARY name another libquoit.so"
        )


def _load() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    reasons = []
    for path, llm_path in _places():
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            reasons.append(str(error))
            continue
        try:
            _check_version(library, path)
            llm_library = ctypes.CDLL(llm_path)
            _declare(library, _header.PROTOTYPES)
            _declare(llm_library, _header.LLM_PROTOTYPES)
        except (OSError, AttributeError) as error:
            raise ImportError(
                f"quoit: {path} is not whole: {error}: build or install quoit again"
            ) from error
        return library, llm_library
    raise ImportError(
        "quoit: libquoit.so is not found: install quoit (`make install`, then `ldconfig`), run"
        " `make` in the checkout, or let QUOIT_LIBRARY name it (" + "; ".join(reasons) + ")"
    )


lib, llm_lib = _load()
