"""Work in a process of its own, so that whoever measures and whoever is measured share no interpreter."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any


class Failed(RuntimeError):
    """The other process ended without an answer."""


def apart(
    function: Callable[..., Any], *args: Any, patience_s: float, environment: dict[str, str] | None = None
) -> Any:
    """What `function(*args)` returns, worked out in a new process that is ended after `patience_s` seconds."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, environment or {}, function, args), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(patience_s):
            raise Failed(f"{function.__name__}: no answer within {patience_s:.0f} s")
        good, answer = ours.recv()
    except EOFError:
        raise Failed(f"{function.__name__}: ended with code {process.exitcode}") from None
    finally:
        process.join(2)
        if process.is_alive():
            process.kill()
            process.join()
    if not good:
        raise Failed(f"{function.__name__}: {answer}")
    return answer


def _answer(pipe: Any, environment: dict[str, str], function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it ends this process itself
    os.environ.update(environment)
    try:
        pipe.send((True, function(*args)))
    except Exception as error:  # noqa: BLE001  the parent raises it
        pipe.send((False, f"{type(error).__name__}: {error}"))
