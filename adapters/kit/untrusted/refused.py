"""Why a program of somebody else is not run."""


class ProgramRefused(Exception):
    """`code` is the broken rule in one word, `line` counts from 1 (0: the text as a whole)."""

    def __init__(self, code: str, detail: str, *, where: str = "", line: int = 0) -> None:
        place = f"{where}:{line}: " if line else f"{where}: "
        super().__init__(f"{place if where else ''}{detail}")
        self.code = code
        self.detail = detail
        self.line = line
