"""Every chore of the project as one command: `nox -l` lists them, `nox` alone runs all checks.

The sessions share one environment, `.venv`, made once: torch alone takes about 5 GB, and an environment per session
would cost a second copy for nothing. What "Run it" leaves there is also the environment to go on working in. Only
`build` makes its own, because it has to show that the wheel works where nothing else is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
RUN_OUTPUT = ROOT / "run-output"
WINDOW_TESTS = "tests/napari_unisemalign"
RECORD_TESTS = "tests/faults/test_damaged_records.py"
LOCK = ROOT / "requirements.lock"
# The newest that all tests have run on.
LOCKED_AT_MOST = ("torch<=2.14.1", "torchvision<=0.29.1")
LOCKED_EXTRAS = ("pyqt5", "pyqt6", "pyside6", "dev", "docs")
OTHER_BINDINGS = ("pyqt6", "pyside6")  # beside PyQt5, the default; PySide6 is the one in napari's own bundle

# What a bare Debian 12 lacks for Qt 5, Qt 6 and OpenGL: a virtual display, Mesa, Qt's xcb libraries, a font.
# Checked there with ldd: what Qt's wheels still miss beside these belongs to sound, Wayland and GTK.
SYSTEM_PACKAGES = (
    "fonts-dejavu-core",
    "libdbus-1-3",
    "libegl1",
    "libfontconfig1",
    "libgl1",
    "libgl1-mesa-dri",
    "libglib2.0-0",
    "libopengl0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-render-util0",
    "libxcb-shape0",
    "libxcb-xinerama0",
    "libxkbcommon-x11-0",
    "xauth",
    "xvfb",
)

# Files that only GitHub and other services read, by the name of their schema. check-jsonschema carries the schemas, so
# this needs no network. The files cannot be run here: that they are well formed is all that it shows.
SCHEMAS = {
    "vendor.github-workflows": ".github/workflows/*.yml",
    "custom.github-workflows-require-timeout": ".github/workflows/*.yml",
    "vendor.dependabot": ".github/dependabot.yml",
    "vendor.github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",  # all but config.yml
    "vendor.github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "vendor.citation-file-format": "CITATION.cff",
}

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "tests", "docs", "build"]


@nox.session(venv_backend="none")
def run(session: nox.Session) -> None:
    """Open napari on the sample project; without a display, drive the window through one whole round of work."""
    install_system_packages(session)
    install(session, "pyqt5")
    env = qt_environment("pyqt5")
    if has_display():
        session.run(str(PYTHON), "-m", "napari_unisemalign", "sample", *session.posargs, env=env)
    else:
        arguments = session.posargs or [str(RUN_OUTPUT)]
        session.run(*virtual_display(), str(PYTHON), "-m", "napari_unisemalign", "drive", *arguments, env=env)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """All but the nightly tests on PyQt5; of the window's, the quick ones marked `binding` on PyQt6 and PySide6, too.

    Arguments go to pytest: nox -s tests -- -k export.
    """
    install_system_packages(session)
    install(session, "pyqt5", "slides", "test")
    # Two runs, as the trainer and the window are two processes: Triton crashes when it is loaded after Mesa's OpenGL.
    # What a file's tests share, such as a trained run, is made once; in the order of tests/conftest.py.
    whole_files = ("--dist", "loadfile", "--no-loadscope-reorder")
    run_pytest(session, "pyqt5", "tests", f"--ignore={WINDOW_TESTS}", "-m", "not nightly", *whole_files)
    run_pytest(session, "pyqt5", WINDOW_TESTS, "-m", "not nightly", "--dist", "worksteal")
    for binding in OTHER_BINDINGS:
        install(session, binding)
        run_pytest(session, binding, WINDOW_TESTS, "-m", "binding and not slow and not nightly", "--dist", "worksteal")


@nox.session(venv_backend="none")
def bindings(session: nox.Session) -> None:
    """All of the window's tests on PyQt6 and on PySide6, every night: each takes as long as on PyQt5."""
    install_system_packages(session)
    install(session, "slides", "test", *OTHER_BINDINGS)
    for binding in OTHER_BINDINGS:
        run_pytest(session, binding, WINDOW_TESTS, "--dist", "worksteal")


