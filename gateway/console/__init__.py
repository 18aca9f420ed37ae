"""Pages for people: what this gateway is, its calls and problems, and the sign-in of operators."""
