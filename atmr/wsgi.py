"""The door of web servers."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atmr.settings")
os.environ["ATMR_ROLE"] = "web"

settings.EMBEDDED.ensure()
settings.METRICS_DIR.mkdir(parents=True, exist_ok=True)
application = get_wsgi_application()

from dispatch.darp import search  # noqa: E402

# What is compiled holds up every thread while it loads: before the first request, not in it.
search.warm_up()
search.load_solver()
