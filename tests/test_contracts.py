"""Promises of the architecture that hold for the whole of the code."""

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("kdoct_desktop", "training", "installer", "tests")

MAY_PRINT = ("kdoct_desktop/cli/", "training/", "installer/", "tests/benchmarks/")
MAY_START_THREADS = {
    "kdoct_desktop/ui/jobs.py",
    "kdoct_desktop/inference/predict.py",
    "kdoct_desktop/inference/worker_process.py",  # listens to the child
}
MAY_START_PROCESSES = {
    "kdoct_desktop/io/contained.py",
    "kdoct_desktop/inference/worker_process.py",
}
MAY_CATCH_EVERYTHING = {
    "kdoct_desktop/ui/jobs.py",
    "kdoct_desktop/io/child.py",
    "kdoct_desktop/io/dicom_pixels.py",  # codecs raise anything on damaged data
}
THREADS = {
    *("Thread", "Timer", "start_new_thread", "ThreadPoolExecutor", "ProcessPoolExecutor"),
    *("QThread", "QThreadPool", "QRunnable"),
}
PROCESSES = {"subprocess", "multiprocessing", "pty"}
NETWORK = {"socket", "http", "urllib", "ftplib", "smtplib", "requests", "httpx", "ssl"}
UNSAFE_FORMATS = {"pickle", "cPickle", "_pickle", "dill", "joblib", "shelve", "marshal"}


def sources(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """Path from the root and syntax tree of every module."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """First part of the name of every module that is imported anywhere in the file."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Dotted name of what is called, with the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def modules_that_import(names: set[str], *packages: str) -> set[str]:
    return {path for path, tree in sources(*packages) if imported(tree) & names}


def test_no_import_contract_is_broken() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def test_the_window_starts_without_torch_pydicom_onnxruntime_or_matplotlib() -> None:
    heavy = "torch timm onnxruntime pydicom matplotlib torchvision onnx"
    code = (
        "import sys, kdoct_desktop.ui.main\n"
        f"print(*[name for name in '{heavy}'.split() if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == ""


def test_the_command_line_answers_help_without_loading_anything_heavy() -> None:
    code = (
        "import sys, kdoct_desktop.__main__\n"
        "print(*[name for name in ('numpy', 'PySide6', 'cv2') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


def test_threads_start_in_the_job_runner_and_around_the_model_only() -> None:
    found = set()
    for path, tree in sources("kdoct_desktop"):
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {name.rpartition(".")[2] for name, _ in calls(tree)}
        if names & THREADS or "asyncio" in imported(tree):
            found.add(path)
    assert found - MAY_START_THREADS == set()


def test_child_processes_start_in_the_named_modules_only() -> None:
    found = modules_that_import(PROCESSES, "kdoct_desktop")
    for path, tree in sources("kdoct_desktop"):
        names = {name for name, _ in calls(tree)}
        names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if names & {"QProcess", "os.system", "os.popen", "os.fork", "os.execv", "os.spawnv"}:
            found.add(path)
    assert found - MAY_START_PROCESSES == set()


def test_nothing_of_the_desktop_knows_the_network() -> None:
    assert modules_that_import(NETWORK, "kdoct_desktop") == set()
    for path, tree in sources("kdoct_desktop"):
        assert not {"QtNetwork", "QtWebEngineWidgets"} & {
            alias.name.rpartition(".")[2]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }, path


def test_no_format_that_runs_code_when_it_is_read() -> None:
    assert modules_that_import(UNSAFE_FORMATS, "kdoct_desktop", "training") == set()
    for path, tree in sources("kdoct_desktop", "training"):
        for name, call in calls(tree):
            options = {word.arg: ast.unparse(word.value) for word in call.keywords}
            if name in ("torch.load", "load_state_dict_from_url"):
                assert options.get("weights_only") == "True", path
            assert name not in ("eval", "exec", "yaml.load", "yaml.unsafe_load"), path
            assert options.get("allow_pickle", "False") == "False", path


def test_only_the_command_line_prints() -> None:
    printing = {
        path
        for path, tree in sources(*PACKAGES)
        for name, _ in calls(tree)
        if name in ("print", "pprint")
    }
    assert not [path for path in printing if not path.startswith(MAY_PRINT)]


def test_everything_is_caught_at_the_two_doors_only() -> None:
    catching = {
        path
        for path, tree in sources("kdoct_desktop")
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
    }
    assert catching - MAY_CATCH_EVERYTHING == set()


def test_files_and_functions_stay_short() -> None:
    long_files = [
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) > 300
    ]
    long_functions = [
        f"{path}:{node.name}"
        for path, tree in sources(*PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 40
    ]
    assert long_files == []
    assert long_functions == []


def test_the_wheel_names_every_package_and_holds_the_resources(tmp_path: Path) -> None:
    on_disk = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for package in ("kdoct_desktop", "training")
        for path in (ROOT / package).rglob("__init__.py")
    }
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = set(settings["tool"]["setuptools"]["packages"])
    assert named == on_disk | {"kdoct_desktop.resources"}
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    source = copy_without_build_rests(tmp_path / "source")
    subprocess.run(
        [*command, "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "kdoct_desktop/resources/urgency.json" in names
    assert "kdoct_desktop/ui/__init__.py" in names
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    assert [name for name in names if name.endswith("entry_points.txt")]


def copy_without_build_rests(target: Path) -> Path:
    """A copy of what a wheel is made of, so that nothing is written into the checkout."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "resources/urgency.json"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes((ROOT / name).read_bytes())
    for package in ("kdoct_desktop", "training"):
        for path in (ROOT / package).rglob("*.py"):
            copy = target / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return target
