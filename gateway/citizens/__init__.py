"""Citizens who have signed in themselves, at the national login: their ID token, and what was asked about them."""
