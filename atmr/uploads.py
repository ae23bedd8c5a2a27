"""How much anybody may send at all: Django looks at the files of a form before who sends them."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

from atmr import sheets

# Whoever sends a little too much is told so by the page; whoever sends this much is cut off.
MOST_BYTES = 4 * sheets.MOST_BYTES


class Bounded(FileUploadHandler):
    """The first of the handlers: refuses a form before anything of it is written to the disk."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],  # noqa: N803 - Django's name
        content_length: int,
        boundary: Any,  # bytes; the stubs say text
        encoding: str | None = None,
    ) -> None:
        """Refuse what says that it is longer; no more is read than what it says.

        :raises RequestDataTooBig: answered with 400.
        """
        del input_data, META, boundary, encoding
        if content_length > MOST_BYTES:
            raise RequestDataTooBig(f"A form of {content_length} bytes.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Leave what is sent to the next handler."""
        del start
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the next handler."""
        del file_size
