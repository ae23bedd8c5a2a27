"""Letters of a development checkout: a file each in var/mail, and a copy on standard error."""

import sys

from django.core.mail import EmailMessage
from django.core.mail.backends import filebased


class ConsoleAndFile(filebased.EmailBackend):
    """Standard output stays a command's own."""

    def write_message(self, message: EmailMessage) -> None:
        super().write_message(message)
        sys.stderr.write(f"{message.message().as_string()}\n")
