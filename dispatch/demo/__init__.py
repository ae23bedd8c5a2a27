"""A company to look at: real places of Geneva, invented people, days as they are in the trade."""
