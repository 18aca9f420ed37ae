"""Who may call: organisations, accounts, their grants and officers."""
