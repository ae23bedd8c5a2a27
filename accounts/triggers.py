"""Database triggers that several apps declare on their models."""

import pgtrigger


def same_company(**tables: str) -> pgtrigger.Trigger:
    """Refuse a row whose related rows belong to another company.

    ``tables`` maps a foreign-key column of the row to the table it points at; each such table has
    a ``company_id``, and so has the row. Nothing crosses from one company to another.
    """
    checks = "\n".join(
        f"""
        IF NEW.{column} IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM {table} t WHERE t.id = NEW.{column} AND t.company_id = NEW.company_id
        ) THEN
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


def row_version(*generated: str) -> pgtrigger.Trigger:
    """Count every change of a row in its ``version``, whoever makes it and how.

    ``generated`` columns follow from others, and PostgreSQL has not computed them yet.
    """
    return pgtrigger.Trigger(
        name="row_version",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.AnyChange(exclude=["version", *generated]),
        func="NEW.version = OLD.version + 1;\nRETURN NEW;",
    )
