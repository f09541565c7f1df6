"""Environment protocols."""
