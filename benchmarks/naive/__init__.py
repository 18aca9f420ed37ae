"""The naive gateway for comparison with ours."""
