"""What stands in quoit/_header.py is what a C compiler reads in the headers."""

import ctypes
import os
import re
import shlex
import subprocess

import pytest

from conftest import ROOT, BUILD
from quoit import _header, _version

CC = shlex.split(os.environ.get("QUOIT_CC", "cc"))[:1]


def structures():
    return {
        name: value
        for name, value in vars(_header).items()
        if isinstance(value, type) and issubclass(value, ctypes.Structure)
        and value is not ctypes.Structure
    }


def facts_of(name, structure):
    """What C is asked: (expression, what Python says)."""
    c_name = "struct " + name.removesuffix("_in")
    yield f"sizeof({c_name})", ctypes.sizeof(structure)
    for field, kind in structure._fields_:
        yield f"offsetof({c_name}, {field})", getattr(structure, field).offset
        yield f"sizeof((({c_name} *)0)->{field})", ctypes.sizeof(kind)


def constants():
    return {
        name: value for name, value in vars(_header).items() if re.match(r"QUOIT_[A-Z_]+$", name)
    }


def ask_compiler(expressions, folder):
    source = folder / "facts.c"
    lines = "".join(f'    printf("%llu\\n", (unsigned long long)({e}));\n' for e in expressions)
    source.write_text(
        "#include <quoit_llm.h>\n#include <stdio.h>\n"
        f"int main(void)\n{{\n{lines}    return 0;\n}}\n"
    )
    program = folder / "facts"
    subprocess.run([*CC, "-I", ROOT / "include", source, "-o", program], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return [int(line) for line in output.splitlines()]


def test_every_structure_and_constant_is_that_of_the_header(tmp_path):
    wanted = dict(constants())
    for name, structure in structures().items():
        wanted.update(facts_of(name, structure))
    assert len(wanted) > 250
    found = dict(zip(wanted, ask_compiler(list(wanted), tmp_path), strict=True))
    assert {key: value for key, value in found.items() if value != wanted[key]} == {}


def test_no_field_of_a_structure_is_left_out(tmp_path):
    """Sizes alone would not tell of a field that fills a hole."""
    text = "".join((ROOT / "include" / name).read_text() for name in ("quoit.h", "quoit_llm.h"))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for name, structure in structures().items():
        body = re.search(r"struct %s \{(.*?)\n\};" % name.removesuffix("_in"), text, re.S).group(1)
        names = re.findall(r"(\w+)(?:\[\d+\])?\s*[,;]", body)
        assert names == [field for field, _ in structure._fields_], name


@pytest.mark.parametrize("table", ["PROTOTYPES", "LLM_PROTOTYPES"])
def test_every_prototype_has_as_many_parameters_as_in_the_header(table):
    text = "".join((ROOT / "include" / name).read_text() for name in ("quoit.h", "quoit_llm.h"))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for name, (_, arguments) in getattr(_header, table).items():
        parameters = re.search(r"\b%s\(([^)]*)\)" % name, text)
        listed = [p for p in parameters.group(1).split(",") if p.strip() != "void"]
        assert len(listed) == len(arguments), name


def test_the_version_is_that_of_the_header():
    text = (ROOT / "include/quoit.h").read_text()
    numbers = [re.search(r"QUOIT_VERSION_%s (\d+)" % part, text).group(1)
               for part in ("MAJOR", "MINOR", "PATCH")]
    assert ".".join(numbers) == _version.VERSION


def test_the_library_is_that_of_this_build():
    from quoit._library import lib

    assert lib._name.startswith(str(BUILD.resolve()))
