"""Instance ids that carry a seal, so that a job's name alone can prove who submitted it.

    [a-z0-9]{6} chance, then [a-z0-9]{4} of an HMAC over them, made with the gateway's pepper

Somebody else's id passes for ours once in 1.7 million. Ids of before there were seals have none,
but their rows are there.
"""

import hmac
from collections.abc import Callable

from web.secrets import Secrets

PURPOSE = "instance-seal"
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
CHANCE_LENGTH = 6
SEAL_LENGTH = 4


def new_id(secrets: Secrets, choose: Callable[[str], str]) -> str:
    """An instance id of [a-z0-9]{10}; `choose` picks one character at random."""
    chance = "".join(choose(ALPHABET) for _ in range(CHANCE_LENGTH))
    return chance + _seal(secrets, chance, secrets.current)


def is_sealed_by_us(secrets: Secrets, instance_id: str) -> bool:
    """Whether one of our peppers, current or former, made the id's seal."""
    chance, presented = instance_id[:CHANCE_LENGTH], instance_id[CHANCE_LENGTH:].encode()
    seals = [_seal(secrets, chance, version).encode() for version in secrets.versions]
    # All of them are compared: the time taken says nothing.
    matches = [hmac.compare_digest(seal, presented) for seal in seals]
    return any(matches)


def _seal(secrets: Secrets, chance: str, version: int) -> str:
    number = int(secrets.digest(PURPOSE, chance, version), 16)
    seal = ""
    for _ in range(SEAL_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        seal += ALPHABET[digit]
    return seal
