"""Evidence: every question and delivery, chained."""
