"""Who: companies, the people who sign in, and the partners they work for."""

import zoneinfo
from datetime import datetime
from typing import Any, ClassVar, Self

import pghistory
from django.contrib import auth
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.triggers import keeps_company, same_company


class Language(models.TextChoices):
    FRENCH = "fr", _("French")
    GERMAN = "de", _("German")
    ENGLISH = "en", _("English")


class Role(models.TextChoices):
    ADMINISTRATOR = "administrator", _("Administrator")
    MANAGER = "manager", _("Manager")
    DISPATCHER = "dispatcher", _("Dispatcher")
    VIEWER = "viewer", _("Viewer")
    DRIVER = "driver", _("Driver")


class Company(models.Model):
    """A transport operator, and the tenant: nothing crosses from one company to another."""

    slug = models.SlugField(_("short name"), unique=True)
    name = models.CharField(_("name"), max_length=120)
    time_zone = models.CharField(_("time zone"), max_length=64, default="Europe/Zurich")
    language = models.CharField(
        _("language"), max_length=2, choices=Language, default=Language.FRENCH
    )
    requires_second_factor = models.BooleanField(
        _("second factor required"),
        default=False,
        help_text=_("Everybody of the company signs in with a code of a telephone's app too."),
    )
    base_lat = models.FloatField(_("latitude of the base"), null=True, blank=True)
    base_lon = models.FloatField(_("longitude of the base"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        constraints = [
            models.CheckConstraint(
                condition=Q(base_lat__isnull=True, base_lon__isnull=True)
                | Q(
                    base_lat__isnull=False,
                    base_lon__isnull=False,
                    base_lat__range=(-90, 90),
                    base_lon__range=(-180, 180),
                ),
                name="company_base_on_earth",
                violation_error_message=_("Give latitude and longitude of the base, or neither."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.time_zone not in zoneinfo.available_timezones():
            raise ValidationError({"time_zone": _("Choose a zone such as Europe/Zurich.")})

    @cached_property
    def tz(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, role=Role.ADMINISTRATOR, **fields)

    def for_company(self, company: Company) -> models.QuerySet["User"]:
        return self.filter(company=company)


class User(AbstractBaseUser):
    """A person who signs in by e-mail, in one company unless an administrator."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.VIEWER)
    company = models.ForeignKey(
        Company,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="users",
        verbose_name=_("company"),
    )
    language = models.CharField(_("language"), max_length=2, choices=Language, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    # Counted up to end all sessions and links: each carries the number of its time.
    generation = models.PositiveIntegerField(default=0, editable=False)
    # A device is confirmed: kept here so that each page knows it with the person.
    second_factor = models.BooleanField(_("second factor"), default=False, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.CheckConstraint(
                condition=Q(email=Lower("email")),
                name="user_email_lower_case",
                violation_error_message=_("Write the e-mail in lower case."),
            ),
            models.CheckConstraint(
                condition=Q(role=Role.ADMINISTRATOR) | Q(company__isnull=False),
                name="user_has_company",
                violation_error_message=_("Choose the company this person works for."),
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values),
                name="user_role_known",
                violation_error_message=_("Choose one of the roles."),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        self.email = self.email.lower()

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Bind sessions to the password, as Django does, and to what ends them all."""
        facts = f"{self.password} {self.generation}"
        salt = "accounts.models.User.session"
        return salted_hmac(salt, facts, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        """Give the name, as Django's own users do; the admin greets with it."""
        return self.name

    @property
    def is_administrator(self) -> bool:
        return self.is_active and self.role == Role.ADMINISTRATOR

    @property
    def is_superuser(self) -> bool:
        return self.is_administrator

    @property
    def is_staff(self) -> bool:
        return self.is_active and self.role != Role.DRIVER

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return any(backend.has_perm(self, perm, obj) for backend in auth.get_backends())

    def has_perms(self, perm_list: list[str], obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        backends: list[Any] = auth.get_backends()
        return any(backend.has_module_perms(self, app_label) for backend in backends)


class SignInQuerySet(models.QuerySet["SignIn"]):
    def still_open(self, now: datetime) -> Self:
        """Keep those whose session has neither been ended nor has run out."""
        known = Session.objects.filter(expire_date__gt=now)
        return self.filter(session_key__in=known.values("session_key"))

    def with_openness(self, now: datetime) -> Self:
        """Tell of each whether its session is open."""
        known = Session.objects.filter(session_key=models.OuterRef("session_key"))
        return self.annotate(is_open=models.Exists(known.filter(expire_date__gt=now)))


class SignIn(models.Model):
    """A try to sign in: whose, when, roughly from where; and the session that it opened."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, related_name="sign_ins", verbose_name=_("user")
    )
    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("company")
    )
    at = models.DateTimeField(_("at"))
    succeeded = models.BooleanField(_("succeeded"))
    network = models.CharField(_("network"), max_length=43, blank=True)
    browser = models.CharField(_("browser"), max_length=60, blank=True)
    session_key = models.CharField(max_length=40, blank=True, editable=False)

    objects = SignInQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        constraints = [
            models.CheckConstraint(
                condition=Q(succeeded=True, user__isnull=False) | Q(succeeded=False),
                name="signin_of_somebody",
                violation_error_message=_("Only a person's sign-in succeeds: say whose it is."),
            ),
        ]
        triggers = [keeps_company(), same_company(user_id="accounts_user")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class PartnerQuerySet(models.QuerySet["Partner"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(agreements__company=company)


class Partner(models.Model):
    """An organisation that books with one or more companies."""

    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = PartnerQuerySet.as_manager()

    class Meta:
        verbose_name = _("partner")
        verbose_name_plural = _("partners")

    def __str__(self) -> str:
        return self.name


@pghistory.track(model_name="PartnerAgreementHistory")
class PartnerAgreement(models.Model):
    """A partner books with a company."""

    company = models.ForeignKey(
        Company,
        on_delete=models.PROTECT,
        related_name="agreements",
        db_index=False,
        verbose_name=_("company"),
    )
    partner = models.ForeignKey(
        Partner, on_delete=models.PROTECT, related_name="agreements", verbose_name=_("partner")
    )
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("partner agreement")
        verbose_name_plural = _("partner agreements")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "partner"],
                name="agreement_once_per_partner",
                violation_error_message=_("This partner has an agreement already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner} - {self.company}"
