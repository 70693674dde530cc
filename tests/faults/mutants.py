"""Mutation testing: small faults are put into the code, and the tests have to notice each of them.

`nox -s mutants` takes a seeded sample of the mutants that cosmic-ray makes of the modules below. Each is judged by the
tests named beside its module, as far as they run its line; who survives is listed with its place. Two commands, since
only the first needs cosmic-ray, and only the second the libraries of the program:

    python -m tests.faults.mutants draw FILE.json --count 400 --seed 1
    python -m tests.faults.mutants judge FILE.json --report REPORT.json --workers 2
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib
import json
import multiprocessing
import os
import pkgutil
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CORE = "tests/training_core"


def _of_project(*names: str) -> tuple[str, ...]:
    return tuple(f"{CORE}/project/test_{name}.py" for name in names)


_PROJECT_TESTS = _of_project(
    "in_the_way", "journal", "merging", "label_history", "damage", "project", "repair", "migration"
)
JUDGES: dict[str, tuple[str, ...]] = {
    "training_core/project/store.py": _PROJECT_TESTS,
    "training_core/project/journal.py": _PROJECT_TESTS,
    "training_core/project/labels.py": _PROJECT_TESTS,
    "training_core/project/merging.py": _of_project("merging"),
    "training_core/project/label_versions.py": _of_project("label_history", "cloud_copies"),
    "training_core/project/accepted.py": (
        f"{CORE}/class_maps/test_acceptance.py",
        *_of_project("project", "rejections"),
    ),
    "training_core/class_maps/acceptance.py": (f"{CORE}/class_maps/test_acceptance.py",),
    "training_core/class_maps/pixel_scores.py": (f"{CORE}/class_maps/test_pixel_scores.py",),
    "training_core/class_maps/object_scores.py": (f"{CORE}/class_maps/test_object_scores.py",),
    "training_core/method/pseudo_label.py": (f"{CORE}/method/test_pseudo_label.py", f"{CORE}/method/test_step.py"),
    "training_core/network/alignment.py": (f"{CORE}/network/test_alignment.py",),
}
"""Each module with the tests that judge it, the quickest first."""
_SETTINGS = """[pytest]
pythonpath = .
addopts = --import-mode=importlib --strict-markers
filterwarnings = error
markers =
    binding: x
    nightly: x
    shared: x
    slow: x
"""
_PATIENCE, _LEAST_S = 3, 30
"""How many times as long as with the sound module the tests may take, and how much longer: processor time."""
_WAITING = 10
"""A busy machine, or a test that waits, may take so many times as long as that."""


def draw(count: int, seed: int) -> list[dict[str, Any]]:
    """So many mutants, each at another place or of another kind; every place is as likely as any other."""
    places: dict[tuple[str, int, int, str], list[tuple[str, int]]] = defaultdict(list)
    for file in JUDGES:
        for place, name, occurrence in _mutations(ROOT / file):
            places[file, *place, name.rstrip("_").split("_")[0]].append((name, occurrence))
    chance = random.Random(seed)
    drawn: list[dict[str, Any]] = []
    for key in chance.sample(sorted(places), len(places)):
        name, occurrence = chance.choice(places[key])
        source = (ROOT / key[0]).read_text(encoding="utf-8")
        mutated = _mutated(source, name, occurrence)
        if _meaning(mutated) == _meaning(source):  # a change of a type or of words
            continue
        drawn.append({"file": key[0], "line": key[1], "operator": name, "source": mutated})
        if len(drawn) == count:
            break
    return drawn


def _mutations(path: Path) -> list[tuple[tuple[int, int], str, int]]:
    """The place, the operator and its occurrence of each mutant of a file."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.plugins import get_operator, operator_names

    found = []
    tree = get_ast_from_path(path)
    for name in sorted(operator_names()):
        if name.startswith("core/Variable"):  # they need to be told the names of variables
            continue
        operator = get_operator(name)()
        places = [place for node in ast_nodes(tree) for place in operator.mutation_positions(node)]
        found += [(place[0], name, occurrence) for occurrence, place in enumerate(places)]
    return found


def _mutated(source: str, name: str, occurrence: int) -> str:
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    mutated = mutate_code(source.encode(), get_operator(name)(), occurrence)
    assert mutated is not None
    return mutated.decode() if isinstance(mutated, bytes) else mutated


