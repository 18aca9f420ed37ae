"""Programs for developers; the shipped packages don't import them."""
