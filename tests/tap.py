# SPDX-License-Identifier: Apache-2.0
"""unittest cases as TAP: a test file subclasses unittest.TestCase as usual and ends with

    if __name__ == "__main__":
        tap.main()

Every test is one line, `ok N - what it promises`; a failure's traceback follows as comments, a skipped test
says why. The plan comes last, so that a file which dies on the way has none. TAP goes to the standard output
that the file was started with; whatever the tests or their children print goes to standard error.
Arguments are names: only tests whose name contains one of them run.
"""

import os
import signal
import sys
import traceback
import unittest


class Stopped(BaseException):
    """The runner wants us to end: the running test fails with this, its cleanups run, and no other starts."""


_stream = None  # where TAP goes, once main() runs


def note(line):
    """A line for whoever reads the test's output, beside the results."""
    if _stream:
        _stream.write(f"# {line}\n")


def _flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flatten(item)
        else:
            yield item


def _name(test):
    method = getattr(test, "_testMethodName", None)
    if method is None:  # setUpClass and the like, by which a whole class failed
        return str(test)
    words = method.removeprefix("test_").replace("_", " ")
    return f"{type(test).__name__}: {words}"


class _Result(unittest.TestResult):
    def __init__(self, stream, tests):
        super().__init__()
        self._stream = stream
        self._tests = tests
        self._count = 0

    def print(self, line):
        self._stream.write(line + "\n")
        self._stream.flush()

    def _point(self, word, name, details=""):
        self._count += 1
        name = name.replace("#", "\\#").replace("\n", " ")
        self.print(f"{word} {self._count} - {name}")
        for line in details.rstrip().splitlines():
            self.print(f"# {line}")

    def _skip(self, test, reason):
        reason = " ".join(reason.split())
        self._count += 1
        self.print(f"ok {self._count} - {_name(test)} # SKIP {reason}")

    def addSuccess(self, test):
        super().addSuccess(test)
        self._point("ok", _name(test))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._point("not ok", _name(test), self._text(err))

    def addError(self, test, err):
        super().addError(test, err)
        self._point("not ok", _name(test), self._text(err))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if hasattr(test, "_testMethodName"):
            self._skip(test, reason)
            return
        # setUpClass skipped them all: "setUpClass (module.Class)"
        for each in self._tests:
            if test.id().endswith(f".{type(each).__qualname__})"):
                self._skip(each, reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._point("not ok", f"{_name(test)} {subtest._subDescription()}", self._text(err))

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._point("ok", _name(test))

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._point("not ok", _name(test), "it was expected to fail")

    def plan(self):
        self.print(f"1..{self._count}")

    @staticmethod
    def _text(err):
        return "".join(traceback.format_exception(*err))


def main():
    global _stream
    stream = _stream = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    tests = list(_flatten(suite))
    if sys.argv[1:]:
        tests = [test for test in tests if any(name in test.id() or name in _name(test) for name in sys.argv[1:])]
    result = _Result(stream, tests)

    def stop(number, _frame):
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        result.stop()
        raise Stopped(f"ended by {signal.Signals(number).name}")

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    unittest.TestSuite(tests).run(result)
    result.plan()
    sys.exit(0 if result.wasSuccessful() else 1)
