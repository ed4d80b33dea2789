"""What the commands share: one plain sentence instead of a stack trace."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from sqlalchemy.exc import OperationalError, ProgrammingError

from models.errors import DomainError
from services.bad_file import BadFile


def plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except BadFile as error:
            raise click.ClickException(str(error)) from None
        except DomainError as error:
            raise click.ClickException(error.text("vi")) from None
        except (OperationalError, ProgrammingError) as error:
            reason = str(error.orig).splitlines()[0]
            raise click.ClickException(
                f"Không dùng được cơ sở dữ liệu ({reason}). Đã chạy `flask db upgrade` chưa?"
            ) from None

    return wrapper
