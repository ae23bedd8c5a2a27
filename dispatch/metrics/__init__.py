"""Figures of a plan or a period: their meaning in `figures`, their rows in `reading`."""
