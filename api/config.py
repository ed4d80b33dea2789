"""Every setting, what it means, and where it comes from: the environment, or a file beside the data."""

import os
from pathlib import Path
from typing import Any

from services.keys import key_in

ROOT = Path(__file__).parent.parent

# name: (default, meaning)
SETTINGS = {
    "GIAP_RANH_HOME": ("instance/", "folder of the SQLite file and the generated secrets"),
    "PORT": ("8000", "port of the server"),
    "HOST": ("127.0.0.1", "address the server listens on"),
    "WEB_CONCURRENCY": ("", "processes of the server; empty: one for each core, at most four"),
    "WORKER": ("1", "1: the server does the work after the answers itself; 0: `flask worker` does"),
    "DATABASE_URL": ("", "SQLAlchemy address of the database; empty: SQLite in GIAP_RANH_HOME"),
    "MIGRATION_DATABASE_URL": ("", "the same database, as the role that owns the tables"),
    "PHOTO_STORE": (
        "",
        "folder of the photos, or s3://bucket/prefix; empty: uploads/, or inside a GIAP_RANH_HOME of its own",
    ),
    "DEMO": ("1", "1: `make run` loads the demo into an empty database; 0: it does not"),
    "PRODUCTION": ("0", "1: refuse to start with a weak key or the demo's password in use; load no demo"),
    "TZ_LOCAL": ("Asia/Ho_Chi_Minh", "time zone in which days and weeks are counted"),
    "REPORTING_YEAR_STARTS": ("01-04", "a day (MM-DD) of the week with which the reporting year begins"),
    "TRUSTED_PROXIES": ("0", "how many proxies in front set X-Forwarded-For and X-Forwarded-Proto"),
    "PUBLIC_URL": ("", "address of the server as others reach it, for links; empty: as each request names it"),
    "CORS_ORIGINS": ("", "web origins that may call the API from a browser, separated by commas; empty: none"),
    "RATE_LIMIT": ("6000", "requests a minute of one device in one process, see api/limits.py; 0: no limits"),
    "METRICS_TOKEN": ("", "bearer token for /metrics; empty: only this machine itself reads it"),
    "SMTP_URL": ("", "relay for e-mail, smtp://user:password@host:587 or smtps://…; empty: no e-mail"),
    "SMTP_FROM": ("giap-ranh@localhost", "sender of e-mail, and whom push services may write to"),
    "TELEGRAM_TOKEN": ("", "token of the Telegram bot that brings notices; empty: no Telegram"),
    "ZALO_TOKEN": ("", "token of the Zalo bot that brings notices; empty: no Zalo"),
    "VAPID_KEY": ("", "private key for notices in browsers (P-256, base64url); empty: none"),
    "WEBHOOKS_LOCAL": ("0", "1: webhooks may be plain http and lead into private networks; for tests"),
    "LOG_LEVEL": ("", "debug, info, warning or error; empty: info, or warning in a terminal"),
    "LOG_FORMAT": ("", "json or text; empty: text in a terminal, else json"),
}


def setting(name: str) -> str:
    """The value from the environment, else the default; an empty value counts as none."""
    return os.environ.get(name) or SETTINGS[name][0]


def home() -> Path:
    folder = Path(setting("GIAP_RANH_HOME"))
    return folder if folder.is_absolute() else ROOT / folder


def processes() -> int:
    return int(setting("WEB_CONCURRENCY") or min(4, os.cpu_count() or 1))


def database_url() -> str:
    if not (url := setting("DATABASE_URL")):
        return f"sqlite:///{home() / 'giap-ranh.sqlite'}"
    return with_driver(url)


def with_driver(url: str) -> str:
    for plain in ("postgres://", "postgresql://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def photo_store() -> str | Path:
    """A folder, or the address of a bucket: its keys, region and endpoint are those of the usual AWS_* variables."""
    if not (chosen := setting("PHOTO_STORE")) or chosen.startswith("s3://"):
        return chosen or photo_spool()
    return Path(chosen) if Path(chosen).is_absolute() else ROOT / chosen


def photo_spool() -> Path:
    """Where photos lie when nothing is set, and where they arrive when they go to a bucket."""
    return home() / "uploads" if os.environ.get("GIAP_RANH_HOME") else ROOT / "uploads"


def secret(name: str) -> str:
    """A secret of 256 bit, made on first start into a file that only its owner reads; later starts find it."""
    return key_in(home(), name)


def in_production() -> bool:
    return setting("PRODUCTION") == "1"


def engine_options(url: str) -> dict[str, Any]:
    """Connections of one process: several have room in the hundred of PostgreSQL; nobody waits over five seconds."""
    options: dict[str, Any] = {
        "pool_size": 8,
        "max_overflow": 15,
        "pool_timeout": 5,
        "hide_parameters": True,  # what people wrote must not come into a log with a failed statement
        "execution_options": {"audit_key": bytes.fromhex(secret("audit.key"))},
    }
    if not url.startswith("sqlite"):
        options |= {
            "pool_pre_ping": True,
            # A report waits for a lock three times at most, twice in the queue for its number: five seconds together.
            "connect_args": {"options": "-c lock_timeout=1600ms -c timezone=UTC", "connect_timeout": 5},
        }
    return options


def flask_settings() -> dict[str, Any]:
    url = database_url()
    return {
        "API_TITLE": "Giáp Ranh",
        "API_VERSION": "v1",
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/api/v1",
        "OPENAPI_JSON_PATH": "openapi.json",
        "API_SPEC_OPTIONS": {
            "info": {
                "description": "Báo cáo và xử lý vi phạm rừng giáp ranh. Reports and joint handling at forest borders."
            }
        },
        "SQLALCHEMY_DATABASE_URI": url,
        "MIGRATION_DATABASE_URI": with_driver(setting("MIGRATION_DATABASE_URL")),
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(url),
        "KEY_FOLDER": home(),  # of the keys that sign tokens
        "JWT_ALGORITHM": "HS256",
        "JWT_ACCESS_TOKEN_EXPIRES": 15 * 60,
        "JWT_ENCODE_ISSUER": "giap-ranh",
        "JWT_DECODE_ISSUER": "giap-ranh",
        "JWT_ENCODE_AUDIENCE": "giap-ranh-api",
        "JWT_DECODE_AUDIENCE": "giap-ranh-api",
        "PHOTO_STORE": photo_store(),
        "PHOTO_SPOOL": photo_spool(),
        "TRUSTED_PROXIES": int(setting("TRUSTED_PROXIES")),
        "PUBLIC_URL": setting("PUBLIC_URL").rstrip("/"),
        "CORS_ORIGINS": [o.strip() for o in setting("CORS_ORIGINS").split(",") if o.strip()],
        "RATE_LIMIT": int(setting("RATE_LIMIT")),
        "METRICS_TOKEN": setting("METRICS_TOKEN"),
        **{name: setting(name) for name in ("SMTP_URL", "SMTP_FROM", "TELEGRAM_TOKEN", "ZALO_TOKEN", "VAPID_KEY")},
        "WEBHOOKS_LOCAL": setting("WEBHOOKS_LOCAL") == "1",
        # A report as JSON; photos raise it on their own route.
        "MAX_CONTENT_LENGTH": 1 << 20,
        "MAX_FORM_MEMORY_SIZE": 64 << 10,
        "MAX_FORM_PARTS": 16,
        "COMPRESS_MIMETYPES": [
            "application/json",
            "application/problem+json",
            "application/geo+json",
            "text/html",
            "text/css",
            "text/csv",
            "application/javascript",
            "text/javascript",
        ],
        "COMPRESS_MIN_SIZE": 1000,
    }
