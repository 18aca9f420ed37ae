"""Authentication and admission of a call: digest, tokens, locked accounts, rates, permissions."""
