"""The forms of people's own accounts, in the console's look."""

from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.hashers import check_password
from django.utils.translation import gettext_lazy as _
from unfold.widgets import BASE_INPUT_CLASSES, UnfoldAdminPasswordWidget

from accounts.models import User


class EmailInput(forms.EmailInput):
    """An address, which browsers offer to fill in."""

    def __init__(self) -> None:
        super().__init__({"class": " ".join(BASE_INPUT_CLASSES), "autocomplete": "email"})


class ForgottenForm(forms.Form):
    """Who wants a link for a new password."""

    email = forms.EmailField(label=_("E-mail"), widget=EmailInput)


class PasswordForm(SetPasswordForm):
    """A new password, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("new_password1", "new_password2"):
            self.fields[name].widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)


class CodeForm(forms.Form):
    """A code of the app, or one from the paper."""

    code = forms.CharField(
        label=_("Code"),
        max_length=32,
        widget=forms.TextInput(
            {
                "class": " ".join(BASE_INPUT_CLASSES),
                "autocomplete": "one-time-code",
                "autofocus": "",
                "spellcheck": "false",
            }
        ),
    )


class ConfirmForm(forms.Form):
    """The password, which says that it is the person who asks."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        # Without the person's own way, which writes old hashes anew and so ends this very session.
        if not check_password(password, self.user.password):
            raise forms.ValidationError(_("This is not your password."))
        return password


class EnrolForm(ConfirmForm, CodeForm):
    """The first code of an app, from who knows the password: no other's app locks a person out."""

    field_order = ("code", "password")


class AddressForm(ConfirmForm):
    """Another address to sign in with."""

    email = forms.EmailField(label=_("New e-mail"), widget=EmailInput)
    field_order = ("email", "password")

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        return email.lower()