@nox.session(venv_backend="none")
def nightly(session: nox.Session) -> None:
    """The tests that take too long for every change, on PyQt5, every night."""
    install_system_packages(session)
    install(session, "pyqt5", "slides", "test")
    run_pytest(session, "pyqt5", "tests", f"--ignore={WINDOW_TESTS}", "-m", "nightly", "--dist", "loadfile")
    run_pytest(session, "pyqt5", WINDOW_TESTS, "-m", "nightly", "--dist", "worksteal")


@nox.session(venv_backend="venv")
def bioimageio(session: nox.Session) -> None:
    """The test of `bioimageio.core` itself on a package that `share --bioimageio` writes, every night."""
    # pydantic 2.12 and later break the serialisers of bioimageio.spec 0.5.12
    session.install("bioimageio.core", "onnxruntime", "pydantic<2.12", "pydantic-settings<2.12")
    install(session, "pyqt5", "test")
    test = ("tests/training_core/sharing/test_onnx.py", "-k", "bioimageio_core")
    session.run(str(PYTHON), "-m", "pytest", *test, env={"BIOIMAGEIO_PYTHON": str(Path(session.bin) / "python")})


@nox.session(venv_backend="venv")
def peers(session: nox.Session) -> None:
    """What other programs' own packages read of what goes out, every night: they bring too much for the shared one."""
    install_system_packages(session)
    session.install("-e", ".[pyqt5,test]", "napari-ome-zarr>=0.10", "qubalab>=0.2.1")
    geojson = ("test_geojson.py", "test_predicted_objects.py")
    tests = (*(f"tests/training_core/export/{name}" for name in geojson), "tests/napari_unisemalign/test_peers.py")
    for test in tests:
        session.run("python", "-m", "pytest", test, "-k", "qupaths_own or napari_ome", env=qt_environment("pyqt5"))


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """50,000 damaged picture files and 50,000 damaged records, every night; `nox -s tests` takes 2,000 and 500."""
    install(session, "pyqt5", "test")
    for test, count in (("tests/cases/test_damaged_files.py", "FUZZ_FILES"), (RECORD_TESTS, "FUZZ_RECORDS")):
        session.run(str(PYTHON), "-m", "pytest", test, "--timeout=7200", env={count: "50000"})


@nox.session(venv_backend="none")
def faults(session: nox.Session) -> None:
    """Every act on a project, refused or cut off at each of its changes of the disk, every night."""
    install(session, "pyqt5", "test")
    for module in ("tests.faults.refusals", "tests.faults.crash_points"):
        session.run(str(PYTHON), "-m", module, *session.posargs)


@nox.session(venv_backend="none")
def kills(session: nox.Session) -> None:
    """200 random kills of the trainer, 100 of the window, 10,000 strokes by four writers, every night."""
    install_system_packages(session)
    install(session, "pyqt5", "test")
    for module in ("tests.faults.trainer_kills", "tests.faults.writers"):
        session.run(str(PYTHON), "-m", module, *session.posargs)
    command = [*virtual_display(), str(PYTHON), "-m", "tests.faults.window_kills", *session.posargs]
    session.run(*command, env=qt_environment("pyqt5") | {"OMP_NUM_THREADS": "1"})


