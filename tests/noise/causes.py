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
    ("*", r"\| accept \S+ tcp 80 internet", OTHER_HOST),  # CI's visitors come from beside it
    ("redis", r"redis-replica/(appendonlydir/)?temp-", OTHER_INPUT),  # a file that lives for milliseconds was met
    ("deploys", r"service app\.py \| exec /usr/bin/sha256sum", NEW_VERSION),
    ("web", r"service php-fpm8\.2 \| exec /usr/bin/identify", NEW_VERSION),
    ("web", r"/srv/www/(uploads|thumbs)/", OTHER_INPUT),  # what people upload, by its extension
    ("web", r"job cron\.php \| write .*/srv/www/reports/", COVERAGE),  # the month's report
    ("web", r"job shop-backup \| .*/usr/bin/rm", COVERAGE),  # the eighth backup is the first to go
    ("postgres", r"job pg-dump \| .*/usr/bin/rm", COVERAGE),  # likewise
    ("api", r"service gunicorn \| connect .* tcp 80 internet", NEW_VERSION),
    ("api", r"__pycache__/", OTHER_INPUT),  # two workers compile the same file at once
    ("apt", r"service shopd\.py \| exec /usr/bin/hostname", NEW_VERSION),
    ("cron", r"job report \| exec /usr/bin/xz", NEW_VERSION),
    ("cron", r"job (shop-archive|shop-billing|cp|gzip|python3\.11) \|", COVERAGE),  # due on Sundays, or when a month ends
    ("cron", r"job backup \| write .*(month-|archive-)", COVERAGE),  # likewise
    ("cron", r"job collect-metrics \|", COVERAGE),  # the hundredth line
    ("logins", r"(service cron|job date) \|.* carol", OTHER_INPUT),  # her own crontab
    ("*", r"service sshd \| owner /usr/sbin/sshd sshd", COVERAGE),  # nobody logged in
    ("*", r"service cron \| (exec /usr/bin/run-parts|owner .*)", COVERAGE),
    ("*", r"job (dpkg-db-backup|apt\.systemd\.daily) \| exec /usr/bin/gzip", COVERAGE),  # the second backup packs the first
    ("*", r"job systemd-user-runtime-dir \|", COVERAGE),  # nobody logged in
    ("*", r"job logrotate \|", COVERAGE),  # what is rotated weekly, or compressed the second time
    ("*", r"service (packagekitd|polkitd) \|", COVERAGE),  # started by D-Bus at an upgrade, or at the next boot
]


def cause(workload, deviation):
    for where, pattern, why in CAUSES:
        if where in ("*", workload) and re.search(pattern, str(deviation)):
            return why
    return UNKNOWN
