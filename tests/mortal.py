"""A phone that can be killed at any of its commits: what was committed is there afterwards, nothing else."""

from pathlib import Path

from bench.phone_store import Store


class Killed(BaseException):
    """No code of the phone catches it, as none runs after SIGKILL."""


class MortalStore(Store):
    """Each commit takes two lives: one before it, one behind it. The last one ends the phone; None: it lives."""

    def __init__(self, home: Path, lives: int | None = None):
        self.lives = lives
        super().__init__(home, synchronous="OFF")  # a kill is no power cut

    def commit(self) -> None:
        self._live()
        super().commit()
        self._live()

    def _live(self) -> None:
        if self.lives is not None:
            self.lives -= 1
            if self.lives <= 0:
                raise Killed
