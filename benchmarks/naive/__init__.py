"""The naive gateway that ours is measured against."""
