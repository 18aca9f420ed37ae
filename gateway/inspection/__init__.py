"""What auditors and data-protection officers read in the audit: searches, exports, comparisons and reports."""
