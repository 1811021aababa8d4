"""`annex new` (to come)."""


def main(argv: list[str]) -> int:
    return 1
