"""Changes: what one operator proposes and, on official, another approves before it holds."""
