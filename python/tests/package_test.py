"""The package as users have it: installed by pip, with its examples and its README."""

import ast
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest

import quoit
from conftest import BUILD, LIMIT_S, ROOT, not_sanitized

EXAMPLES = ROOT / "examples/python"
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT / "python"),
    "QUOIT_LIBRARY": str(BUILD),
    "PATH": os.environ["PATH"],
    "PYTHONDONTWRITEBYTECODE": "1",
} | {name: os.environ[name] for name in ("LD_PRELOAD", "ASAN_OPTIONS") if name in os.environ}


def run(program, *arguments, stdin="", code=0, **environment):
    done = subprocess.run(
        [sys.executable, program, *arguments], input=stdin, capture_output=True, text=True,
        timeout=LIMIT_S, env=ENVIRONMENT | environment,
    )
    assert done.returncode == code, done.stderr
    return done.stdout.splitlines()


# --- Installed ---


@not_sanitized
def test_pip_installs_it_without_network_and_without_a_compiler(tmp_path):
    for module in ("pip", "setuptools", "wheel"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    copy = tmp_path / "source"
    # setuptools writes into the folder that it builds.
    subprocess.run(["cp", "-r", ROOT / "python", copy], check=True)
    target = tmp_path / "installed"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-index", "--no-deps",
         "--disable-pip-version-check", "--no-cache-dir", "--target", target, copy],
        capture_output=True, text=True, timeout=120,
        env={"PATH": "/nowhere", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = {path.name for path in (target / "quoit").iterdir()}
    assert {path.name for path in (ROOT / "python/quoit").glob("*.py")} <= files
    assert "py.typed" in files
    (info,) = target.glob("quoit-*.dist-info")
    assert info.name == f"quoit-{quoit.__version__}.dist-info"
    code = "import quoit; print(quoit.__file__)"
    found = run("-c", code, PYTHONPATH=str(target))
    assert found == [str(target / "quoit/__init__.py")]


def test_all_that_is_public_has_types_and_a_manual():
    for name in quoit.__all__:
        thing = getattr(quoit, name)
        if isinstance(thing, type) or callable(thing):
            assert thing.__doc__, name
    for path in (ROOT / "python/quoit").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.returns is not None, f"{path.name}: {node.name}"
                every = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
                bare = {a.arg for a in every if a.annotation is None} - {"self", "cls"}
                assert not bare, f"{path.name}: {node.name}: {bare}"
                if not node.name.startswith("_") and path.name in ("_client.py", "_llm.py"):
                    public = isinstance(node, ast.AsyncFunctionDef) or "llm" in node.name
                    assert ast.get_docstring(node) or not public, node.name


def test_the_house_rules_hold_here_too():
    """100 columns, 70 lines a function, 6 parameters by position, no file above 600 lines."""
    for path in [*(ROOT / "python").rglob("*.py"), *EXAMPLES.glob("*.py")]:
        text = path.read_text()
        assert text.isascii() and "\t" not in text, path
        assert all(len(line) <= 100 for line in text.splitlines()), path
        assert text.count("\n") <= 600, path
        tree = ast.parse(text)
        assert ast.get_docstring(tree), f"{path} does not say what it is"
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                code = node.end_lineno - node.body[0].end_lineno
                assert code <= 70 and len(node.args.args) <= 6, f"{path}: {node.name}"


# --- Examples ---


def test_one(mock):
    assert run(EXAMPLES / "one.py", mock.origin + "/a")[0].startswith("200 ")
    run(EXAMPLES / "one.py", "nowhere", code=1)


def test_gather(mock):
    lines = run(EXAMPLES / "gather.py", mock.origin + "/a", mock.origin + "/missing", "nowhere")
    assert re.search(r"/a: status 200, \d+ bytes$", lines[0])
    assert "/missing: status 404, " in lines[1]
    assert lines[2].startswith("nowhere: not an absolute")


def test_as_completed(mock):
    lines = run(EXAMPLES / "as_completed.py", *[f"{mock.origin}/{i}" for i in range(30)])
    assert [line.split(":")[0] for line in lines] == [f"{i} of 30" for i in range(1, 31)]


def test_stream(mock):
    assert run(EXAMPLES / "stream.py", mock.base, "m", "q")[0].startswith("Answer to ")


def test_cancel(mock_of):
    mock, slow = mock_of(), mock_of("--latency", "60s")
    lines = run(EXAMPLES / "cancel.py", "0.5", mock.origin + "/a", slow.origin + "/a")
    assert [line.split(": ")[1] for line in lines] == ["ended", "given up"]
    slow.wait_for_no_connection()


def test_llm_batch(mock):
    lines = run(EXAMPLES / "llm_batch.py", "m", stdin="a\nb\n", OPENAI_BASE_URL=mock.base)
    assert [line.split(" to ")[0] for line in lines] == ["1: Answer", "2: Answer"]


# --- README ---


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.M | re.S)


def test_the_program_in_the_readme_is_an_example_and_runs(mock, tmp_path):
    (program,) = [text for text in blocks(ROOT / "README.md", "python") if "import quoit" in text]
    example = (EXAMPLES / "service.py").read_text()
    assert program == example
    path = pathlib.Path(tmp_path / "service.py")
    path.write_text(program)
    lines = run(path, "m", OPENAI_BASE_URL=mock.base)
    assert len([line for line in lines if line.startswith("Answer to ")]) == 9


def test_what_the_packages_readme_shows_is_python():
    for text in blocks(ROOT / "python/README.md", "python"):
        body = "".join(f"    {line}\n" for line in text.splitlines())
        ast.parse("async def shown():\n" + body)