@nox.session(venv_backend="venv")
def mutants(session: nox.Session) -> None:
    """Put small faults into the core and see whether the tests notice: a seeded sample of 400; hours on two cores.

    Arguments go to the drawing: nox -s mutants -- --count 50 --seed 2. What was cut off goes on where it was.
    """
    install(session, "pyqt5", "test")
    session.install("cosmic-ray", "pytest")
    drawn = ROOT / "build" / "mutants.json"
    if session.posargs or not drawn.exists():
        drawn.parent.mkdir(exist_ok=True)
        drawn.with_suffix(".report.json").unlink(missing_ok=True)
        session.run("python", "-m", "tests.faults.mutants", "draw", str(drawn), *session.posargs)
    session.run(str(PYTHON), "-m", "tests.faults.mutants", "judge", str(drawn))


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Ruff's rules, ruff's format, the import contracts, types, and the files that only GitHub reads."""
    install(session, "dev")
    session.run(str(PYTHON), "-m", "ruff", "check", ".")
    session.run(str(PYTHON), "-m", "ruff", "format", "--check", ".")
    session.run(str(PYTHON.with_name("lint-imports")))
    session.run(str(PYTHON), "-m", "mypy")
    for schema, pattern in SCHEMAS.items():
        files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))
        if not files:
            session.error(f"{pattern} matches no file")
        # CITATION.cff is YAML, which its ending does not say
        command = ("--builtin-schema", schema, "--force-filetype", "yaml", *files)
        session.run(str(PYTHON), "-m", "check_jsonschema", *command)


@nox.session(venv_backend="venv")
def lock(session: nox.Session) -> None:
    """Write requirements.lock again: the newest version of everything that the checks need, with its hashes."""
    session.install("uv")
    tested = Path(session.create_tmp()) / "tested.txt"
    tested.write_text("\n".join(LOCKED_AT_MOST))
    extras = [argument for extra in LOCKED_EXTRAS for argument in ("--extra", extra)]
    command = ("pip", "compile", "pyproject.toml", *extras, "--generate-hashes", "--universal", "--no-config")
    command = (*command, "--constraint", str(tested), "--no-annotate")  # annotations would name that file's place
    where = ("--python-version", "3.11", "--default-index", "https://pypi.org/simple", "--output-file", LOCK.name)
    session.run("uv", *command, *where, "--upgrade", "--quiet", "--no-header", *session.posargs)


@nox.session(venv_backend="venv")
def audit(session: nox.Session) -> None:
    """Ask whether known vulnerabilities concern what requirements.lock names; warn where nobody can be asked."""
    session.install("pip-audit")
    report = Path(session.create_tmp()) / "audit.json"
    report.unlink(missing_ok=True)
    command = ("pip-audit", "-r", str(LOCK), "--disable-pip", "--progress-spinner", "off")
    session.run(*command, "-f", "json", "-o", str(report), success_codes=[0, 1])
    if not report.exists():
        session.warn("The index of vulnerabilities could not be reached: nothing was checked.")
        return
    found = [each for each in json.loads(report.read_text())["dependencies"] if each.get("vulns")]
    for each in found:
        names = ", ".join(vulnerability["id"] for vulnerability in each["vulns"])
        session.log(f"{each['name']} {each['version']}: {names}")
    if found:
        session.error("Raise the lower bounds in pyproject.toml where they allow these versions, then: nox -s lock")


@nox.session(venv_backend="venv")
def sbom(session: nox.Session) -> None:
    """Write build/sbom.json: what this program is made of, as a CycloneDX bill of materials."""
    session.install("cyclonedx-bom")
    target = ROOT / "build" / "sbom.json"
    target.parent.mkdir(exist_ok=True)
    command = ("cyclonedx-py", "requirements", str(LOCK), "--pyproject", str(ROOT / "pyproject.toml"))
    session.run(*command, "--output-reproducible", "-o", str(target))
    session.log(f"Written: {target}")


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the documentation site into build/docs and run its notebooks; a warning is an error."""
    install(session, "docs")
    # Nothing is kept from an earlier build: Sphinx warns only of pages that it reads again.
    target = ROOT / "build" / "docs"
    shutil.rmtree(target, ignore_errors=True)
    strict = ("-W", "--keep-going", "-n", "-q", "-E")
    session.run(str(PYTHON), "-m", "sphinx", *strict, "-d", str(ROOT / "build" / "doctrees"), "docs", str(target))
    session.log(f"Open {target / 'index.html'}")


