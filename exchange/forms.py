"""What the page of a file asks for: the file, then the word to store what it says."""

import base64
import binascii
import zlib

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget

from atmr import sheets
from atmr.sheets import FileTooLarge

# What the page carries from the preview to the confirmation, so that no file with people's data
# lies about on the server in between. Below what Django takes as the fields of a form.
MOST_CARRIED = 2_000_000


class FileForm(forms.Form):
    """The file, before its differences are shown."""

    file = forms.FileField(
        label=_("CSV or XLSX file"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.xlsx,.txt"}),
    )

    def content(self) -> bytes:
        """Give what the file holds.

        :raises FileTooLarge: it is more than a file may be.
        """
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > sheets.MOST_BYTES:
            raise FileTooLarge(most=sheets.MOST_BYTES // 1024**2)
        content: bytes = file.read()
        return content


class ConfirmForm(forms.Form):
    """The same file once more, and which differences were shown."""

    carried = forms.CharField(max_length=MOST_CARRIED, widget=forms.HiddenInput)
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    name = forms.CharField(max_length=255, required=False, widget=forms.HiddenInput)

    def clean_carried(self) -> bytes:
        try:
            packed = base64.b64decode(self.cleaned_data["carried"], validate=True)
            content = zlib.decompressobj().decompress(packed, sheets.MOST_BYTES + 1)
        except (binascii.Error, ValueError, zlib.error) as exc:
            raise forms.ValidationError(_("Choose the file again.")) from exc
        return content


def carried(content: bytes) -> str:
    """Pack a file into a field of the page.

    :raises FileTooLarge: it is too large for that.
    """
    packed = base64.b64encode(zlib.compress(content)).decode()
    if len(packed) > MOST_CARRIED:
        raise FileTooLarge(most=1)
    return packed
