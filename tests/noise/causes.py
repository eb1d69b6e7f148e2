# SPDX-License-Identifier: Apache-2.0
"""Why each finding was there, written by hand after looking at it: the first line that fits says it."""

import re

NEW_VERSION = "new version"  # true news: what was released does what no test of the old version did
OTHER_INPUT = "other input"  # an input or moment that no test had, and that makes a program do something else
OTHER_HOST = "other host"  # production has what CI's host doesn't
COVERAGE = "not exercised"  # no test ran it at all
NORMALISER = "normaliser"  # the same, but for something incidental
CONTEXT = "context"  # in another context than a person would say
UNKNOWN = "not looked at"

# (workload or *, pattern in "context | behaviours", cause)
CAUSES = [
    ("redis", r"service app\.py \| connect .*app\.py\) tcp 6380 loopback", NEW_VERSION),
]


def cause(workload, deviation):
    for where, pattern, why in CAUSES:
        if where in ("*", workload) and re.search(pattern, str(deviation)):
            return why
    return UNKNOWN
