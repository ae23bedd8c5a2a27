"""What proves the figures of the product: baselines, measuring commands, the load of a day."""
