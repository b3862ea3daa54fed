"""Where the library is looked for, and what is said when it is not there."""

import os
import shutil
import subprocess
import sys

import pytest

from conftest import BUILD, ROOT


def import_quoit(code="print(quoit._library.lib._name)", package=ROOT / "python", **environment):
    """Run in a fresh interpreter; stdout, or the last line of stderr."""
    keep = {name: value for name, value in os.environ.items()
            if name not in ("QUOIT_LIBRARY", "LD_LIBRARY_PATH", "PYTHONPATH")}
    done = subprocess.run(
        [sys.executable, "-c", "import quoit, quoit._library\n" + code],
        env=keep | {"PYTHONPATH": str(package)} | environment,
        capture_output=True, text=True, timeout=60, cwd="/",
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


@pytest.fixture
def copy(tmp_path):
    """The package alone, with no build/ near it."""
    shutil.copytree(ROOT / "python/quoit", tmp_path / "away/python/quoit")
    return tmp_path / "away/python"


def build_fake(folder, version):
    """A libquoit.so that says it is another version."""
    source = folder / "fake.c"
    source.write_text('const char *quoit_version(void) { return "%s"; }\n' % version)
    library = folder / "libquoit.so.0"
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=True)
    return library


def test_quoit_library_may_name_a_folder_or_a_file(copy):
    wanted = str((BUILD / "libquoit.so.0").resolve())
    for told in (BUILD, BUILD / "libquoit.so", BUILD / "libquoit.so.0"):
        assert import_quoit(package=copy, QUOIT_LIBRARY=str(told)) == wanted


def test_what_is_installed_comes_next(copy):
    found = import_quoit(package=copy, LD_LIBRARY_PATH=str(BUILD))
    assert found == "libquoit.so.0"


@pytest.mark.skipif(BUILD.resolve() != ROOT / "build", reason="this build is not in build/")
def test_the_build_of_a_checkout_comes_last(copy):
    if import_quoit(package=copy) == "libquoit.so.0":
        pytest.skip("quoit is installed here")
    assert import_quoit() == str(ROOT / "build/libquoit.so.0")


def test_a_library_that_is_not_there_is_one_error_with_its_remedy(copy, tmp_path):
    said = import_quoit(package=copy, QUOIT_LIBRARY=str(tmp_path))
    assert said.startswith("ImportError: quoit: libquoit.so is not found: ")
    assert "make install" in said and "QUOIT_LIBRARY" in said and str(tmp_path) in said


def test_a_library_of_another_version_is_one_error_with_both_numbers(copy, tmp_path):
    library = build_fake(tmp_path, "9.8.7")
    said = import_quoit(package=copy, QUOIT_LIBRARY=str(library))
    assert said.startswith("ImportError: quoit: this package is for libquoit 0.")
    assert "9.8.7" in said and str(library) in said


def test_what_is_no_libquoit_is_one_error(copy, tmp_path):
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "/dev/null", "-o", tmp_path / "x.so"],
                   check=True)
    said = import_quoit(package=copy, QUOIT_LIBRARY=str(tmp_path / "x.so"))
    assert said.startswith("ImportError: quoit: ") and "is not whole" in said


def test_a_library_that_lacks_a_function_is_one_error(copy, tmp_path):
    from quoit import __version__

    build_fake(tmp_path, __version__)
    said = import_quoit(package=copy, QUOIT_LIBRARY=str(tmp_path))
    assert said.startswith("ImportError: quoit: ") and "is not whole" in said
