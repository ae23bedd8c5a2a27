"""The console's own pages, beside the admin's lists and forms."""