@nox.session(venv_backend="venv")
def build(session: nox.Session) -> None:
    """Build sdist and wheel; install the wheel into a clean environment, where npe2 finds the plugin."""
    install_system_packages(session)
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.install("build")
    session.run("python", "-m", "build", "--outdir", str(dist), ".")  # the wheel is built from the sdist
    (wheel,) = dist.glob("*.whl")
    # The whole of it, torch included: an install without dependencies would not show that the metadata is complete.
    session.install(f"napari-unisemalign[pyqt5] @ {wheel.as_uri()}")
    env = {"QT_QPA_PLATFORM": "offscreen", "QT_API": "pyqt5"}
    with session.chdir(session.create_tmp()):  # out of the working tree, so that only the wheel can be imported
        session.run("npe2", "validate", "--imports", "napari-unisemalign", env=env)
        listing = session.run("npe2", "list", env=env, silent=True)
        if "napari-unisemalign" not in str(listing):
            session.error(f"npe2 list does not show the plugin:\n{listing}")
        session.run("python", "-m", "training_core", "--help", silent=True)
        session.run("python", "-m", "napari_unisemalign", "--help", env=env, silent=True)


def install(session: nox.Session, *extras: str) -> None:
    """The project, editable, with these extras, in the shared environment."""
    if not PYTHON.exists():
        session.run(sys.executable, "-m", "venv", str(VENV))
    session.log("Installing into .venv. The first time this fetches torch, about 5 GB on disk, and takes minutes.")
    if os.environ.get("UNISEMALIGN_LOCKED") == "1":  # the very files whose hashes are in the lock, and no other
        session.run(str(PYTHON), "-m", "pip", "install", "-q", "--require-hashes", "--no-deps", "-r", str(LOCK))
        own = ("--no-deps", "--no-build-isolation", "-e", ".")
        session.run(str(PYTHON), "-m", "pip", "install", "-q", *own)
        return
    session.run(str(PYTHON), "-m", "pip", "install", "-q", "-e", f".[{','.join(extras)}]")


def run_pytest(session: nox.Session, binding: str, *arguments: str) -> None:
    """Pytest on one Qt binding, in several processes; pytest-xvfb gives each a virtual display of its own on Linux."""
    one_thread = {"OMP_NUM_THREADS": "1"}  # torch would start a thread per core in each of them
    env = qt_environment(binding) | one_thread | {"PYTEST_QT_API": binding, "NAPARI_STRICT_QT": "1"}
    # 5: no test collected, which is fine where the user's own arguments chose tests of one package only
    success_codes = [0, 5] if session.posargs else [0]
    processes = min(4, (os.cpu_count() or 1) + 1)  # one more than cores: the tests of a window wait a good deal
    parallel = ("-n", str(processes))
    command = [str(PYTHON), "-m", "pytest", *parallel, "--durations=12", *arguments, *session.posargs]
    session.run(*command, env=env, success_codes=success_codes)


def qt_environment(binding: str) -> dict[str, str]:
    """With several bindings in one environment, qtpy has to be told which."""
    return {"QT_API": binding}


def has_display() -> bool:
    """Whether a window can be shown: always on Windows and macOS, with X11 or Wayland elsewhere."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def virtual_display() -> tuple[str, ...]:
    """Xvfb and not Qt's offscreen platform, because the latter has no OpenGL and napari's canvas needs it."""
    return ("xvfb-run", "-a", "-s", "-screen 0 1920x1080x24")


def install_system_packages(session: nox.Session) -> None:
    """On Debian and Ubuntu: install what is missing as root, name it to anyone else. Other systems: nothing to do."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-query") is None:
        return
    missing = sorted(set(SYSTEM_PACKAGES) - installed_system_packages())
    if not missing:
        return
    sudo = ("sudo", "--non-interactive") if os.environ.get("GITHUB_ACTIONS") else ()  # its user may, without a password
    if os.geteuid() != 0 and not sudo:
        session.warn(f"If no window opens, install what is missing: sudo apt-get install {' '.join(missing)}")
        return
    apt_get = (*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")  # sudo drops the environment
    session.run(*apt_get, "update")
    session.run(*apt_get, "install", "-y", "--no-install-recommends", *missing, silent=True)


def installed_system_packages() -> set[str]:
    """Names of the installed Debian packages; Ubuntu's new names (libglib2.0-0t64) count as the old ones too."""
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"], capture_output=True, text=True, check=True
    )
    lines = (line.split() for line in listing.stdout.splitlines())
    names = {words[0] for words in lines if words[-1] == "installed"}
    return names | {name.removesuffix("t64") for name in names}
