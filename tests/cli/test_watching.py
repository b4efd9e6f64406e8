"""A check that is made again at each change: driven as a person does, by files and Ctrl-C."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading

import pytest

from fhir_blina.cli.watching import state_of

WAIT = 60


class Watch:
    """A running ``check --watch``, whose lines are read as they come."""

    def __init__(self, folder, *options):
        code = (
            "import signal, sys; from fhir_blina.__main__ import main; "
            # who starts tests in the background may have it ignored
            "signal.signal(signal.SIGINT, signal.default_int_handler); main()"
        )
        command = [sys.executable, "-c", code, "check", str(folder), "--watch", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.seen: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def until(self, text):
        """Wait for a line with a text; the lines up to it."""
        taken = []
        while not taken or text not in taken[-1]:
            try:
                taken.append(self.lines.get(timeout=WAIT))
            except queue.Empty:
                pytest.fail(f"no {text!r} in {self.seen + taken}")
        self.seen += taken
        return taken

    def end(self):
        """Ctrl-C, and what the command left with."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(WAIT)


@pytest.fixture
def watch():
    running = []

    def begin(folder, *options):
        running.append(Watch(folder, *options))
        return running[-1]

    yield begin
    for one in running:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()


def test_each_change_is_checked_until_ctrl_c(tiny, watch):
    watching = watch(tiny)
    assert any("no fault" in line for line in watching.until("Ctrl-C ends it"))
    path = tiny / "resources" / "labs.yaml"
    good = path.read_text("utf-8")
    path.write_text(good.replace("{{ level }}", "{{ levle }}"), "utf-8")
    lines = watching.until("Ctrl-C ends it")
    assert any("changed: resources/labs.yaml" in line for line in lines)
    assert any('no column "levle"' in line and 'Did you mean "level"?' in line for line in lines)
    path.write_text(good, "utf-8")
    assert any("no fault" in line for line in watching.until("Ctrl-C ends it"))
    assert watching.end() == 0
    assert watching.until("ended")[-1].strip() == "ended"


def test_files_that_come_and_go_and_a_broken_manifest_end_no_watch(tiny, watch):
    watching = watch(tiny)
    watching.until("Ctrl-C ends it")
    (tiny / "data" / "more.csv").write_text("a\n1\n", "utf-8")
    assert any('table "more" is not in the dictionary' in line for line in watching.until("Ctrl-C ends it"))
    (tiny / "data" / "more.csv").unlink()
    assert any("no fault" in line for line in watching.until("Ctrl-C ends it"))
    manifest = (tiny / "cohort.yaml").read_text("utf-8")
    (tiny / "cohort.yaml").write_text("title: [", "utf-8")
    assert any("cohort.yaml:1" in line for line in watching.until("Ctrl-C ends it"))
    (tiny / "cohort.yaml").write_text(manifest, "utf-8")
    assert any("no fault" in line for line in watching.until("Ctrl-C ends it"))
    assert watching.end() == 0


def test_a_script_gets_an_answer_for_each_check(tiny, watch):
    watching = watch(tiny, "--json", "--quiet")
    first = "".join(watching.until("}"))
    assert json.loads(first) == {"issue": []}
    assert watching.end() == 0


def test_ctrl_c_within_a_check_ends_it_too(tiny, watch):
    watching = watch(tiny)
    watching.until("Ctrl-C ends it")
    os.utime(tiny / "codes.csv", ns=(1, 1))
    watching.until("changed: codes.csv")  # and the check begins
    assert watching.end() == 0
    watching.reader.join(WAIT)
    assert "Traceback" not in "".join(watching.lines.queue)


def test_a_folder_that_is_not_there_is_an_error_at_once(tmp_path):
    command = [sys.executable, "-m", "fhir_blina", "check", str(tmp_path / "no"), "--watch"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT)
    assert done.returncode == 2


def test_what_editors_put_beside_a_file_is_no_change(tiny):
    before = state_of(tiny)
    for name in (".labs.yaml.swp", "labs.yaml~", "~$book.xlsx", ".#labs.yaml", "#labs.yaml#", "x.tmp"):
        (tiny / "resources" / name).touch()
    (tiny / ".git").mkdir()
    (tiny / ".git" / "index").touch()
    assert state_of(tiny) == before
    path = tiny / "codes.csv"
    os.utime(path, ns=(1, 1))
    assert state_of(tiny) != before
