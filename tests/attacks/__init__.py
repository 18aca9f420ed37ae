"""What attackers broke in November 2026, one file for each hole: every test here is red without its mend."""
