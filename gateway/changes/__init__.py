"""Changes: an operator proposes a change; on official a second one approves it before it is applied."""
