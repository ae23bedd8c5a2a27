"""The door of web servers."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atmr.settings")
os.environ["ATMR_ROLE"] = "web"

settings.EMBEDDED.ensure()
settings.METRICS_DIR.mkdir(parents=True, exist_ok=True)
application = get_wsgi_application()
