"""Linear heads on frozen encoders: kept as text, trained without chance."""
