"""A citizen's dossier: the people verified, the form, its review and submission."""
