"""What scores are worth: pairs, n-best lists, comparisons, filters."""
