"""Every setting of the project, read once from the environment. Importing this starts nothing."""

import os
import sys
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pghistory
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from redis.backoff import NoBackoff
from redis.retry import Retry

from atmr.embedded import Services

BASE_DIR = Path(__file__).resolve().parent.parent


def env_bool(name: str, *, default: bool) -> bool:
    """Read a switch. Anything but a clear yes or no stops the process."""
    value = os.environ.get(name, "").strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    if value == "":
        return default
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def env_int(name: str, *, default: int) -> int:
    """Read a whole number above zero."""
    value = os.environ.get(name, "").strip() or str(default)
    if not value.isdecimal() or int(value) == 0:
        raise ImproperlyConfigured(f"{name} must be a whole number above 0, not {value!r}.")
    return int(value)


def env_list(name: str) -> list[str]:
    """Read a list separated by commas."""
    return [item.strip() for item in os.environ.get(name, "").split(",") if item.strip()]


def postgresql(url: str) -> dict[str, Any]:
    """Turn a URL into Django's dictionary; its query parameters go to libpq as they are."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("A DATABASE_URL must begin with postgresql://.")
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def mail_server(url: str) -> tuple[str, int, str, str, bool, bool]:
    """Read smtp://user:password@host:587 (STARTTLS), smtps://host:465, or smtp://localhost:25.

    Give host, port, user, password, whether TLS is spoken from the start, whether after it.
    """
    parts = urlsplit(url or "smtp://localhost:25")
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ImproperlyConfigured("EMAIL_URL must be smtp://host:port or smtps://host:port.")
    port = parts.port or (465 if parts.scheme == "smtps" else 587)
    account = unquote(parts.username or ""), unquote(parts.password or "")
    from_start = parts.scheme == "smtps"
    return parts.hostname, port, *account, from_start, not from_start and port != 25


def later_database(url: str, steps: int) -> str:
    """Name another Redis database than that of `url`: clearing a cache must empty no queue."""
    if url.startswith("unix://"):
        address, _separator, number = url.partition("?db=")
        return f"{address}?db={int(number or 0) + steps}"
    parts = urlsplit(url)
    number = parts.path.strip("/")
    return parts._replace(path=f"/{int(number or 0) + steps}").geturl()


# --- What this process is -----------------------------------------------------------------------

TESTING = "pytest" in sys.modules
TEST_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
SECRET_KEY = os.environ.get("SECRET_KEY", "")
# A checkout where nothing is set is a developer's; it answers on the loopback only.
DEBUG = env_bool("DEBUG", default=not SECRET_KEY)
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("SECRET_KEY is required when DEBUG=0.")
    SECRET_KEY = "insecure-and-for-development-only"  # noqa: S105

ALLOWED_HOSTS = env_list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
# Silk and the debug toolbar: for the developer at this machine, never elsewhere.
# They look at every statement, so a command that measures goes without.
MEASURING = sys.argv[1:] != [] and sys.argv[1].startswith(("bench_", "profile_"))
DEVTOOLS = DEBUG and not (TESTING or MEASURING) and env_bool("ATMR_DEVTOOLS", default=True)
SERVES_WEB = os.environ.get("ATMR_ROLE") == "web"  # set by the door: see atmr/wsgi.py
WEB_PROCESSES = env_int("WEB_CONCURRENCY", default=2)
WORKER_PROCESSES = env_int("ATMR_WORKERS", default=2)

INSTALLED_APPS = [
    "atmr",
    "accounts",
    "fleet",
    "bookings",
    "dispatch",
    "exchange",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "django_ratelimit",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_celery_results",
    "phonenumber_field",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "atmr.logs.RequestLog",  # after what answers for static files: they are not worth a line
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.gate.SecondFactorGate",
    "pghistory.middleware.HistoryMiddleware",  # who changed what, beside the past of each row
    "atmr.local.LocalMiddleware",
    "atmr.routing.OwnWrites",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# What proves the product's figures is no part of the product.
if DEBUG or env_bool("ATMR_BENCHMARKS", default=False):
    INSTALLED_APPS.append("benchmarks")
if DEVTOOLS:
    INSTALLED_APPS += ["debug_toolbar", "silk"]
    # It must know who asks: only an administrator at this machine is shown the toolbar.
    _signed_in = MIDDLEWARE.index("django.contrib.auth.middleware.AuthenticationMiddleware")
    MIDDLEWARE.insert(_signed_in + 1, "debug_toolbar.middleware.DebugToolbarMiddleware")
    MIDDLEWARE.append("silk.middleware.SilkyMiddleware")
    MIDDLEWARE.append("atmr.repeats.RepeatLog")
if TESTING or DEVTOOLS:
    INSTALLED_APPS.append("zeal")  # sees relations that are read row by row
ZEAL_RAISE = TESTING
ZEAL_ALLOWLIST = [
    # A form of Django gets each of its choices by itself, and shifts and bookings have two places.
    {"model": "fleet.Place", "field": "get()"},
    # Each decision about several bookings locks and reads its own, in its own transaction.
    {"model": "bookings.Booking", "field": "get()"},
    # Django reads a session to know who asks, and again to end it.
    {"model": "sessions.Session", "field": "get()"},
]
DEBUG_TOOLBAR_CONFIG = {
    "SHOW_TOOLBAR_CALLBACK": "atmr.origin.show_toolbar",
    "SHOW_COLLAPSED": True,  # open, it hides the buttons of the admin
}
SILKY_AUTHENTICATION = True
SILKY_AUTHORISATION = True
SILKY_PERMISSIONS = attrgetter("is_superuser")
SILKY_MAX_RECORDED_REQUESTS = 1000

ROOT_URLCONF = "atmr.urls"
WSGI_APPLICATION = "atmr.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Models -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
# Rows of the past hang on "history"; "events" are the moves of a booking.
PGHISTORY_OBJ_FIELD = pghistory.ObjForeignKey(related_name="history")
PGHISTORY_DEFAULT_TRACKERS = (
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Index names are a contract and PostgreSQL takes 63 characters; Django checks for Oracle's 30.
SILENCED_SYSTEM_CHECKS = ["models.E034"]

# --- Servers ------------------------------------------------------------------------------------

EMBEDDED = Services.of_checkout(
    BASE_DIR, profile="tests" if TESTING else "demo", environ=os.environ
)
if EMBEDDED.are_needed and not DEBUG and not env_bool("ATMR_EMBEDDED", default=False):
    raise ImproperlyConfigured(
        "Set DATABASE_URL and REDIS_URL: with DEBUG=0 the embedded servers are refused,"
        " unless ATMR_EMBEDDED=1."
    )

# A web process keeps connections warm; commands and Celery's children are many and short.
CONNECTIONS_WEB = 30
CONNECTIONS_OTHER = 2
POOL = (
    {"min_size": 10, "max_size": CONNECTIONS_WEB}
    if SERVES_WEB
    else {"min_size": 0, "max_size": CONNECTIONS_WEB if TESTING else CONNECTIONS_OTHER}
)
DATABASES = {
    "default": postgresql(
        EMBEDDED.postgres.url if EMBEDDED.postgres else os.environ["DATABASE_URL"]
    )
    | {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}  # the pool keeps them, and asks first
}
DATABASES["default"]["OPTIONS"] |= {"connect_timeout": 5, "pool": POOL | {"timeout": 10}}
# A server that follows the first, for what is only read: see atmr/routing.py. Without a pool, so
# that one that is down is known at once: a thread keeps one connection and asks before it uses it.
if replica_url := os.environ.get("REPLICA_DATABASE_URL"):
    DATABASES["replica"] = postgresql(replica_url) | {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"MIRROR": "default"},
    }
    DATABASES["replica"]["OPTIONS"] |= {"connect_timeout": 2, "tcp_user_timeout": 5000}
DATABASE_ROUTERS = ["atmr.routing.ReplicaRouter"]
REPLICA_MAX_LAG_S = env_int("REPLICA_MAX_LAG_S", default=10)

if redis_url := os.environ.get("REDIS_URL") or (EMBEDDED.valkey and EMBEDDED.valkey.url):
    CELERY_BROKER_URL = redis_url.replace("unix://", "redis+socket://")
    CACHES: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": later_database(redis_url, 1 + TEST_PROCESS),
            "KEY_PREFIX": "atmr",
            "OPTIONS": {
                # A console without its cache is slower, not down.
                "IGNORE_EXCEPTIONS": True,
                "LOG_IGNORED_EXCEPTIONS": True,
                "SOCKET_CONNECT_TIMEOUT": 1,
                "SOCKET_TIMEOUT": 2,
                "CONNECTION_POOL_KWARGS": {"retry": Retry(NoBackoff(), 0)},
            },
        }
    }
    # Who asks here knows what to do without it: see atmr/caching.py.
    CACHES["answers"] = CACHES["default"] | {
        "KEY_PREFIX": "atmr:answers",
        "OPTIONS": CACHES["default"]["OPTIONS"] | {"IGNORE_EXCEPTIONS": False},
    }
else:
    # No Valkey for this machine: one web process, whose own memory counts the tries to sign in.
    WEB_PROCESSES = 1
    SILENCED_SYSTEM_CHECKS += ["django_ratelimit.E003", "django_ratelimit.W001"]
    CACHES = {
        name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}
        for name in ("default", "answers")
    }
    CELERY_BROKER_URL = "filesystem://"
    CELERY_BROKER_TRANSPORT_OPTIONS = EMBEDDED.file_queue

# --- Background work ----------------------------------------------------------------------------

CELERY_TASK_ALWAYS_EAGER = TESTING
CELERY_TASK_EAGER_PROPAGATES = TESTING
CELERY_RESULT_BACKEND = "django-db"  # where an operator finds what failed, in the admin
CELERY_RESULT_EXTENDED = True
CELERY_RESULT_EXPIRES = timedelta(days=30)
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_CONCURRENCY = WORKER_PROCESSES
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(BASE_DIR / "var" / "celerybeat-schedule")

# --- Logs ---------------------------------------------------------------------------------------

LOGGING_CONFIG = "atmr.logs.configure"
LOGGING = {"as_json": not DEBUG, "level": os.environ.get("LOG_LEVEL", "INFO").upper()}

# --- Kept for a time only -----------------------------------------------------------------------

# Planning reads the last position of a vehicle on its day, and that of the night before.
KEEP_POSITIONS_DAYS = env_int("ATMR_KEEP_POSITIONS_DAYS", default=30)
if KEEP_POSITIONS_DAYS < 2:
    raise ImproperlyConfigured("ATMR_KEEP_POSITIONS_DAYS must be 2 at least.")

# Who signed in, when and roughly from where: long enough to look back after something happened.
KEEP_SIGN_INS_DAYS = env_int("ATMR_KEEP_SIGN_INS_DAYS", default=180)

# --- Watching -----------------------------------------------------------------------------------

SLOW_STATEMENT_MS = env_int("SLOW_STATEMENT_MS", default=100)
# Above this number in five minutes, administrators get an e-mail.
SLOW_STATEMENTS_MAIL_OVER = env_int("SLOW_STATEMENTS_MAIL_OVER", default=50)
# Each statement on the terminal, for the developer at it.
SQL_ECHO = env_bool("SQL_ECHO", default=False)
if SQL_ECHO and not DEBUG:
    raise ImproperlyConfigured("SQL_ECHO=1 is for development: it is refused with DEBUG=0.")
# All processes of a machine count in files of one folder, so that any of them can give the sum.
# The library reads the variable when it is imported. Tests count in their own memory.
METRICS_DIR = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", "") or BASE_DIR / "var" / "metrics")
if not TESTING:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)
# Who shows it may read /metrics; without one, only who asks from this machine itself.
METRICS_TOKEN = os.environ.get("ATMR_METRICS_TOKEN", "")

# --- Mail ---------------------------------------------------------------------------------------

EMAIL_URL = os.environ.get("EMAIL_URL", "")
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_SSL, EMAIL_USE_TLS = (
    mail_server(EMAIL_URL)
)
EMAIL_TIMEOUT = 10
if DEBUG and not EMAIL_URL:  # a developer reads letters here
    EMAIL_BACKEND = "accounts.mail.ConsoleAndFile"
    EMAIL_FILE_PATH = BASE_DIR / "var" / "mail"
# Where the links of letters lead; never what a request says of itself.
_NAMED = f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if ALLOWED_HOSTS else "http://localhost:8000"
SITE_URL = (os.environ.get("ATMR_URL", "") or _NAMED).rstrip("/")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("EMAIL_FROM", "") or "atmr@localhost"

# --- Sign-in ------------------------------------------------------------------------------------

# One proxy of ours stands in front, and tells who asks and how; without it nobody is believed.
BEHIND_PROXY = env_bool("ATMR_BEHIND_PROXY", default=False)
RATELIMIT_ENABLE = not TESTING
RATELIMIT_IP_META_KEY = "accounts.signin.client_address"
# Without the cache nobody counts the tries, and people sign in: Argon2 still slows a guesser down.
RATELIMIT_FAIL_OPEN = True
AUTHENTICATION_BACKENDS = ["accounts.permissions.RoleBackend"]
OTP_TOTP_ISSUER = "ATMR"
# Who sees every company needs more than a password, in a company that asks for it or not.
ADMINISTRATORS_SECOND_FACTOR = env_bool("ATMR_ADMINISTRATORS_SECOND_FACTOR", default=not DEBUG)
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
# Argon2 is slow on purpose; the tests' people have a password that costs nothing to check.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
if TESTING:
    PASSWORD_HASHERS.append("django.contrib.auth.hashers.MD5PasswordHasher")
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {
        "NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
]

# --- API ----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.SignedIn"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.MayByRole"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "accounts.api.Pages",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": None if TESTING else "600/min"},
    "EXCEPTION_HANDLER": "atmr.api.problem_of",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

# --- Transport security: nothing leaves in clear outside development ----------------------------

SECURE_SSL_REDIRECT = not DEBUG
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
SECURE_HSTS_PRELOAD = not DEBUG
FILE_UPLOAD_HANDLERS = [
    "atmr.uploads.Bounded",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
SESSION_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_SECURE = not DEBUG
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Language and time --------------------------------------------------------------------------

LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", _("French")), ("de", _("German")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "unfold"]  # what Unfold lacks
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
PHONENUMBER_DEFAULT_REGION = "CH"

# --- The console --------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "ATMR",
    "SITE_HEADER": "ATMR",
    "SITE_SUBHEADER": _("Dispatch console"),
    "SITE_SYMBOL": "airport_shuttle",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "ACCOUNT": {
        "navigation": [
            {"title": _("My account"), "link": reverse_lazy("access:account")},
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
        ]
    },
    "SHOW_LANGUAGES": False,  # a person's language is theirs, and set on their page
    "DASHBOARD_CALLBACK": "dispatch.console.navigation.dashboard",
    "SIDEBAR": {"navigation": "dispatch.console.navigation.sidebar"},
    "COLORS": {
        "primary": {
            "50": "#eff6ff",
            "100": "#dbeafe",
            "200": "#bfdbfe",
            "300": "#93c5fd",
            "400": "#60a5fa",
            "500": "#3b82f6",
            "600": "#1d4ed8",
            "700": "#1e40af",
            "800": "#1e3a8a",
            "900": "#172554",
            "950": "#0f1a3d",
        }
    },
}

# --- Static files -------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
if not DEBUG:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
