"""Compile every kernel, or load what is compiled already: ``python -m dispatch.darp.kernel``."""

from dispatch.darp.search import warm_up

warm_up()
