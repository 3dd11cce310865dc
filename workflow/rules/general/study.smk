"""What makes the network of the search and its bundle: its targets, and the set-ups by number.

In: config. Out: nothing is made here.
"""

GROUPS = ("train", "heldout")
NUMBERS = {group: [f"{number:02d}" for number in range(len(config[group]))] for group in GROUPS}


wildcard_constraints:
    group="|".join(GROUPS),
    number=r"\d+",


def targets() -> list[str]:
    """What a run makes."""
    tables = [results(f"tables/proposers.{end}") for end in ("csv", "md")]
    return [results("bundle"), results("config.yaml"), *tables]


def setup(group: str, number: str) -> dict:
    """An observing set-up with all its keys."""
    return {**config["observation"], **config[group][int(number)]}


def responses(group: str) -> list[str]:
    """What the set-ups of a group do to a sky."""
    return expand(results("responses/{group}/{number}"), group=group, number=NUMBERS[group])