class _WithoutTypes(ast.NodeTransformer):
    """Takes out what no test can see: types, which are never evaluated, and docstrings."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def _meaning(source: str) -> str:
    try:
        return ast.dump(_WithoutTypes().visit(ast.parse(source)))
    except SyntaxError:  # the tests will see it
        return source


@dataclass(frozen=True)
class Seen:
    """A test, and the lines that it runs, as FILE:NUMBER."""

    name: str
    took_s: float
    lines: list[str]


class Jury:
    """Runs tests on a copy of the code, in processes that have the large libraries loaded already."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        ignored = shutil.ignore_patterns(".*")  # what is compiled already need not be compiled for each mutant
        for name in ("training_core", "tests", "docs", "napari_unisemalign"):
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
        for name in ("pyproject.toml", "noxfile.py", "CHANGELOG.md", "README.md"):
            shutil.copy(ROOT / name, tree / name)
        (tree / "pytest.ini").write_text(_SETTINGS)
        os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(tree)}

    def watch(self, tests: tuple[str, ...], kept: Path) -> None:
        """Write down what each of the tests runs of the modules; all of them have to pass."""
        seen = self.tree / "seen.json"
        if self._run(tests, 3600, seen) != 0:
            raise SystemExit(f"{tests} fail without any mutant:\n{(self.tree / 'out.txt').read_text()[-3000:]}")
        os.replace(seen, kept)

    def verdict(self, mutant: dict[str, Any], tests: Sequence[str], limit_s: float) -> tuple[str, float]:
        """ "survived", "killed" or "timed out", and how long it took."""
        path = self.tree / mutant["file"]
        sound, status = path.read_bytes(), path.stat()
        path.write_text(mutant["source"], encoding="utf-8")
        os.utime(path, (status.st_atime + 1, status.st_mtime + 1))
        started = time.monotonic()
        try:
            code = self._run(tests, limit_s)
        finally:
            path.write_bytes(sound)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            shutil.rmtree(self.tree / "tmp", ignore_errors=True)
        words = "timed out" if code is None else "killed" if code else "survived"
        return words, time.monotonic() - started

    def _run(self, tests: Sequence[str], limit_s: float, seen: Path | None = None) -> int | None:
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), int(limit_s) + 5))
            os._exit(self._tested(tests, seen))
        ends = time.monotonic() + limit_s * _WAITING
        while time.monotonic() < ends:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                if os.WIFSIGNALED(status):
                    return None if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) else 1
                return os.WEXITSTATUS(status)
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None

    def _tested(self, tests: Sequence[str], seen: Path | None) -> int:
        """In the child; of the code as it is where it is to be seen what the tests run."""
        os.setsid()
        os.chdir(self.tree)
        sys.path[:] = [str(self.tree), *(each for each in sys.path if each not in ("", str(ROOT)))]
        if seen is None:  # of a mutant nothing is kept that the next would take for its own
            sys.dont_write_bytecode = True
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        for name in [each for each in sys.modules if each.split(".")[0] in ("training_core", "tests")]:
            del sys.modules[name]
        out = os.open(self.tree / "out.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        arguments = ("-x", "-q", "-p", "no:cacheprovider", f"--basetemp={self.tree / 'tmp'}", "-m", "not nightly")
        # writers on a busy machine wait for each other longer than they may; a training takes longer than all the rest
        arguments += ("-k", "not four_writers and not it_trains_and_exports")
        watch = [] if seen is None else [Watch(self.tree, seen)]
        try:
            return int(pytest.main([*arguments, *tests], plugins=watch))
        except BaseException:  # a fault that ends pytest itself is noticed, too
            return 3


class Watch:
    """A plugin of pytest: which lines of the modules each test runs, and how long it takes."""

    def __init__(self, tree: Path, into: Path) -> None:
        self._files = {str(tree / file): file for file in JUDGES}
        self._into, self._tests = into, list[tuple[str, float, list[str]]]()
        self._lines: set[str] = set()

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        file = self._files.get(frame.f_code.co_filename)
        if file is None:
            return None
        self._lines.add(f"{file}:{frame.f_lineno}")
        return self._trace

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        """Watch the test and its fixtures."""
        self._lines, started = set(), time.process_time()
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            self._tests.append((item.nodeid, time.process_time() - started, sorted(self._lines)))

    def pytest_sessionfinish(self) -> None:
        """Write it all down."""
        self._into.write_text(json.dumps(self._tests))


_jury: Jury
"""In each process that judges: its own, with its own copy of the code."""


def judge(mutants: list[dict[str, Any]], report: Path, workers: int) -> None:
    """Judge each; what was judged in an earlier, cut-off call is not judged again."""
    done = {each["number"]: each for each in json.loads(report.read_text())} if report.exists() else {}
    left = {number: mutant for number, mutant in enumerate(mutants) if number not in done}
    with tempfile.TemporaryDirectory() as folder:
        tests = _judges({mutant["file"] for mutant in left.values()}, Path(folder), report.with_suffix(".seen"))
        forked = multiprocessing.get_context("fork")  # the large libraries are loaded here, once
        with ProcessPoolExecutor(workers, forked, _take_seat, (Path(folder),)) as pool:
            begun = {
                pool.submit(_judged, mutant, tests[JUDGES[mutant["file"]]]): number for number, mutant in left.items()
            }
            for future in as_completed(begun):
                number, (words, took_s) = begun[future], future.result()
                mutant = mutants[number]
                kept = {key: mutant[key] for key in ("file", "line", "operator")}
                done[number] = {"number": number, **kept, "verdict": words, "s": round(took_s, 1)}
                report.write_text(json.dumps([done[each] for each in sorted(done)], indent=1))
                if words == "survived":
                    print(f"{mutant['file']}:{mutant['line']} {mutant['operator']}\n{_change(mutant)}", flush=True)
    counts = Counter(each["verdict"] for each in done.values())
    print(f"{len(done)} mutants: " + ", ".join(f"{count} {words}" for words, count in counts.most_common()))


def _judges(files: set[str], folder: Path, cache: Path) -> dict[tuple[str, ...], list[Seen]]:
    """The tests of these modules with the lines that they run; found out once for each state of code and tests."""
    for module in pkgutil.walk_packages([str(ROOT / "training_core")], "training_core."):
        if not module.name.endswith("__main__"):  # for the libraries that they need
            importlib.import_module(module.name)
    (folder / "sound").mkdir()
    jury, found = Jury(folder / "sound"), {}
    cache.mkdir(parents=True, exist_ok=True)
    code = b"".join(path.read_bytes() for path in sorted((ROOT / "training_core").rglob("*.py")))
    for tests in sorted({JUDGES[file] for file in files}):
        digest = hashlib.sha256(code + b"".join((ROOT / test).read_bytes() for test in tests)).hexdigest()
        kept = cache / f"{digest[:16]}.json"
        if not kept.exists():
            jury.watch(tests, kept)
        seen = [Seen(*each) for each in json.loads(kept.read_text())]
        found[tests] = sorted(seen, key=lambda test: test.took_s)
        print(f"{len(seen)} tests take {sum(test.took_s for test in seen):.0f} s: {' '.join(tests)}", flush=True)
    return found


def _take_seat(folder: Path) -> None:
    global _jury
    _jury = Jury(Path(tempfile.mkdtemp(dir=folder)))


def _judged(mutant: dict[str, Any], seen: list[Seen]) -> tuple[str, float]:
    line = f"{mutant['file']}:{mutant['line']}"
    tests = [test for test in seen if line in test.lines] or seen  # a constant is run on importing the module
    limit_s = _PATIENCE * sum(test.took_s for test in tests) + _LEAST_S
    return _jury.verdict(mutant, [test.name for test in tests], limit_s)


def _change(mutant: dict[str, Any]) -> str:
    before = (ROOT / mutant["file"]).read_text(encoding="utf-8").splitlines()
    after = mutant["source"].splitlines()
    return "\n".join(f"  - {a}\n  + {b}" for a, b in zip(before, after, strict=False) if a != b)[:600]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("act", choices=("draw", "judge"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    if args.act == "draw":
        drawn = draw(args.count, args.seed)
        args.file.write_text(json.dumps(drawn))
        print(f"{len(drawn)} mutants of {len(JUDGES)} modules")
    else:
        judge(json.loads(args.file.read_text()), args.report or args.file.with_suffix(".report.json"), args.workers)


if __name__ == "__main__":
    main()
