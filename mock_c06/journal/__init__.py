"""What the registry faces were asked, as entries that tests query and judge."""
