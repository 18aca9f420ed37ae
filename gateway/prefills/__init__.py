"""No re-declaration: registry fields for a form."""
