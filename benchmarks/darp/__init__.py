"""The scoreboard of the optimiser: published instances, days of Geneva, and its peers."""
