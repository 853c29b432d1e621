"""LAW: pure. What the daemon knows, laid out for a decision. Siblings do not know each other."""
