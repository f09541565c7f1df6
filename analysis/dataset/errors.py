"""The one error of reading: it names the file, the line and the form expected."""


class DatasetError(ValueError):
    """A dataset that cannot be analysed; nothing of it is."""

    def __init__(self, file: str, line: int | None, expected: str) -> None:
        where = file if line is None else f"{file}, line {line}"
        super().__init__(f"{where}: {expected}")
        self.file = file
        self.line = line
        self.expected = expected
