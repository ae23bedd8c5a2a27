"""Database triggers that several apps declare on their models."""

import pgtrigger
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError


class OfAnotherCompany(DomainError):
    message = _("What you chose belongs to another company. Choose among your own.")
    constraints = ("same_company",)


class StaysWithCompany(DomainError):
    message = _("An entry stays with its company. Make a new one in the other company.")
    constraints = ("keeps_company",)


def same_company(**tables: str) -> pgtrigger.Trigger:
    """Refuse a row whose related rows belong to another company.

    ``tables`` maps a foreign-key column of the row to the table it points at; each such table has
    a ``company_id``, and so has the row. Nothing crosses from one company to another.
    """
    # By id alone: asked for a company too, the planner may walk through all rows of a new company.
    checks = "\n".join(
        f"""
        IF NEW.{column} IS NOT NULL AND (
            SELECT t.company_id FROM {table} t WHERE t.id = NEW.{column}
        ) IS DISTINCT FROM NEW.company_id THEN
            RAISE EXCEPTION '{column} belongs to another company'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'same_company',
                  TABLE = TG_TABLE_NAME, COLUMN = '{column}';
        END IF;"""
        for column, table in tables.items()
    )
    return pgtrigger.Trigger(
        name="same_company",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("company_id", *tables),
        func=f"{checks}\nRETURN NEW;",
    )


def same_company_at_once(**tables: str) -> list[pgtrigger.Trigger]:
    """Refuse what `same_company` does, for all rows of a statement together.

    For tables that planning fills: it takes a fraction of the time, and what breaks another rule
    too is refused for that one.
    """
    # One look-up by id for each row, whatever the plan: it is kept for statements of any size.
    checks = "\n".join(
        f"""
        IF EXISTS (
            SELECT 1 FROM new_rows r WHERE r.{column} IS NOT NULL AND (
                SELECT t.company_id FROM {table} t WHERE t.id = r.{column}
            ) IS DISTINCT FROM r.company_id
        ) THEN
            RAISE EXCEPTION '{column} belongs to another company'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'same_company',
                  TABLE = TG_TABLE_NAME, COLUMN = '{column}';
        END IF;"""
        for column, table in tables.items()
    )
    return [
        pgtrigger.Trigger(
            name=name,
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=operation,
            referencing=pgtrigger.Referencing(new="new_rows"),
            func=f"{checks}\nRETURN NULL;",
        )
        for name, operation in (
            ("same_company_entered", pgtrigger.Insert),
            ("same_company_changed", pgtrigger.Update),
        )
    ]


def keeps_company() -> pgtrigger.Trigger:
    """Refuse to hand a row to another company: what points at it would stay behind."""
    return pgtrigger.Trigger(
        name="keeps_company",
        when=pgtrigger.Before,
        operation=pgtrigger.UpdateOf("company_id"),
        condition=pgtrigger.AnyChange("company_id"),
        func="""
        RAISE EXCEPTION 'a row stays with its company'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'keeps_company',
              TABLE = TG_TABLE_NAME, COLUMN = 'company_id';""",
    )


def row_version(*generated: str) -> pgtrigger.Trigger:
    """Count every change of a row in its ``version``, whoever makes it and how.

    To write the version itself is a change like others: saving an old copy cannot turn it back.
    ``generated`` columns follow from others, and PostgreSQL has not computed them yet.
    """
    return pgtrigger.Trigger(
        name="row_version",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.AnyChange(exclude=[*generated]),
        func="NEW.version = OLD.version + 1;\nRETURN NEW;",
    )
