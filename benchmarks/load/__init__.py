"""The load of a working day: people at their consoles, against the web server as it is served."""
